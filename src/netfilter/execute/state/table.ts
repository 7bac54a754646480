/** Makes the states that a program describes, and adapts those that live on from the one before. */
import { LimitBucket } from '../matches/limit.ts';
import { NthCounter } from '../matches/statistic.ts';
import { HashlimitTable } from './hashlimit-table.ts';
import { RecentList } from './recent-list.ts';
import type { StateSpec } from './spec.ts';

interface Kind {
  make(spec: StateSpec): object;
  /** A state of the same name is there already. */
  keep?(state: object, spec: StateSpec): void;
}

const kinds: Readonly<Record<string, Kind>> = {
  nth: { make: ({ numbers }) => new NthCounter(numbers[0]!, numbers[1]!) },
  limit: { make: ({ numbers }) => new LimitBucket(numbers[0]!, numbers[1]!) },
  recent: {
    make: ({ name, numbers }) => new RecentList(name!, numbers[0]!, numbers[1]!),
    keep: (state, { numbers }) => (state as RecentList).widen(numbers[1]!),
  },
  hashlimit: {
    make({ numbers }) {
      const [bytes, average, burst, mode, srcMask, dstMask, max, gcIntervalMs, expireMs, rateMatch, rateIntervalS] =
        numbers as HashlimitNumbers;
      return new HashlimitTable({
        bytes: bytes === 1,
        average,
        burst,
        mode,
        srcMask,
        dstMask,
        max,
        gcIntervalMs,
        expireMs,
        rateMatch: rateMatch === 1,
        rateIntervalS,
      });
    },
  },
};
type HashlimitNumbers = [number, number, number, number, number, number, number, number, number, number, number];

export function makeState(spec: StateSpec): object {
  return kindOf(spec).make(spec);
}
export function keepState(state: object, spec: StateSpec): object {
  kindOf(spec).keep?.(state, spec);
  return state;
}
function kindOf(spec: StateSpec): Kind {
  const kind = kinds[spec.kind];
  if (!kind) throw new RangeError(`a kind of state that nobody makes: ${spec.kind}`);
  return kind;
}
