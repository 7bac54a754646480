/**
 * `scripts/judge`: random cases on the kernel and on the router until they differ or the packets are used up. It runs in namespaces of
 * its own that `scripts/judge` made. Results on stdout; exit 1 when a difference was found.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { basename, join } from 'node:path';
import { countOf, parseOptions } from '../support/options.ts';
import { writeCaptures } from './capture.ts';
import type { Case } from './case.ts';
import { coverageLines, type Rate, rarestFirst, tooSeldom } from './coverage/print.ts';
import { nftCase, untriedByNft } from './generate/random-case.ts';
import { judge, type Verdict } from './judge.ts';
import { KernelSide } from './kernel-side.ts';
import { runMutants } from './mutants.ts';
import { judgeRandom } from './random/run.ts';
import { type RunResult, runRandom } from './random-run.ts';
import { MemoryRouter, WiredRouter } from './router-side.ts';
import { serviceCase } from './services/service-case.ts';
import { sideBySide } from './side-by-side.ts';
import type { Side } from './sides.ts';
import { judgeTrace } from './trace/run.ts';
import { runWorkers } from './workers.ts';

const { values } = parseOptions('scripts/judge', {
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
    services: { type: 'boolean', default: false },
    trace: { type: 'boolean', default: false },
    coverage: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    out: { type: 'string' },
    'keep-going': { type: 'boolean', default: false },
    workers: { type: 'string' },
    part: { type: 'string' },
  },
});

const count = (option: string, text: string, least = 0): number => countOf('scripts/judge', `--${option}`, text, least);
const seedOr = (draw: () => number): number => (values.seed === undefined ? draw() : count('seed', values.seed));

/** One of a pair waits now and then, for its router's thread or for a tool: then the processor is another pair's. */
const PAIRS_PER_PROCESSOR = 2;
/** For fewer packets a pair is not worth its making. */
const PACKETS_PER_PAIR = 2000;

async function main(): Promise<number> {
  if (values.mutants)
    return Math.min(
      runMutants(
        seedOr(() => 1),
        values.only,
      ),
      1,
    );
  const seed = seedOr(() => crypto.getRandomValues(new Uint32Array(1))[0]!);
  if (values.case) return withSides(seed, (kernel, userspace) => runFiles(kernel, userspace, values.case!));
  if (values.random) return withSides(seed, (kernel, userspace) => runDistributions(kernel, userspace, seed));
  const packets = count('packets', values.packets, 1);
  if (values.trace) return runTrace(seed, packets);
  if (values.part !== undefined) return runPart(seed, packets, values.part);
  const started = performance.now();
  const workers = workersFor(packets);
  const result =
    workers > 1
      ? await runWorkers(workers, [...process.argv.slice(2), '--seed', String(seed)])
      : await withSides(seed, (kernel, userspace) => runRandom(kernel, userspace, { ...runOptions(seed, 0, 1), packets }));
  const seconds = (performance.now() - started) / 1000;
  const looked = !values.first && !values.services;
  const rates = looked ? rarestFirst(result.hits, result.sent, values.nft ? untriedByNft : []) : [];
  if (looked) console.log(coverageLines(rates, result.sent).join('\n'));
  tellResult(seed, result, seconds, looked ? coverageSummary(rates) : '');
  const covered = !values.coverage || tooSeldom(rates).length === 0;
  return result.different === 0 && covered ? 0 : 1;
}

function coverageSummary(rates: readonly Rate[]): string {
  const seldom = tooSeldom(rates).length;
  const { item, inMillion } = rates[0]!;
  return `, coverage ${seldom === 0 ? 'complete' : `TOO LOW of ${seldom} items`}: at least ${inMillion} in a million (${item})`;
}

function workersFor(packets: number): number {
  if (values.first) return 1;
  if (values.workers !== undefined) return count('workers', values.workers, 1);
  return Math.max(1, Math.min(Math.ceil(availableParallelism() * PAIRS_PER_PROCESSOR), Math.floor(packets / PACKETS_PER_PAIR)));
}

