/** A conntrack table that is listed and thinned by conntrack(8): the kernel's in a node's namespace, or the router's, which has the same words. */
import { LabError } from '../base/errors.ts';
import { isCanonicalFamily } from '../base/ip.ts';
import type { ConntrackFlow, ConntrackTable } from './stale-entries.ts';

/** @returns the status, and what was written; a status that is not 0 is no exception */
export type RunConntrack = (args: readonly string[]) => Promise<{ status: number; stdout: string; stderr: string }>;

/** `udp 17 29 src=A dst=B sport=1 dport=2 [UNREPLIED] src=C dst=D sport=3 dport=4 ...` */
const ENTRY = /^(?:ipv[46]\s+\d+\s+)?(\w+)\s+\d+ .*?src=\S+ dst=(\S+) sport=\d+ dport=(\d+) .*?src=(\S+) dst=\S+ sport=(\d+) dport=\d+/;

export class ConntrackTool implements ConntrackTable {
  readonly #run: RunConntrack;

  constructor(run: RunConntrack) {
    this.#run = run;
  }

  async list(): Promise<ConntrackFlow[]> {
    const { status, stdout, stderr } = await this.#run(['-L', '-p', 'udp']);
    if (status !== 0) throw new LabError('BAD_INPUT', `conntrack -L: ${stderr.trim()}`);
    return stdout.split('\n').flatMap(line => {
      const m = ENTRY.exec(line);
      if (m === null) return [];
      const [, protocol, originalDst, originalDstPort, replySrc, replySrcPort] = m as unknown as string[];
      return [
        {
          protocol: protocol!,
          originalDst: originalDst!,
          originalDstPort: Number(originalDstPort),
          replySrc: replySrc!,
          replySrcPort: Number(replySrcPort),
        },
      ];
    });
  }

  /**
   * One command for all flows of one address and one endpoint: thousands of clients may have asked. One that has gone meanwhile is not
   * counted; one that has come meanwhile is as stale, and is.
   */
  async delete(flows: readonly ConntrackFlow[]): Promise<number> {
    let deleted = 0;
    for (const words of new Set(flows.map(flow => wordsOf(flow).join(' ')))) {
      const { stdout } = await this.#run(['-D', ...words.split(' ')]);
      deleted += stdout.split('\n').filter(line => ENTRY.test(line)).length;
    }
    return deleted;
  }
}

function wordsOf({ originalDst, originalDstPort, replySrc, replySrcPort }: ConntrackFlow): string[] {
  const family = isCanonicalFamily(originalDst, 'IPv4') ? [] : ['-f', 'ipv6'];
  const asked = ['--orig-dst', originalDst, '--orig-port-dst', String(originalDstPort)];
  return [...family, '-p', 'udp', ...asked, '--reply-src', replySrc, '--reply-port-src', String(replySrcPort)];
}
