/** Contestants with a sender in front of each and a sink behind it. */
import { availableParallelism } from 'node:os';
import type { Context } from '../context.ts';
import { Generator } from '../load/generator.ts';
import type { PlaneName } from '../measures.ts';
import type { Plane } from '../planes/plane.ts';
import type { Rounds } from '../result.ts';
import { inTurn } from '../turns.ts';
import { sinkAt } from '../wires/sink.ts';
import { dismiss, type LineupOptions, lineUp } from './lineup.ts';

export interface Loaded {
  readonly name: PlaneName;
  readonly services: number;
  readonly plane: Plane;
  readonly generator: Generator;
}

/** Everything stands while `work` runs, and is gone afterwards. */
export async function withLoad<T>(
  context: Context,
  options: Omit<LineupOptions, 'transport'>,
  work: (contestants: readonly Loaded[]) => Promise<T>,
): Promise<T> {
  // The scheduler wakes the router where the sender runs, on a busy machine: both then share one processor and the other one is somebody else's.
  const apart = availableParallelism() > 1;
  const planes = await lineUp(context, { ...options, transport: 'udp', ...(apart ? { processors: '1' } : {}) });
  const contestants: Loaded[] = [];
  try {
    for (const plane of planes) {
      sinkAt(plane.bed);
      contestants.push({
        name: plane.name,
        services: options.services,
        plane,
        generator: await Generator.start(plane.bed, options.services, apart ? 0 : null),
      });
    }
    for (const contestant of contestants) await warmUp(context, contestant);
    return await work(contestants);
  } finally {
    for (const { generator } of contestants) await generator.close();
    await dismiss(planes);
  }
}

/** Established connections and new ones, so that both ways are compiled and every table has been touched. */
async function warmUp({ times }: Context, { plane, generator }: Loaded): Promise<void> {
  await generator.send({ flows: 1000, milliseconds: times.warmUp });
  await generator.send({ freshEvery: 1, milliseconds: Math.min(times.warmUp, times.newFlows) });
  await plane.forget();
}

/** One figure of each contestant and round. */
export async function figures<C extends { name: PlaneName }>(
  context: Context,
  contestants: readonly C[],
  ask: (contestant: C, round: number) => Promise<number>,
): Promise<Rounds> {
  return byName(await inTurn(contestants, context.options.rounds, ask), value => value);
}

export const byName = <C extends { name: PlaneName }, S>(samples: ReadonlyMap<C, readonly S[]>, pick: (sample: S) => number): Rounds =>
  Object.fromEntries([...samples].map(([contestant, all]) => [contestant.name, all.map(pick)]));
