/** Both sides' play of one case, set side by side. */

import { u16 } from '../../src/wire/bytes.ts';
import * as ethernet from '../../src/wire/ethernet.ts';
import * as ipv4 from '../../src/wire/ipv4.ts';
import { tell } from '../router/frames.ts';
import type { Case } from './case.ts';
import { type Fields, fieldsOf } from './normalise.ts';
import type { Played } from './play.ts';
import type { Output } from './wires.ts';

export interface Difference {
  /** Step, or `conntrack`, or `counters`. */
  where: string;
  field: string;
  kernel: string;
  userspace: string;
}

/** Ports that one side drew, by the other's: of the same class, and among flows that could be mistaken for each other one to one. */
export class Renaming {
  readonly #toKernel = new Map<string, string>();
  readonly #toUserspace = new Map<string, string>();
  count = 0;

  /**
   * May `userspace` stand where `kernel` stands? The first time decides for the rest of the case.
   * @param between whom: flows to different hosts may be drawn the same port, and differently on the two sides
   */
  agrees(kernel: string, userspace: string, between: string): boolean {
    if (kernel === userspace) return true;
    if (!alike(kernel, userspace)) return false;
    const known = this.#toKernel.get(`${between} ${userspace}`);
    if (known !== undefined || this.#toUserspace.has(`${between} ${kernel}`)) return known === kernel;
    this.#toKernel.set(`${between} ${userspace}`, kernel);
    this.#toUserspace.set(`${between} ${kernel}`, userspace);
    this.count++;
    return true;
  }

  /**
   * Are two checksums, in a packet that an ICMP error quotes, wrong by amounts that differ as a drawn port does? A segment that was quoted before its
   * checksum was finished has the translation in its ports and not in its sum, on both sides: the port stands in neither, and in the sum's error.
   */
  explains(kernel: string, userspace: string): boolean {
    const off = (value: string): number => Number(/^off by (\d+)$/.exec(value)?.[1]);
    // A sum that is right on one side is finished there.
    if (off(kernel) === 0 || off(userspace) === 0) return false;
    const by = off(kernel) - off(userspace);
    return [...this.#toKernel].some(([key, port]) => {
      const drawn = Number(port.split(' ')[1]) - Number(key.split(' ').at(-1));
      return (by - drawn) % 65_535 === 0 || (by + drawn) % 65_535 === 0;
    });
  }
}

/** Identifiers of ICMP are drawn from all that there are (`query `), ports from those of a class (`port `). */
const alike = (kernel: string, userspace: string): boolean =>
  kernel.startsWith('query ') || portClass(Number(kernel.slice(5))) === portClass(Number(userspace.slice(5)));

const isDrawn = (value: string): boolean => value.startsWith('port ') || value.startsWith('query ');

/** Protocol, addresses in one order, and the other port where both sides have the same. */
function between(name: string, kernel: Fields, userspace: Fields): string {
  const of = (fields: Fields, field: string): string => fields.find(([n]) => n === field)?.[1] ?? '';
  const outer = name.slice(0, name.lastIndexOf('.', name.lastIndexOf('.') - 1));
  const other = name.endsWith('srcPort') ? name.replace('srcPort', 'dstPort') : name.replace('dstPort', 'srcPort');
  const port = other !== name && of(kernel, other) === of(userspace, other) ? of(kernel, other) : '';
  return [of(kernel, `${outer}.src`), of(kernel, `${outer}.dst`)].toSorted().join(' ') + name.slice(outer.length, outer.length + 4) + port;
}

/** `nf_nat_l4proto_unique_tuple`: the ranges that a port is drawn from. */
export const portClass = (port: number): number => (port < 512 ? 0 : port < 1024 ? 1 : 2);

/** The kernel asks for neighbours again when it likes; everybody's addresses are known, so an ARP request is never the answer. */
const counts = (o: Output): boolean => ethernet.type(o.frame, 0) !== ethernet.EtherType.Arp;

export function compareOutputs(c: Case, kernel: Played, userspace: Played, renaming: Renaming): Difference | undefined {
  const kIds = idsOf(kernel);
  const uIds = idsOf(userspace);
  for (const i of c.steps.keys()) {
    const k = byLink(kernel.outputs[i]!);
    const u = byLink(userspace.outputs[i]!);
    const where = `step ${i}`;
    const sameInjected = sameFrame(kernel.frames[i], userspace.frames[i]);
    if (k.length !== u.length) {
      return { where, field: 'frames', kernel: describe(k), userspace: describe(u) };
    }
    for (const [n, ko] of k.entries()) {
      const uo = u[n]!;
      if (ko.link !== uo.link) return { where, field: 'link', kernel: describe(k), userspace: describe(u) };
      if (sameFrame(ko.frame, uo.frame) && sameInjected) continue;
      const moved = keptPort(kernel.frames[i], ko.frame) !== keptPort(userspace.frames[i], uo.frame);
      if (moved) return { where, field: 'port kept', kernel: describe([ko]), userspace: describe([uo]) };
      const kf = fieldsOf(ko.frame, kernel.frames[i], kIds);
      const uf = fieldsOf(uo.frame, userspace.frames[i], uIds);
      for (let f = 0; f < Math.max(kf.length, uf.length); f++) {
        const [kName, kValue] = kf[f] ?? ['nothing', ''];
        const [uName, uValue] = uf[f] ?? ['nothing', ''];
        const same = isDrawn(kValue) && isDrawn(uValue) ? renaming.agrees(kValue, uValue, between(kName, kf, uf)) : kValue === uValue;
        const quotedSum = kName.includes('.quoted.') && kName.endsWith('.checksum');
        const equal = kName === uName && (same || (quotedSum && renaming.explains(kValue, uValue)));
        if (!equal)
          return {
            where,
            field: kName,
            kernel: `${kName} ${kValue} in ${describe([ko])}`,
            userspace: `${uName} ${uValue} in ${describe([uo])}`,
          };
      }
    }
  }
  return undefined;
}

