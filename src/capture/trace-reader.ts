/** The capture thread's end of a trace ring: records in the order in which the router wrote them, as objects. */
import { Control, Field, ORIGIN, RECORD_LEN, RecordKind, TIME, type TraceRing, viewTraceRing } from '../packet/trace-ring.ts';

interface Common {
  /** Since 1970. */
  timeNs: bigint;
  /** Given by the node's tracer, from 1. */
  packet: number;
}

/** The packet stood at a hop; with a `reason` it ended there. `bytes` is a copy. */
export interface HopRecord extends Common {
  kind: 'hop' | 'drop';
  hopId: number;
  /** `TraceDirection`. */
  direction: number;
  ct: number;
  ctinfo: number;
  mark: number;
  reason: number;
  length: number;
  linkType: number;
  bytes: Uint8Array;
}
export interface RuleRecord extends Common {
  kind: 'rule';
  /** `RuleEvent`. */
  event: number;
  hook: number;
  /** Of the compiled program. */
  counter: number;
  /** Of a policy. */
  verdict: number;
}
/** Addresses are int32. */
export interface NatRecord extends Common {
  kind: 'nat';
  manip: number;
  fromAddress: number;
  fromPort: number;
  toAddress: number;
  toPort: number;
}
export interface ConntrackRecord extends Common {
  kind: 'conntrack';
  ct: number;
  ctinfo: number;
  mark: number;
}
export type TraceRecord = HopRecord | RuleRecord | NatRecord | ConntrackRecord;

export class TraceReader {
  readonly #ring: TraceRing;
  constructor(shared: SharedArrayBuffer) {
    this.#ring = viewTraceRing(shared);
  }

  /** Records that the router could not write for want of room. */
  get lost(): number {
    return Atomics.load(this.#ring.control, Control.Lost);
  }

  /** Visit what has been written up to now, and give the room back. @returns how many. */
  drain(visit: (record: TraceRecord) => void): number {
    const { control, words, size } = this.#ring;
    const written = Atomics.load(control, Control.Written);
    let read = control[Control.Read]!;
    let n = 0;
    while (read !== written) {
      const word = (read & (size - 1)) >>> 2;
      if (words[word + Field.Kind] !== RecordKind.Pad) {
        visit(this.#record(word));
        n++;
      }
      read = (read + words[word + Field.Size]!) | 0;
      Atomics.store(control, Control.Read, read);
    }
    return n;
  }

  #record(word: number): TraceRecord {
    const { words: w, times, bytes, origin } = this.#ring;
    const timeNs = origin[ORIGIN]! + BigInt(Math.round(times[(word >>> 1) + TIME]!));
    const packet = w[word + Field.Packet]!;
    const at = (field: number): number => w[word + field]!;
    switch (at(Field.Kind)) {
      case RecordKind.Rule:
        return {
          kind: 'rule',
          timeNs,
          packet,
          event: at(Field.Event),
          hook: at(Field.Hook),
          counter: at(Field.Counter),
          verdict: at(Field.Verdict),
        };
      case RecordKind.Nat:
        return {
          kind: 'nat',
          timeNs,
          packet,
          manip: at(Field.Manip),
          fromAddress: at(Field.FromAddress),
          fromPort: at(Field.FromPort),
          toAddress: at(Field.ToAddress),
          toPort: at(Field.ToPort),
        };
      case RecordKind.Conntrack:
        return { kind: 'conntrack', timeNs, packet, ct: at(Field.Ct), ctinfo: at(Field.CtInfo), mark: at(Field.Mark) };
      default: {
        const start = word * 4 + RECORD_LEN;
        return {
          kind: at(Field.Kind) === RecordKind.Drop ? 'drop' : 'hop',
          timeNs,
          packet,
          hopId: at(Field.HopId),
          direction: at(Field.Direction),
          ct: at(Field.Ct),
          ctinfo: at(Field.CtInfo),
          mark: at(Field.Mark),
          reason: at(Field.Reason),
          length: at(Field.Length),
          linkType: at(Field.LinkType),
          bytes: Uint8Array.from(bytes.subarray(start, start + at(Field.Captured))),
        };
      }
    }
  }
}
