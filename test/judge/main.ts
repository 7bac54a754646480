/**
 * `scripts/judge`: random cases on the kernel and on the router until they differ or the packets are used up. It runs in namespaces of
 * its own that `scripts/judge` made. Results on stdout; exit 1 when a difference was found.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { SeededRandom } from '../../src/base/random.ts';
import { tell } from '../router/frames.ts';
import type { Case } from './case.ts';
import { Chooser } from './generate/choose.ts';
import { randomRules } from './generate/rules.ts';
import { randomTraffic } from './generate/traffic.ts';
import { judge, type Verdict } from './judge.ts';
import { KernelSide } from './kernel-side.ts';
import { runMutants } from './mutants.ts';
import { judgeRandom } from './random/run.ts';
import { MemoryRouter, WiredRouter } from './router-side.ts';
import { shrink } from './shrink.ts';
import type { Side } from './sides.ts';
import { sysctl } from './topology.ts';

const { values } = parseArgs({
  options: {
    packets: { type: 'string', default: '10000' },
    seed: { type: 'string' },
    case: { type: 'string', multiple: true },
    nft: { type: 'boolean', default: false },
    memory: { type: 'boolean', default: false },
    prove: { type: 'boolean', default: false },
    first: { type: 'boolean', default: false },
    mutants: { type: 'boolean', default: false },
    random: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    out: { type: 'string' },
    'keep-going': { type: 'boolean', default: false },
  },
});

const STEPS_PER_CASE = 100;
/** Enough to read at once. */
const MOST_DIFFERENT = 8;
const FRAGMENTS_MS = sysctl['net.ipv4.ipfrag_time']! * 1000 + 500;

async function main(): Promise<number> {
  const seed = values.seed === undefined ? crypto.getRandomValues(new Uint32Array(1))[0]! : Number(values.seed);
  const kernel = new KernelSide('kernel', values.nft);
  const userspace = await judged(seed);
  try {
    if (values.random) return await runDistributions(kernel, userspace, seed);
    return values.case ? await runFiles(kernel, userspace, values.case) : await runRandom(kernel, userspace, seed, Number(values.packets));
  } finally {
    await kernel.close();
    await userspace.close();
  }
}

/** Who is judged: the router on wires, or in this thread (many times faster), or the kernel itself, which proves the judge. */
const judged = async (seed: number): Promise<Side> =>
  values.prove ? new KernelSide('again', values.nft) : values.memory ? new MemoryRouter(seed) : await WiredRouter.start('router', seed);

async function runDistributions(kernel: Side, userspace: Side, seed: number): Promise<number> {
  const bad = await judgeRandom(kernel, userspace, Number(values.packets), line => console.log(line));
  console.log(`seed ${seed}: ${values.packets} draws of each kind, ${bad} different`);
  return Math.min(bad, 1);
}

async function runFiles(kernel: Side, userspace: Side, files: readonly string[]): Promise<number> {
  let failed = 0;
  for (const file of files) {
    const c = JSON.parse(readFileSync(file, 'utf8')) as Case;
    const verdict = await judge(kernel, userspace, c);
    console.log(`${verdict.difference ? 'DIFFERENT' : 'same     '}  ${c.name ?? file}`);
    if (!verdict.difference) continue;
    failed++;
    report(c, verdict);
  }
  console.log(`${files.length - failed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

async function runRandom(kernel: Side, userspace: Side, seed: number, packets: number): Promise<number> {
  const started = performance.now();
  let sent = 0;
  let cases = 0;
  let different = 0;
  while (sent < packets) {
    const c = randomCase(seed + cases);
    cases++;
    const verdict = await judge(kernel, userspace, c);
    sent += verdict.frames;
    if (!verdict.difference) continue;
    different++;
    if (values.first) {
      console.log(`different after ${sent} packets: ${verdict.difference.where}, ${verdict.difference.field}`);
      break;
    }
    const { where, field, kernel: k, userspace: u } = verdict.difference;
    console.error(`case of seed ${c.seed}: ${where}, ${field}\n    kernel:    ${k}\n    userspace: ${u}\nmaking it small`);
    const { small, late } = await shrink(c, field, each => judge(kernel, userspace, each));
    await quiet(kernel, userspace);
    if (late) console.log('it could be smaller: the time was up');
    report(small, await judge(kernel, userspace, small));
    if (values.out) writeFileSync(`${values.out}/seed-${c.seed}.json`, `${JSON.stringify(small, null, 1)}\n`);
    await quiet(kernel, userspace);
    if (!values['keep-going'] || different === MOST_DIFFERENT) break;
  }
  const seconds = (performance.now() - started) / 1000;
  console.log(
    `seed ${seed}: ${cases} rule sets, ${sent} packets in ${seconds.toFixed(0)} s (${Math.round(sent / seconds)} a second), ${different} different`,
  );
  return different === 0 ? 0 : 1;
}

/** A case that lost steps may have left fragments that the router waits for, and tells their sender of in the end. */
async function quiet(...sides: readonly Side[]): Promise<void> {
  await setTimeout(FRAGMENTS_MS);
  for (const side of sides) side.settle();
}

function randomCase(seed: number): Case {
  const c = new Chooser(new SeededRandom(seed));
  return { seed, rules: randomRules(c, `s${seed}`), steps: randomTraffic(c, STEPS_PER_CASE) };
}

function report(c: Case, { difference, kernel, userspace }: Verdict): void {
  if (!difference) {
    console.log('it does not show again: something is remembered between cases, or time decides');
    return;
  }
  console.log(c.rules.join('\n'));
  for (const [i, step] of c.steps.entries()) {
    console.log(`step ${i}: ${JSON.stringify(step)}`);
    if (kernel.frames[i]) console.log(`    sent      ${tell(kernel.frames[i]!)}`);
    for (const o of kernel.outputs[i]!) console.log(`    kernel    ${o.link}: ${tell(o.frame)}`);
    for (const o of userspace.outputs[i]!) console.log(`    userspace ${o.link}: ${tell(o.frame)}`);
  }
  console.log(`${difference.where}, ${difference.field}\n    kernel:    ${difference.kernel}\n    userspace: ${difference.userspace}\n`);
}

process.exitCode = values.mutants ? Math.min(runMutants(Number(values.seed ?? 1), values.only), 1) : await main();
