/** What goes wrong on a link, in the words of `tc-netem(8)`. Each direction draws for itself. */
import { LabError } from '../../base/errors.ts';

export interface Faults {
  /** Shares of the frames, 0 to 1. */
  loss?: number;
  duplicate?: number;
  /** One bit of the frame is turned. */
  corrupt?: number;
  /** Frames that go at once while the others take `delayMs`. */
  reorder?: number;
  /** Each frame takes this long, evenly spread by as much as `jitterMs` to both sides: frames overtake each other then. */
  delayMs?: number;
  jitterMs?: number;
  /** Bits a second; frames wait for each other. */
  rate?: number;
  /** Frames on their way at once; one more is lost. Default 1000. */
  limit?: number;
}

const shares = ['loss', 'duplicate', 'corrupt', 'reorder'] as const;

/** @param where names the link @throws LabError BAD_INPUT */
export function checkFaults(faults: Faults, where: string): void {
  const fail = (field: string, expected: string): never => {
    throw new LabError('BAD_INPUT', `faults of ${where}: ${field} is ${String(faults[field as keyof Faults])}: expected ${expected}`);
  };
  for (const field of shares) {
    const share = faults[field] ?? 0;
    if (!(share >= 0 && share <= 1)) fail(field, 'a share from 0 to 1');
  }
  const delay = faults.delayMs ?? 0;
  if (!(delay >= 0 && delay <= 60_000)) fail('delayMs', 'milliseconds up to 60000');
  if (!((faults.jitterMs ?? 0) >= 0 && (faults.jitterMs ?? 0) <= delay)) fail('jitterMs', 'milliseconds, not more than delayMs');
  if ((faults.reorder ?? 0) > 0 && delay === 0) fail('reorder', 'a delayMs beside it: without one there is nothing to overtake');
  if (faults.rate !== undefined && !(faults.rate > 0)) fail('rate', 'bits a second, more than 0');
  if (faults.limit !== undefined && !(Number.isInteger(faults.limit) && faults.limit > 0)) fail('limit', 'a number of frames');
}
