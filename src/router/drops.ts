/** Counts of packets that ended, by the kernel's reason (`base/drop-reason.ts`). */
import { DROP_REASONS, type DropReason, dropReasonName } from '../base/drop-reason.ts';

export class Drops {
  readonly counts = new Float64Array(DROP_REASONS);

  count(reason: DropReason): void {
    this.counts[reason]! += 1;
  }

  /** Reasons that have been counted, for eyes. */
  toObject(): Record<string, number> {
    const seen: Record<string, number> = {};
    for (let r = 0; r < DROP_REASONS; r++) if (this.counts[r]! > 0) seen[dropReasonName(r as DropReason)] = this.counts[r]!;
    return seen;
  }
}
