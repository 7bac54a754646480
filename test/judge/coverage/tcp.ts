/** A cell of the TCP state table: the state that an entry is in, what comes, and which way it goes. */

import { packetClass, TcpState, tcpStateNames, validFlags } from '../../../src/conntrack/tcp/states.ts';
import type { EntryView, TupleView } from '../../../src/conntrack/text/view.ts';
import { i32, u16 } from '../../../src/wire/bytes.ts';
import * as ipv4 from '../../../src/wire/ipv4.ts';
import * as tcp from '../../../src/wire/tcp.ts';

const IP = 14;
const SHORTEST = IP + ipv4.HEADER_LEN + tcp.HEADER_LEN;
/** In the numbers of `TcpPacket`. */
export const classNames = ['syn', 'synack', 'fin', 'ack', 'rst'] as const;
export const directionNames = ['original', 'reply'] as const;

/** Its tuple; undefined for what is no whole TCP segment over IPv4. */
export function tcpTuple(frame: Uint8Array): TupleView | undefined {
  if (frame.length < SHORTEST || u16(frame, 12) !== 0x0800 || frame[IP + 9] !== ipv4.Protocol.Tcp || ipv4.isFragment(frame, IP))
    return undefined;
  const l4 = IP + ipv4.headerLength(frame, IP);
  return { src: ipv4.src(frame, IP), dst: ipv4.dst(frame, IP), ports: i32(frame, l4) };
}

/** @param entry the one that the segment belongs to, before it comes */
export function tcpItem(frame: Uint8Array, tuple: TupleView, entry: EntryView | undefined): string {
  const flags = tcp.flags(frame, IP + ipv4.headerLength(frame, IP));
  if (!validFlags(flags)) return 'tcp flags that nobody sends';
  const original = !entry || (entry.original.src === tuple.src && entry.original.dst === tuple.dst && entry.original.ports === tuple.ports);
  const state = tcpStateNames[entry?.state ?? TcpState.None];
  return `tcp ${original ? 'original' : 'reply'} ${classNames[packetClass(flags)]} in ${state}`;
}
