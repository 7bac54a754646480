/** An entry, or what an event kept of one, as plain values: what the printers and filters of this folder read. Cold side. */
import type { Conntrack } from '../conntrack.ts';
import type { EventRecord } from '../events.ts';
import { DST, ENTRY, IPS_BITS, KEY, KEY_ACCT, KEY_TSTAMP, MARK, PORTS, REPLY, SRC, STATE_SHIFT, STATUS } from '../layout.ts';

export interface TupleView {
  src: number;
  dst: number;
  /** source << 16 | destination; ICMP: identifier << 16 | type << 8 | code. */
  ports: number;
}

export interface EntryView {
  protocol: number;
  original: TupleView;
  reply: TupleView;
  /** IPS_* bits. */
  status: number;
  /** `TcpState`. */
  state: number;
  mark: number;
  /** Zone id, and the directions that it counts in: 1 original, 2 reply, 3 both. */
  zone: number;
  zoneDirections: number;
  secondsLeft: number;
  id: number;
  /** Original and reply; absent when packets are not counted. */
  counters?: { packets: [number, number]; bytes: [number, number] };
  /** Milliseconds since 1970; absent when times are not kept. `stopped` is 0 while it lives. */
  times?: { started: number; stopped: number };
}

const tuple = (w: Int32Array, at: number): TupleView => ({ src: w[at + SRC]!, dst: w[at + DST]!, ports: w[at + PORTS]! });

function fromWords(w: Int32Array, at: number, secondsLeft: number, id: number): EntryView {
  const key = w[at + KEY]!;
  return {
    protocol: key & 0xff,
    original: tuple(w, at),
    reply: tuple(w, at + REPLY),
    status: w[at + STATUS]! & IPS_BITS,
    state: (w[at + STATUS]! >>> STATE_SHIFT) & 15,
    mark: w[at + MARK]! >>> 0,
    zone: (key >>> 8) & 0xffff,
    zoneDirections: (key >>> 24) & 3,
    secondsLeft,
    id,
  };
}

export function viewOf(ct: Conntrack, i: number): EntryView {
  const view = fromWords(ct.core.table.words, i * ENTRY, Math.floor(ct.expiresMs(i) / 1000), ct.id(i));
  if (ct.counted(i)) view.counters = { packets: [ct.packets(i, 0), ct.packets(i, 1)], bytes: [ct.bytes(i, 0), ct.bytes(i, 1)] };
  if (ct.startedMs(i) !== 0) view.times = { started: ct.startedMs(i), stopped: 0 };
  return view;
}

export function viewOfEvent(e: EventRecord): EntryView {
  const view = fromWords(e.words, 0, e.secondsLeft, e.id);
  if ((e.words[KEY]! & KEY_ACCT) !== 0) view.counters = { packets: e.packets, bytes: e.bytes };
  if ((e.words[KEY]! & KEY_TSTAMP) !== 0) view.times = { started: e.startedMs, stopped: e.stoppedMs };
  return view;
}
