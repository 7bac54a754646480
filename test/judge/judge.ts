/** Plays cases on both sides and says where they differ. */
import type { Case } from './case.ts';
import { compareConnections, compareCounters, compareOutputs, type Difference, Renaming } from './compare.ts';
import type { Coverage } from './coverage/coverage.ts';
import { type Played, play } from './play.ts';
import type { Side } from './sides.ts';

export interface Verdict {
  difference: Difference | undefined;
  kernel: Played;
  userspace: Played;
  renamed: number;
  frames: number;
}

const IDS_PER_PLAY = 256;
let plays = 0;

/** @param userspace the side that is judged; kernel against kernel proves the judge */
export async function judge(kernel: Side, userspace: Side, c: Case, coverage?: Coverage): Promise<Verdict> {
  const rules = `${c.rules.join('\n')}\n`;
  await Promise.all([kernel, userspace].map(side => side.load(rules, c.sets ?? [])));
  for (const side of [kernel, userspace]) await side.forget();
  const firstId = (++plays * IDS_PER_PLAY) & 0xffff;
  coverage?.begin(c);
  const k = await play(kernel, c, firstId, coverage);
  kernel.askRules?.();
  const u = await play(userspace, c, firstId);
  const renaming = new Renaming();
  const counted = await kernel.rules();
  const difference =
    compareOutputs(c, k, u, renaming) ?? (await compareTables(kernel, userspace)) ?? compareCounters(counted, await userspace.rules());
  for (const side of [kernel, userspace]) await side.undoSysctls();
  coverage?.played(c, k, counted, renaming.count);
  return { difference, kernel: k, userspace: u, renamed: renaming.count, frames: k.frames.filter(Boolean).length };
}

async function compareTables(kernel: Side, userspace: Side): Promise<Difference | undefined> {
  const connections = await userspace.connections();
  return kernel.holds?.(connections) ? undefined : compareConnections(await kernel.connections(), connections);
}
