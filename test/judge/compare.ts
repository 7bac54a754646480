/** Both sides' play of one case, set side by side. */

import * as ethernet from '../../src/wire/ethernet.ts';
import { tell } from '../router/frames.ts';
import type { Case } from './case.ts';
import { fieldsOf } from './normalise.ts';
import type { Played } from './play.ts';
import type { Output } from './wires.ts';

export interface Difference {
  /** Step, or `conntrack`, or `counters`. */
  where: string;
  field: string;
  kernel: string;
  userspace: string;
}

/** Ports that one side drew, by the other's: one to one within a case. */
export class Renaming {
  readonly #toKernel = new Map<string, string>();
  readonly #toUserspace = new Map<string, string>();
  count = 0;

  /** May `userspace` stand where `kernel` stands? The first time decides for the rest of the case. */
  agrees(kernel: string, userspace: string): boolean {
    if (kernel === userspace && !this.#toKernel.has(userspace) && !this.#toUserspace.has(kernel)) return true;
    const known = this.#toKernel.get(userspace);
    if (known !== undefined || this.#toUserspace.has(kernel)) return known === kernel;
    if (portClass(Number(kernel.slice(5))) !== portClass(Number(userspace.slice(5)))) return false;
    this.#toKernel.set(userspace, kernel);
    this.#toUserspace.set(kernel, userspace);
    this.count++;
    return true;
  }

  /** A text of the router's side with the kernel's ports. */
  inKernelsWords(text: string): string {
    return text.replace(/\b(sport|dport|id)=(\d+)/g, (whole, word: string, port: string) => {
      const known = this.#toKernel.get(`port ${port}`);
      return known === undefined ? whole : `${word}=${known.slice(5)}`;
    });
  }
}

/** `nf_nat_l4proto_unique_tuple`: the ranges that a port is drawn from. */
export const portClass = (port: number): number => (port < 512 ? 0 : port < 1024 ? 1 : 2);

/** The kernel asks for neighbours again when it likes; everybody's addresses are known, so an ARP request is never the answer. */
const counts = (o: Output): boolean => ethernet.type(o.frame, 0) !== ethernet.EtherType.Arp;

export function compareOutputs(c: Case, kernel: Played, userspace: Played, renaming: Renaming): Difference | undefined {
  for (const i of c.steps.keys()) {
    const k = byLink(kernel.outputs[i]!);
    const u = byLink(userspace.outputs[i]!);
    const kIds = idsOf(kernel);
    const uIds = idsOf(userspace);
    const where = `step ${i}`;
    if (k.length !== u.length) {
      return { where, field: 'frames', kernel: describe(k), userspace: describe(u) };
    }
    for (const [n, ko] of k.entries()) {
      const uo = u[n]!;
      if (ko.link !== uo.link) return { where, field: 'link', kernel: describe(k), userspace: describe(u) };
      const kf = fieldsOf(ko.frame, kIds);
      const uf = fieldsOf(uo.frame, uIds);
      for (let f = 0; f < Math.max(kf.length, uf.length); f++) {
        const [kName, kValue] = kf[f] ?? ['nothing', ''];
        const [uName, uValue] = uf[f] ?? ['nothing', ''];
        const equal =
          kName === uName &&
          (kValue.startsWith('port ') && uValue.startsWith('port ') ? renaming.agrees(kValue, uValue) : kValue === uValue);
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
export function compareConnections(kernel: readonly string[], userspace: readonly string[], renaming: Renaming): Difference | undefined {
  const parse = (line: string): { key: string; timeout: number } => {
    const m = /^(\S+\s+\d+) (\d+) (.*?)\s*$/.exec(line);
    return m
      ? { key: `${m[1]} ${m[3]!.replace(/ use=\d+/, '').replace(/ secctx=\S+/, '')}`, timeout: Number(m[2]) }
      : { key: line, timeout: 0 };
  };
  const sorted = (lines: readonly string[]) => lines.map(parse).toSorted((x, y) => (x.key < y.key ? -1 : 1));
  const k = sorted(kernel);
  const u = sorted(userspace.map(l => renaming.inKernelsWords(l)));
  for (let i = 0; i < Math.max(k.length, u.length); i++) {
    const a = k[i];
    const b = u[i];
    if (a?.key !== b?.key) return { where: 'conntrack', field: 'entry', kernel: a?.key ?? 'none', userspace: b?.key ?? 'none' };
    if (Math.abs(a!.timeout - b!.timeout) > CLOCK_SLACK_S)
      return { where: 'conntrack', field: 'timeout', kernel: `${a!.timeout} of ${a!.key}`, userspace: `${b!.timeout} of ${b!.key}` };
  }
  return undefined;
}

export function compareCounters(kernel: readonly string[], userspace: readonly string[]): Difference | undefined {
  for (let i = 0; i < Math.max(kernel.length, userspace.length); i++) {
    if (kernel[i] !== userspace[i])
      return { where: 'counters', field: `line ${i + 1}`, kernel: kernel[i] ?? 'none', userspace: userspace[i] ?? 'none' };
  }
  return undefined;
}
