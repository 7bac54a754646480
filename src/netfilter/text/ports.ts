/** How the ports of tcp, udp and sctp are printed. */
import type { NotRange, Range } from '../ruleset.ts';
import { systemNames } from './names.ts';
import { bang, MAX_U16, port, printRange } from './values.ts';
import type { Words } from './words.ts';

/** All ports: iptables 1.8.9 prints nothing then, not even for the inverted form. */
const every = (r: Range): boolean => r.low === 0 && r.high === MAX_U16;

export const printPorts = (option: string, r: NotRange | undefined): string =>
  r === undefined || every(r) ? '' : `${bang(r.not)} ${option} ${printRange(r)}`;

export const portText = (number: number, protocol: string, numeric: boolean): string =>
  (numeric ? undefined : systemNames.serviceName(number, protocol)) ?? String(number);

/** `spt:80`, `dpts:!1:2`. */
export function listPorts(name: string, r: NotRange | undefined, protocol: string, numeric: boolean): string {
  if (r === undefined || (every(r) && !r.not)) return '';
  const low = portText(r.low, protocol, numeric);
  const not = r.not ? '!' : '';
  return r.low === r.high ? ` ${name}:${not}${low}` : ` ${name}s:${not}${low}:${portText(r.high, protocol, numeric)}`;
}

/**
 * Ports of udp and conntrack, which iptables leaves to getaddrinfo(3): always decimal, names of any protocol, ends in any order.
 * Differs from iptables 1.8.9, where the C library takes 70000 for 4464 and nothing at all for 0.
 */
export function resolvedRange(word: string, words: Words): Range {
  const parts = word.split(':');
  if (parts.length > 2 || word === '') return words.bad('a port or a range low:high of 0..65535');
  const [low, high] = parts.map((part, i) => (part === '' ? (i === 0 ? 0 : MAX_U16) : resolved(part, words)));
  return { low: low!, high: high ?? low! };
}

function resolved(part: string, words: Words): number {
  const m = /^\s*\+?(\d+)$/.exec(part);
  if (!m) return /^[\s\d]/.test(part) ? words.bad('a decimal port or the name of a service') : port(part, words);
  const v = Number(m[1]);
  return v <= MAX_U16 ? v : words.bad('a port 0..65535');
}