function tellResult(seed: number, { cases, sent, different, unsteady }: RunResult, seconds: number, covered: string): void {
  const rate = Math.round(sent / seconds);
  if (unsteady > 0) console.log(`${unsteady} cases differed once and not again: time or chance decided`);
  console.log(
    `seed ${seed}: ${cases} rule sets, ${sent} packets in ${seconds.toFixed(0)} s (${rate} a second), ${different} different${covered}`,
  );
}

const runOptions = (seed: number, index: number, stride: number) => ({
  seed: seed + index,
  stride,
  first: values.first,
  keepGoing: values['keep-going'],
  out: values.out,
  stopped: () => false,
  ...(values.services ? { generate: serviceCase } : values.nft ? { generate: nftCase } : {}),
});

/** What a worker does. @param part its number and how many there are: `0/3` */
async function runPart(seed: number, packets: number, part: string): Promise<number> {
  const [index, count] = part.split('/').map(Number) as [number, number];
  let stop = false;
  process.on('message', () => {
    stop = true;
  });
  const options = { ...runOptions(seed, index, count), packets: Math.ceil(packets / count), stopped: () => stop };
  const result = await withSides(seed + index, (kernel, userspace) => runRandom(kernel, userspace, options));
  await new Promise(sent => process.send!(result, sent));
  process.disconnect();
  return result.different === 0 ? 0 : 1;
}

async function withSides<T>(seed: number, work: (kernel: Side, userspace: Side) => Promise<T>): Promise<T> {
  const kernel = new KernelSide('kernel', values.nft);
  const userspace = await judged(seed);
  try {
    return await work(kernel, userspace);
  } finally {
    await kernel.close();
    await userspace.close();
  }
}

/** Who is judged: the router on wires, or in this thread (faster), or the kernel itself, which proves the judge. */
const judged = async (seed: number): Promise<Side> =>
  values.prove ? new KernelSide('again', values.nft) : values.memory ? new MemoryRouter(seed) : await WiredRouter.start('router', seed);

/** The router is in this thread: its walks are read as they are made. */
async function runTrace(seed: number, packets: number): Promise<number> {
  const kernel = new KernelSide('kernel', true);
  const router = new MemoryRouter(seed);
  const r = await judgeTrace(kernel, router, seed, packets, line => console.log(line));
  console.log(`seed ${seed}: ${r.cases} rule sets, ${r.packets} packets, ${r.compared} rules and policies met, ${r.different} different`);
  await kernel.close();
  await router.close();
  return r.different;
}

async function runDistributions(kernel: Side, userspace: Side, seed: number): Promise<number> {
  const bad = await judgeRandom(kernel, userspace, count('packets', values.packets, 1), line => console.log(line));
  console.log(`seed ${seed}: ${values.packets} draws of each kind, ${bad} different`);
  return Math.min(bad, 1);
}

async function runFiles(kernel: Side, userspace: Side, files: readonly string[]): Promise<number> {
  let failed = 0;
  for (const file of files) {
    const c = JSON.parse(readFileSync(file, 'utf8')) as Case;
    const verdict = await judge(kernel, userspace, c);
    console.log(`${verdict.difference ? 'DIFFERENT' : 'same     '}  ${c.name ?? file}`);
    if (values.out) writeOutcome(join(values.out, basename(file, '.json')), c, verdict);
    if (!verdict.difference) continue;
    failed++;
    console.log(sideBySide(c, verdict).join('\n'));
  }
  console.log(`${files.length - failed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

/** Both outcomes in words and as captures, whether they differ or not. */
function writeOutcome(path: string, c: Case, verdict: Verdict): void {
  writeCaptures(path, c, verdict.kernel, verdict.userspace);
  writeFileSync(`${path}.txt`, `${sideBySide(c, verdict).join('\n')}\n`);
}

process.exitCode = await main();
