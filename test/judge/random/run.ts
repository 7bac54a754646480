/**
 * Random choice compared as distributions: thousands of new flows on each side, the counts of each against what the kernel's source
 * says, and against each other. The bounds are such that a run in which all is well fails less than once in a million times.
 */
import { frameOf } from '../packet-spec.ts';
import type { Side } from '../sides.ts';
import type { Output } from '../wires.ts';
import { type Fit, goodnessOfFit, homogeneity } from './chi-square.ts';
import { type ExactExperiment, type Experiment, exactExperiments, experiments } from './experiments.ts';

/** Of a whole run in which all is well. */
export const CHANCE_OF_A_FALSE_ALARM = 1e-6;

/** Each side against what is expected, and the two against each other. */
const tests = experiments.length * 3;
const BOUND = CHANCE_OF_A_FALSE_ALARM / tests;

/** @returns the number of what differs */
export async function judgeRandom(kernel: Side, userspace: Side, draws: number, say: (line: string) => void): Promise<number> {
  let bad = 0;
  const tell = (good: boolean, words: string): void => {
    if (!good) bad++;
    say(`${good ? 'same     ' : 'DIFFERENT'}  ${words}`);
  };
  for (const each of exactExperiments) {
    const k = await exact(kernel, each, draws);
    const u = await exact(userspace, each, draws);
    tell(k === undefined && u === undefined, `${each.name}: ${k ?? u ?? `${draws} values as foretold on both`}`);
  }
  for (const each of experiments) {
    const k = await drawn(kernel, each, each.rules, draws);
    const u = await drawn(userspace, each, each.rules, draws);
    const fits = [
      ['kernel', goodnessOfFit(k.counts, each.shares)],
      ['router', goodnessOfFit(u.counts, each.shares)],
      ['both', homogeneity(k.counts, u.counts)],
    ] as const;
    const odd = k.odd ?? u.odd;
    const told = odd ?? fits.map(([who, fit]) => `${who} ${tellFit(fit)}`).join(', ');
    tell(odd === undefined && fits.every(([, fit]) => fit.chance >= BOUND), `${each.name}: ${told}`);
  }
  for (const each of experiments) {
    if (!each.wrong) continue;
    const u = await drawn(userspace, each, each.wrong.rules, draws);
    const fit = goodnessOfFit(u.counts, each.shares);
    tell(fit.chance < BOUND, `${each.name}: ${each.wrong.what} is told from it: ${tellFit(fit)}`);
  }
  return bad;
}

const tellFit = ({ statistic, freedom, chance }: Fit): string => `${statistic.toFixed(1)}/${freedom} (p ${chance.toPrecision(2)})`;

/** @returns what was not as it had to be */
async function exact(side: Side, e: ExactExperiment, draws: number): Promise<string | undefined> {
  await begin(side, e.rules);
  for (let n = 0; n < draws; n++) {
    const frame = draw(side, e, n);
    const got = frame && e.read(frame);
    if (got !== e.expected(n)) return `${side.name}: draw ${n}: expected ${e.expected(n)}, got ${got}`;
  }
  return undefined;
}

interface Drawn {
  counts: number[];
  /** What cannot be a draw. */
  odd?: string;
}

async function drawn(side: Side, e: Experiment, rules: readonly string[], draws: number): Promise<Drawn> {
  await begin(side, rules);
  const counts = e.shares.map(() => 0);
  for (let n = 0; n < draws; n++) {
    const frame = draw(side, e, n);
    const value = frame && e.read(frame);
    const cell = value === undefined ? -1 : e.cellOf(value);
    if (counts[cell] === undefined) return { counts, odd: `${side.name}: draw ${n}: ${value ?? 'nothing came out'}` };
    counts[cell]!++;
  }
  return { counts };
}

async function begin(side: Side, rules: readonly string[]): Promise<void> {
  await side.load(`${rules.join('\n')}\n`);
  await side.forget();
}

/** @returns what the last packet of the draw became */
function draw(side: Side, { packets }: Pick<Experiment, 'packets'>, n: number): Uint8Array | undefined {
  let out: Output[] = [];
  for (const packet of packets(n)) out = side.inject('a', frameOf(packet, 'a', n & 0xffff));
  return out.find(o => o.link === 'b')?.frame;
}
