/** What went into a side and came out of it in a case, as pcapng: one file for each side, one interface block for each link. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { PcapngWriter } from '../../src/capture/pcapng/writer.ts';
import type { Case } from './case.ts';
import type { Played } from './play.ts';
import { type LinkName, links } from './topology.ts';

/** Steps stand a millisecond apart, from 2000-01-01 on: the same case makes the same file. */
const FIRST_NS = 946_684_800n * 1_000_000_000n;
const STEP_NS = 1_000_000n;

/** @param side its name, as it stands before the names of the interfaces */
export function captureOf(c: Case, played: Played, side: string): Uint8Array {
  const chunks: Uint8Array[] = [];
  const writer = new PcapngWriter(bytes => void chunks.push(bytes.slice()), { application: 'kubehop judge', comment: c.rules.join('\n') });
  const ids = new Map<LinkName, number>(links.map(l => [l.name, writer.addInterface({ name: `${side}/${l.name}` })]));
  for (const [i, step] of c.steps.entries()) {
    let timeNs = FIRST_NS + BigInt(i) * STEP_NS;
    const frame = played.frames[i];
    const about = { packetId: i + 1, comments: [`step ${i}: ${JSON.stringify(step)}`] };
    const from = played.links[i];
    if (frame && from) writer.packet({ interfaceId: ids.get(from)!, timeNs, bytes: frame, direction: 'in', ...about });
    for (const o of played.outputs[i]!) {
      timeNs += 1000n;
      writer.packet({ interfaceId: ids.get(o.link)!, timeNs, bytes: o.frame, direction: 'out', packetId: i + 1, comments: [`step ${i}`] });
    }
  }
  writer.flush();
  return Buffer.concat(chunks);
}

/** `FILE.json`, and beside it `FILE.kernel.pcapng` and `FILE.router.pcapng`. @param path without an ending */
export function writeCase(path: string, c: Case, kernel: Played, userspace: Played): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.json`, `${JSON.stringify(c, null, 1)}\n`);
  writeCaptures(path, c, kernel, userspace);
}

export function writeCaptures(path: string, c: Case, kernel: Played, userspace: Played): void {
  writeFileSync(`${path}.kernel.pcapng`, captureOf(c, kernel, 'kernel'));
  writeFileSync(`${path}.router.pcapng`, captureOf(c, userspace, 'router'));
}