/** What is the same byte for byte needs no field to be read. */
const sameFrame = (a: Uint8Array | undefined, b: Uint8Array | undefined): boolean =>
  a === b || (a !== undefined && b !== undefined && Buffer.compare(a, b) === 0);

/**
 * Which ports of the injected packet does the output still have? Below 1024 so few are drawn from that one may come back by chance.
 * @returns bit 0 the source port, bit 1 the destination port; -1 when there is nothing to compare
 */
function keptPort(injected: Uint8Array | undefined, out: Uint8Array): number {
  if (!injected || !isWholeTransport(injected) || !isWholeTransport(out) || injected[23] !== out[23]) return -1;
  if (ipv4.identification(injected, 14) !== ipv4.identification(out, 14)) return -1;
  const a = 14 + ipv4.headerLength(injected, 14);
  const b = 14 + ipv4.headerLength(out, 14);
  const kept = (at: number): boolean => u16(injected, a + at) < 1024 || u16(injected, a + at) === u16(out, b + at);
  return (kept(0) ? 1 : 0) | (kept(2) ? 2 : 0);
}

const isWholeTransport = (b: Uint8Array): boolean =>
  b.length >= 42 && b[12] === 8 && b[13] === 0 && (b[23] === 6 || b[23] === 17) && !ipv4.isFragment(b, 14);

function idsOf(p: Played): Set<number> {
  const ids = new Set<number>();
  for (const frame of p.frames) if (frame && frame.length >= 20) ids.add((frame[18]! << 8) | frame[19]!);
  return ids;
}

const byLink = (outputs: readonly Output[]): Output[] =>
  outputs.filter(counts).toSorted((x, y) => (x.link < y.link ? -1 : x.link > y.link ? 1 : 0));

const describe = (outputs: readonly Output[]): string =>
  outputs.length === 0 ? 'nothing' : outputs.map(o => `${o.link}: ${tell(o.frame)}`).join('; ');

/** Seconds by which two timeouts may differ: the sides are asked one after the other. */
const CLOCK_SLACK_S = 3;

/** Lines of `conntrack -L`: all but the timeout must agree, and that nearly. */
export function compareConnections(kernel: readonly string[], userspace: readonly string[]): Difference | undefined {
  const left = userspace.map(parseEntry);
  for (const a of kernel.map(parseEntry)) {
    const alike = left.filter(b => b.shape === a.shape);
    const same = (b: Entry): boolean => a.ports.every((port, n) => port === b.ports[n]);
    const b = alike.find(same) ?? alike[0];
    if (!b) return { where: 'conntrack', field: 'entry', kernel: a.line, userspace: nearest(a, left)?.line ?? 'none' };
    if (Math.abs(a.timeout - b.timeout) > CLOCK_SLACK_S) return { where: 'conntrack', field: 'timeout', kernel: a.line, userspace: b.line };
    left.splice(left.indexOf(b), 1);
  }
  return left.length === 0 ? undefined : { where: 'conntrack', field: 'entry', kernel: 'none', userspace: left[0]!.line };
}

/** May these two stand for the same entry? */
export const sameEntry = (a: Entry, b: Entry): boolean => a.shape === b.shape && Math.abs(a.timeout - b.timeout) <= CLOCK_SLACK_S;

/** Of the same flow, to be set beside it. */
const nearest = (a: Entry, others: readonly Entry[]): Entry | undefined => others.find(b => b.flow === a.flow);

export interface Entry {
  line: string;
  timeout: number;
  /** Protocol and original addresses. */
  flow: string;
  /** The line without what may differ: its timeout, and the ports, of which only the class stands. */
  shape: string;
  ports: string[];
}

export function parseEntry(line: string): Entry {
  const m = /^(\S+\s+\d+) (\d+) (.*?)\s*$/.exec(line);
  const rest = (m ? m[3]! : line).replace(/ use=\d+/, '').replace(/ secctx=\S+/, '');
  const ports: string[] = [];
  const shape = rest.replace(/\b(sport|dport|id)=(\d+)/g, (_, word: string, port: string) => {
    ports.push(port);
    return word === 'id' ? 'id=' : `${word}=class${portClass(Number(port))}`;
  });
  const flow = `${m?.[1]} ${/src=\S+ dst=\S+/.exec(rest)?.[0]}`;
  return { line, timeout: m ? Number(m[2]) : 0, flow, shape: `${m?.[1]} ${shape}`, ports };
}

/** Lines of `iptables-save -c`, table by table: the tools write tables in different orders. */
export function compareCounters(kernel: readonly string[], userspace: readonly string[]): Difference | undefined {
  const k = byTable(kernel);
  const u = byTable(userspace);
  for (let i = 0; i < Math.max(k.length, u.length); i++) {
    if (k[i] !== u[i]) return { where: 'counters', field: 'line', kernel: k[i] ?? 'none', userspace: u[i] ?? 'none' };
  }
  return undefined;
}

function byTable(lines: readonly string[]): string[] {
  const tables = new Map<string, string[]>();
  let current: string[] = [];
  for (const line of lines) {
    if (line.startsWith('*')) {
      current = [];
      tables.set(line, current);
    }
    // iptables-nft does not count what a policy takes.
    current.push(/^:[A-Z]+ (ACCEPT|DROP) /.test(line) ? line.replace(/\[.*\]/, '') : line);
  }
  return [...tables.keys()].toSorted().flatMap(t => tables.get(t)!);
}
