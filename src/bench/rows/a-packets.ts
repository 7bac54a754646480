/** Row a: packets per second, 64-byte UDP through DNAT; saturation, and the highest rate at which nothing is lost. */
import type { Context } from '../context.ts';
import { saturate, sleep } from '../load/saturation.ts';
import { type MeasureId, wanted } from '../measures.ts';
import { type Rounds, type RowResult, rowResult } from '../result.ts';
import { median } from '../statistics.ts';
import { inTurn } from '../turns.ts';
import type { BedKind } from '../wires/bed.ts';
import { received } from '../wires/meter.ts';
import { byName, type Loaded, withLoad } from './lineup-with-load.ts';

/** Of the packets sent: a receiver on the same processors as the sender loses its time slice now and then. */
const LOSS_ALLOWED = 1e-4;
const MANY = 1000;

export async function rowA(context: Context): Promise<RowResult[]> {
  const rows: RowResult[] = [];
  const want = (...ids: MeasureId[]) => ids.some(id => wanted(id, context.options.rows));
  if (want('a.1', 'a.1000', 'a.lossfree', 'a.lossfree.share'))
    await withLoad(context, { kind: 'veth', services: 1 }, async contestants => {
      rows.push(...(await saturations(context, contestants, 'veth')));
      if (want('a.lossfree', 'a.lossfree.share')) rows.push(...(await lossFree(context, contestants)));
    });
  if (want('a.tap.1', 'a.tap.1000'))
    await withLoad(context, { kind: 'bridge', services: 1 }, async contestants => {
      rows.push(...(await saturations(context, contestants, 'bridge')));
    });
  return rows;
}

async function saturations(context: Context, contestants: readonly Loaded[], kind: BedKind): Promise<RowResult[]> {
  const ids = (kind === 'veth' ? ['a.1', 'a.1000'] : ['a.tap.1', 'a.tap.1000']) as MeasureId[];
  const rows: RowResult[] = [];
  for (const [i, flows] of [1, MANY].entries()) {
    if (!wanted(ids[i]!, context.options.rows)) continue;
    context.progress(`a: ${flows} flow${flows === 1 ? '' : 's'}, ${kind === 'veth' ? 'packet sockets' : 'TAP'}`);
    const samples = await inTurn(contestants, context.options.rounds, ({ plane, generator }) =>
      saturate(plane.bed, generator, { flows, milliseconds: context.times.saturation }),
    );
    rows.push(
      rowResult(
        ids[i]!,
        byName(samples, s => s.packetsPerSecond),
        [offeredNote(byName(samples, s => s.offered))],
      ),
    );
  }
  return rows;
}

/** Where the kernel forwards, it does so on the sender's processor and in its time: it is offered what it takes. */
const offeredNote = (offered: Rounds): string =>
  `offered, thousands a second: ${Object.entries(offered)
    .map(([name, values]) => `${name} ${(median(values) / 1000).toFixed(0)}`)
    .join(', ')}`;

async function lossFree(context: Context, contestants: readonly Loaded[]): Promise<RowResult[]> {
  context.progress('a: loss-free rate, 1,000 flows');
  const compared = contestants.filter(({ name }) => name === 'router' || name === 'kernelNft');
  const samples = await inTurn(compared, context.options.rounds, async contestant => {
    const { packetsPerSecond } = await saturate(contestant.plane.bed, contestant.generator, {
      flows: MANY,
      milliseconds: context.times.saturation,
    });
    return { rate: await highestWithoutLoss(context, contestant, packetsPerSecond), saturation: packetsPerSecond };
  });
  const note = `loss up to ${LOSS_ALLOWED * 100} % of the packets counts as none`;
  return [
    rowResult(
      'a.lossfree',
      byName(samples, s => s.rate),
      [note],
    ),
    rowResult(
      'a.lossfree.share',
      byName(samples, s => s.rate / s.saturation),
      [note],
    ),
  ];
}

/** By halving, as RFC 2544 section 26.1 does it, between nothing and a little above saturation. */
async function highestWithoutLoss({ times }: Context, { plane, generator }: Loaded, saturation: number): Promise<number> {
  let low = 0;
  let high = saturation * 1.1;
  let best = 0;
  for (let step = 0; step < times.lossFreeSteps; step++) {
    const rate = step === 0 ? saturation * 0.9 : (low + high) / 2;
    await sleep(20);
    const before = received(plane.bed.server);
    const { sent, refused, milliseconds } = await generator.send({ flows: MANY, rate, milliseconds: times.lossFreeProbe });
    await sleep(20);
    const lost = sent + refused - (received(plane.bed.server).packets - before.packets);
    if (lost <= (sent + refused) * LOSS_ALLOWED) {
      low = rate;
      best = (sent * 1000) / milliseconds;
    } else high = rate;
  }
  return best;
}
