/** Is an entry that one side tells of in the kernel's table as well? */
import { parseIpv4 } from '../../src/base/address.ts';
import { entryLine } from '../../src/conntrack/text/print.ts';
import { parseEntry, sameEntry } from './compare.ts';
import type { Ctnetlink } from './ctnetlink.ts';

const head = /^\S+\s+(\d+) .*?src=(\S+) dst=(\S+) (?:sport=(\d+) dport=(\d+)|type=(\d+) code=(\d+) id=(\d+))?/;

/** @param line of `conntrack -L` */
export function isThere(kernel: Ctnetlink, line: string): boolean {
  const m = head.exec(line);
  if (!m) return false;
  const n = (i: number): number => Number(m[i] ?? 0);
  const ports = m[8] === undefined ? (n(4) << 16) | n(5) : (n(8) << 16) | (n(6) << 8) | n(7);
  const zone = Number(/zone(?:-orig)?=(\d+)/.exec(line)?.[1] ?? 0);
  const entry = kernel.find({ src: parseIpv4(m[2]!), dst: parseIpv4(m[3]!), ports }, n(1), zone);
  return entry !== undefined && sameEntry(parseEntry(entryLine(entry, {}, 0)), parseEntry(line));
}
