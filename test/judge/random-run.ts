/** Random cases, one after the other, until they differ or the packets are used up. */
import { setTimeout } from 'node:timers/promises';
import { SeededRandom } from '../../src/base/random.ts';
import { writeCase } from './capture.ts';
import type { Case } from './case.ts';
import type { Difference } from './compare.ts';
import { Coverage } from './coverage/coverage.ts';
import { Chooser } from './generate/choose.ts';
import { randomCase } from './generate/random-case.ts';
import { ruleSetOf } from './generate/tables.ts';
import { judge, type Verdict } from './judge.ts';
import { shrink } from './shrink.ts';
import { sideBySide } from './side-by-side.ts';
import type { Side } from './sides.ts';
import { sysctl } from './topology.ts';

export interface RunOptions {
  /** Of the first case; the next have the numbers that follow, `stride` apart. */
  seed: number;
  stride: number;
  packets: number;
  /** Ends at the first difference, which is not made small. */
  first: boolean;
  keepGoing: boolean;
  /** Where cases that differ are written. */
  out: string | undefined;
  stopped: () => boolean;
  /** Makes the cases; those of `generate/` without it. */
  generate?: (c: Chooser, name: string) => Case;
}

export interface RunResult {
  cases: number;
  sent: number;
  different: number;
  /** Cases that differed once and not again: a processor that was late, or a drawn port that a rule asks for. */
  unsteady: number;
  hits: [item: string, times: number][];
}

/** Enough to read at once. */
const MOST_DIFFERENT = 8;
const FRAGMENTS_MS = sysctl['net.ipv4.ipfrag_time']! * 1000 + 500;

export async function runRandom(kernel: Side, userspace: Side, options: RunOptions): Promise<RunResult> {
  const coverage = new Coverage();
  const result: RunResult = { cases: 0, sent: 0, different: 0, unsteady: 0, hits: [] };
  while (result.sent < options.packets && !options.stopped()) {
    const c = caseOf(options.seed + result.cases * options.stride, options.generate);
    result.cases++;
    const verdict = await judge(kernel, userspace, c, coverage);
    result.sent += verdict.frames;
    if (!verdict.difference) continue;
    if (!(await judgeLater(kernel, userspace, c)).difference) {
      console.error(`seed ${c.seed}: ${verdict.difference.where}, ${verdict.difference.field}: not a second time`);
      result.unsteady++;
      continue;
    }
    result.different++;
    if (options.first) {
      console.log(`different after ${result.sent} packets: ${verdict.difference.where}, ${verdict.difference.field}`);
      break;
    }
    await tellSmall(kernel, userspace, c, verdict.difference, options.out);
    if (!options.keepGoing || result.different === MOST_DIFFERENT) break;
  }
  result.hits = [...coverage.hits];
  return result;
}

/** While a tool of the kernel's side is at work, timeouts of that side alone go by. */
const redirects = (c: Case): boolean => c.steps.some(s => s.kind === 'sysctl' && s.name.endsWith('.send_redirects'));

/** How many redirects a host got is forgotten in 20 s (`ip_rt_redirect_silence`). */
const SILENCE_MS = 21_000;

async function judgeLater(kernel: Side, userspace: Side, c: Case): Promise<Verdict> {
  if (redirects(c)) await setTimeout(SILENCE_MS);
  return judgeAfresh(kernel, userspace, c);
}

export const caseOf = (seed: number, generate = randomCase): Case => ({
  seed,
  ...generate(new Chooser(new SeededRandom(seed)), `s${seed}`),
});

async function tellSmall(kernel: Side, userspace: Side, c: Case, found: Difference, out: string | undefined): Promise<void> {
  const { where, field } = found;
  console.error(`seed ${c.seed}: ${where}, ${field}\n    kernel:    ${found.kernel}\n    userspace: ${found.userspace}\nmaking it small`);
  const { small, late } = await shrink(c, field, each => judgeAfresh(kernel, userspace, each));
  await quiet(kernel, userspace);
  if (late) console.log('it could be smaller: the time was up');
  const verdict = await judgeAfresh(kernel, userspace, small);
  if (!verdict.difference) console.log('it does not show again: something is remembered between cases, or time decides');
  console.log(sideBySide(small, verdict).join('\n'));
  if (out) writeCase(`${out}/seed-${c.seed}`, small, verdict.kernel, verdict.userspace);
  await quiet(kernel, userspace);
}

/** What rules remember by name goes with the last rule that has the name. */
async function judgeAfresh(kernel: Side, userspace: Side, c: Case): Promise<Verdict> {
  for (const side of [kernel, userspace]) await side.load(`${ruleSetOf({}).join('\n')}\n`, []);
  return judge(kernel, userspace, c);
}

/** A case that lost steps may have left fragments that the router waits for, and tells their sender of in the end. */
async function quiet(...sides: readonly Side[]): Promise<void> {
  await setTimeout(FRAGMENTS_MS);
  for (const side of sides) side.settle();
}
