/** A conntrack table that is listed and thinned by conntrack(8): the kernel's in a node's namespace, or the router's, which has the same words. */
import { LabError } from '../base/errors.ts';
import { isCanonicalFamily } from '../base/ip.ts';
import type { ConntrackFlow, ConntrackTable } from './stale-entries.ts';

export interface ListedFlow extends ConntrackFlow {
  readonly originalSrc: string;
  readonly originalSrcPort: number;
}

/** @returns the status, and what was written; a status that is not 0 is no exception */
export type RunConntrack = (args: readonly string[]) => Promise<{ status: number; stdout: string; stderr: string }>;

/** `udp 17 29 src=A dst=B sport=1 dport=2 [UNREPLIED] src=C dst=D sport=3 dport=4 ...` */
const ENTRY = /^(?:ipv[46]\s+\d+\s+)?(\w+)\s+\d+ .*?src=(\S+) dst=(\S+) sport=(\d+) dport=(\d+) .*?src=(\S+) dst=\S+ sport=(\d+) dport=\d+/;

export class ConntrackTool implements ConntrackTable<ListedFlow> {
  readonly #run: RunConntrack;

  constructor(run: RunConntrack) {
    this.#run = run;
  }

  async list(): Promise<ListedFlow[]> {
    const { status, stdout, stderr } = await this.#run(['-L', '-p', 'udp']);
    if (status !== 0) throw new LabError('BAD_INPUT', `conntrack -L: ${stderr.trim()}`);
    return stdout.split('\n').flatMap(line => {
      const m = ENTRY.exec(line);
      if (m === null) return [];
      const [, protocol, originalSrc, originalDst, sport, dport, replySrc, replyPort] = m as unknown as string[];
      return [
        {
          protocol: protocol!,
          originalSrc: originalSrc!,
          originalSrcPort: Number(sport),
          originalDst: originalDst!,
          originalDstPort: Number(dport),
          replySrc: replySrc!,
          replySrcPort: Number(replyPort),
        },
      ];
    });
  }

  /** One that has gone meanwhile is not counted. */
  async delete(flows: readonly ListedFlow[]): Promise<number> {
    let deleted = 0;
    for (const f of flows) {
      const family = isCanonicalFamily(f.originalSrc, 'IPv4') ? [] : ['-f', 'ipv6'];
      const ports = ['--orig-port-src', String(f.originalSrcPort), '--orig-port-dst', String(f.originalDstPort)];
      const { status } = await this.#run([
        '-D',
        ...family,
        '-p',
        'udp',
        '--orig-src',
        f.originalSrc,
        '--orig-dst',
        f.originalDst,
        ...ports,
      ]);
      if (status === 0) deleted++;
    }
    return deleted;
  }
}
