/** Row c: new connections per second to the last of 1, 1,000 and 10,000 Services: a new client port with each packet. */
import type { Context } from '../context.ts';
import { saturate } from '../load/saturation.ts';
import { type MeasureId, wanted } from '../measures.ts';
import { type Rounds, type RowResult, rowResult } from '../result.ts';
import { inTurn } from '../turns.ts';
import { type Loaded, withLoad } from './lineup-with-load.ts';

export async function rowC(context: Context): Promise<RowResult[]> {
  const kept = wanted('c.kept', context.options.rows);
  const counts = context.times.services.filter(count => wanted(idOf(count), context.options.rows) || (kept && count !== 1000));
  // All stand beside each other, so that each round asks every plane at every count.
  return everyCount(context, counts, [], contestants => compare(context, counts, contestants));
}

const idOf = (count: number): MeasureId => `c.${count}` as MeasureId;

async function everyCount(
  context: Context,
  [count, ...rest]: readonly number[],
  standing: readonly Loaded[],
  work: (contestants: readonly Loaded[]) => Promise<RowResult[]>,
): Promise<RowResult[]> {
  if (count === undefined) return work(standing);
  context.progress(`c: rules of ${count} Service${count === 1 ? '' : 's'}`);
  return withLoad(context, { kind: 'veth', services: count }, contestants =>
    everyCount(context, rest, [...standing, ...contestants], work),
  );
}

async function compare(context: Context, counts: readonly number[], contestants: readonly Loaded[]): Promise<RowResult[]> {
  context.progress('c: new flows');
  const samples = await inTurn(contestants, context.options.rounds, contestant => newFlows(context, contestant));
  const roundsAt = (count: number): Rounds =>
    Object.fromEntries([...samples].filter(([{ services }]) => services === count).map(([{ name }, values]) => [name, values]));
  const rows = counts.filter(count => wanted(idOf(count), context.options.rows)).map(count => rowResult(idOf(count), roundsAt(count)));
  if (wanted('c.kept', context.options.rows)) rows.push(rowResult('c.kept', shares(roundsAt(10_000), roundsAt(1))));
  return rows;
}

/** Connections that reached the server, per second. The table is empty before and after. */
export async function newFlows({ times }: Context, { plane, generator }: Loaded): Promise<number> {
  const { packetsPerSecond } = await saturate(plane.bed, generator, { freshEvery: 1, milliseconds: times.newFlows });
  await plane.forget();
  return packetsPerSecond;
}

/** Round by round. */
export const shares = (of: Rounds, by: Rounds): Rounds =>
  Object.fromEntries(
    Object.entries(of).map(([name, values]) => [name, values.map((value, round) => value / by[name as keyof Rounds]![round]!)]),
  );
