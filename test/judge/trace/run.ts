/** The rules that packets meet, one by one: the router's walk through the chains against the kernel's own trace of it. */
import { SeededRandom } from '../../../src/base/random.ts';
import { tell } from '../../router/frames.ts';
import type { Case, Step } from '../case.ts';
import { Chooser } from '../generate/choose.ts';
import { randomRules } from '../generate/rules.ts';
import { randomTraffic } from '../generate/traffic.ts';
import type { KernelSide } from '../kernel-side.ts';
import type { MemoryRouter } from '../router-side.ts';
import { serviceCase } from '../services/service-case.ts';
import { walkKernel, walkRouter } from './sides.ts';
import { compareWalks, type WalkDifference } from './walk.ts';

const STEPS = 100;
const IDS_PER_PLAY = 256;
const PAUSE_EVERY = 4;
const REPETITIONS = 2;
let plays = 0;

export interface TraceResult {
  cases: number;
  packets: number;
  /** Rules and policies that were compared. */
  compared: number;
  different: number;
}

export async function judgeTrace(
  kernel: KernelSide,
  router: MemoryRouter,
  seed: number,
  packets: number,
  say: (line: string) => void,
): Promise<TraceResult> {
  const result: TraceResult = { cases: 0, packets: 0, compared: 0, different: 0 };
  while (result.packets < packets && result.different === 0) {
    const own = seed + result.cases++;
    const c = traceCase(new Chooser(new SeededRandom(own)), `s${own}`);
    let seen = await walkBoth(kernel, router, c);
    // A monitor that comes too late loses lines: then once more.
    for (let n = 0; seen.found && seen.lost > 0 && n < REPETITIONS; n++) seen = await walkBoth(kernel, router, c);
    result.packets += seen.frames.filter(Boolean).length;
    result.compared += seen.compared;
    if (!seen.found) continue;
    result.different++;
    say(c.rules.join('\n'));
    const { step, kernel: k, router: r } = seen.found;
    const frame = seen.frames[step];
    say(`case of seed ${own}, step ${step}: ${JSON.stringify(c.steps[step])}${frame ? `\n    ${tell(frame)}` : ''}`);
    say(`  kernel:\n    ${k.join('\n    ')}\n  router:\n    ${r.join('\n    ')}`);
  }
  return result;
}

interface Seen {
  found: WalkDifference | undefined;
  frames: readonly (Uint8Array | undefined)[];
  compared: number;
  lost: number;
}

async function walkBoth(kernel: KernelSide, router: MemoryRouter, c: Case): Promise<Seen> {
  for (const side of [kernel, router]) {
    await side.load(`${c.rules.join('\n')}\n`);
    await side.forget();
  }
  const firstId = (++plays * IDS_PER_PLAY) & 0xffff;
  const k = await walkKernel(kernel, c, firstId);
  const r = await walkRouter(router, c, firstId);
  for (const side of [kernel, router]) await side.undoSysctls();
  return {
    found: compareWalks(k.walks, r.walks, c.steps.length),
    frames: r.played.frames,
    lost: k.lost,
    compared: r.walks.reduce((sum, walk) => sum + walk.met.length, 0),
  };
}

/** Rules of all kinds or of Services, with packets that are whole: the expressions of nft read headers that are cut short otherwise. */
function traceCase(c: Chooser, name: string): Case {
  const { rules, steps } = c.oneIn(3) ? serviceCase(c, name) : { rules: randomRules(c, name), steps: randomTraffic(c, STEPS) };
  // Other rules in the midst of a case would have other numbers.
  return { rules, steps: withPauses(steps.map(step => (step.kind === 'load' ? { kind: 'conntrack', args: ['-C'] } : whole(step)))) };
}

/** What the monitor says is read between packets: it must not pile up. Steps refer to others by number. */
function withPauses(steps: readonly Step[]): Step[] {
  const place = (i: number): number => i + Math.floor(i / PAUSE_EVERY);
  const paused: Step[] = [];
  for (const [i, step] of steps.entries()) {
    if (i > 0 && i % PAUSE_EVERY === 0) paused.push({ kind: 'wait', seconds: 0 });
    if (step.kind === 'answer') paused.push({ ...step, to: place(step.to) });
    else if (step.kind === 'error') paused.push({ ...step, about: place(step.about) });
    else paused.push(step);
  }
  return paused;
}

function whole(step: Step): Step {
  if (step.kind !== 'send') return step;
  const { fault: _, fragment: __, ...packet } = step.packet;
  return { ...step, packet };
}
