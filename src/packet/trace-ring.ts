/**
 * A ring of records between two threads, over a SharedArrayBuffer: the node's thread writes what it did with a packet, the capture
 * thread reads it. One writer, one reader. The writer never waits: what finds no room is counted and left out.
 *
 *     control (64 bytes)   0 written  4 read (both: bytes, modulo 2^32)  8 lost packets  16 origin, ns since 1970 (int64)
 *     record               0 size  4 kind  8 time after the origin, ns (float64)  16 packet id  20 fields of the kind
 *
 * Records start at multiples of 8 and do not cross the end: there a record of kind `Pad` fills the rest. Sizes are powers of two, so
 * that a position modulo 2^32 is one modulo the size as well.
 */
export const CONTROL_LEN = 64;
export const Control = { Written: 0, Read: 1, Lost: 2 } as const;
/** Index into a BigInt64Array over the control part. */
export const ORIGIN = 2;

export const RecordKind = { Pad: 0, Hop: 1, Rule: 2, Nat: 3, Conntrack: 4, Drop: 5 } as const;

/** What a `Rule` record is about: a rule whose tests passed, the end of a chain that was called, the policy of a built-in chain. */
export const RuleEvent = { Matched: 0, End: 1, Policy: 2 } as const;

/** Bytes of a record without the frame that a `Hop` carries. */
export const RECORD_LEN = 64;

/** Int32 indices of the fields, from the record's start. */
export const Field = {
  Size: 0,
  Kind: 1,
  Packet: 4,
  // Hop
  HopId: 5,
  Direction: 6,
  Ct: 7,
  CtInfo: 8,
  Mark: 9,
  Reason: 10,
  Length: 11,
  Captured: 12,
  LinkType: 13,
  // Rule
  Event: 5,
  Hook: 6,
  Counter: 7,
  Verdict: 8,
  // Nat
  Manip: 5,
  FromAddress: 6,
  FromPort: 7,
  ToAddress: 8,
  ToPort: 9,
} as const;
/** Float64 index of the time, from the record's start. */
export const TIME = 1;

/** Views of a ring's memory, the same for both sides. */
export interface TraceRing {
  readonly shared: SharedArrayBuffer;
  readonly control: Int32Array;
  readonly origin: BigInt64Array;
  readonly words: Int32Array;
  readonly times: Float64Array;
  readonly bytes: Uint8Array;
  /** Of the part that holds records. */
  readonly size: number;
}

/** @param size bytes for records: a power of two, 4096 or more */
export function createTraceRing(size = 4 << 20): SharedArrayBuffer {
  if (size < 4096 || (size & (size - 1)) !== 0) throw new RangeError(`size of a trace ring: ${size}: must be a power of two from 4096`);
  return new SharedArrayBuffer(CONTROL_LEN + size);
}

export function viewTraceRing(shared: SharedArrayBuffer): TraceRing {
  return {
    shared,
    control: new Int32Array(shared, 0, CONTROL_LEN / 4),
    origin: new BigInt64Array(shared, 0, CONTROL_LEN / 8),
    words: new Int32Array(shared, CONTROL_LEN),
    times: new Float64Array(shared, CONTROL_LEN),
    bytes: new Uint8Array(shared, CONTROL_LEN),
    size: shared.byteLength - CONTROL_LEN,
  };
}
