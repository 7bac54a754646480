/** Entries and events in the words of conntrack(8), byte for byte (conntrack-tools 1.4.7, libnetfilter_conntrack 1.0.9). */
import { formatIpv4 } from '../../base/address.ts';
import { Event, type EventRecord } from '../events.ts';
import { Ips } from '../status.ts';
import { tcpStateNames } from '../tcp/states.ts';
import { type EntryView, type TupleView, viewOfEvent } from './view.ts';

/** What `-o` asks for. */
export interface Output {
  extended?: boolean;
  id?: boolean;
  timestamp?: boolean;
  ktimestamp?: boolean;
}

/** Layer 4 protocols that the tool knows by name. */
export const protocolNames: Readonly<Record<number, string>> = {
  1: 'icmp',
  6: 'tcp',
  17: 'udp',
  33: 'dccp',
  47: 'gre',
  58: 'icmpv6',
  132: 'sctp',
  136: 'udplite',
};
const ICMP = 1;
const TCP = 6;
const GRE = 47;

const withPorts = (protocol: number): boolean => [6, 17, 33, 132, 136].includes(protocol);

function tupleText(t: TupleView, protocol: number): string {
  const addresses = `src=${formatIpv4(t.src)} dst=${formatIpv4(t.dst)} `;
  if (withPorts(protocol)) return `${addresses}sport=${t.ports >>> 16} dport=${t.ports & 0xffff} `;
  if (protocol === ICMP) return `${addresses}type=${(t.ports >>> 8) & 0xff} code=${t.ports & 0xff} id=${t.ports >>> 16} `;
  if (protocol === GRE) return `${addresses}srckey=0x${(t.ports >>> 16).toString(16)} dstkey=0x${(t.ports & 0xffff).toString(16)} `;
  return addresses;
}

/** ctime(3) without its line end: `Fri Nov 20 09:33:08 2026`, local time. */
function ctime(ms: number): string {
  const d = new Date(ms);
  const two = (n: number): string => String(n).padStart(2, '0');
  const day = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'][d.getDay()]!;
  const month = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'][d.getMonth()]!;
  const time = `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`;
  return `${day} ${month} ${String(d.getDate()).padStart(2)} ${time} ${d.getFullYear()}`;
}

/** What is shown besides the entry itself. A list shows all; an event shows what the kernel sends along with it. */
interface Shown {
  timeout: boolean;
  counters: boolean;
  times: boolean;
  mark: boolean;
  use: boolean;
}

function text(e: EntryView, output: Output, shown: Shown, nowMs: number): string {
  const counters = (dir: 0 | 1): string =>
    shown.counters && e.counters ? `packets=${e.counters.packets[dir]} bytes=${e.counters.bytes[dir]} ` : '';
  let s = output.extended ? 'ipv4     2 ' : '';
  s += `${(protocolNames[e.protocol] ?? 'unknown').padEnd(8)} ${e.protocol} `;
  if (shown.timeout) s += `${e.secondsLeft} `;
  if (e.protocol === TCP) s += `${tcpStateNames[e.state]} `;
  s += tupleText(e.original, e.protocol);
  if (e.zone !== 0 && e.zoneDirections === 1) s += `zone-orig=${e.zone} `;
  s += counters(0);
  if ((e.status & Ips.SeenReply) === 0) s += '[UNREPLIED] ';
  s += tupleText(e.reply, e.protocol);
  if (e.zone !== 0 && e.zoneDirections === 2) s += `zone-reply=${e.zone} `;
  s += counters(1);
  if ((e.status & Ips.Assured) !== 0) s += '[ASSURED] ';
  if (shown.mark) s += `mark=${e.mark} `;
  if (e.zone !== 0 && e.zoneDirections === 3) s += `zone=${e.zone} `;
  if (shown.times && e.times) {
    const { started, stopped } = e.times;
    s += `delta-time=${Math.floor((stopped || nowMs) / 1000) - Math.floor(started / 1000)} `;
    if (output.ktimestamp) s += `[start=${ctime(started)}] ${stopped ? `[stop=${ctime(stopped)}] ` : ''}`;
  }
  if (shown.use) s += 'use=1 ';
  if (output.id) s += `id=${e.id} `;
  return s.slice(0, -1);
}

/** A line of `conntrack -L`, without its line end. @param nowMs milliseconds since 1970 */
export const entryLine = (e: EntryView, output: Output, nowMs: number): string =>
  text(e, output, { timeout: true, counters: true, times: true, mark: true, use: true }, nowMs);

/** Which kind of message the tool makes of an event: the words of `-e`. */
export const eventKind = (bits: number): 'NEW' | 'UPDATE' | 'DESTROY' =>
  (bits & Event.Destroy) !== 0 ? 'DESTROY' : (bits & (Event.New | Event.Related)) !== 0 ? 'NEW' : 'UPDATE';

/** A line of `conntrack -E`, without its line end. */
export function eventLine(record: EventRecord, output: Output): string {
  const e = viewOfEvent(record);
  const kind = eventKind(record.bits);
  const destroyed = kind === 'DESTROY';
  const shown: Shown = {
    timeout: !destroyed || e.secondsLeft > 0,
    counters: destroyed,
    times: destroyed,
    mark: e.mark !== 0 || (record.bits & Event.Mark) !== 0,
    use: false,
  };
  const us = Math.floor(record.atMs * 1000) % 1_000_000;
  const at = output.timestamp ? `[${Math.floor(record.atMs / 1000)}.${String(us).padStart(6, '0')}]\t` : '';
  return `${at}${`[${kind}]`.padStart(9)} ${text(e, output, shown, record.atMs)}`;
}
