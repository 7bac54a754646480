/** Packets per second that arrive while the sender offers all it can. */
import type { Bed } from '../wires/bed.ts';
import { perSecond, received } from '../wires/meter.ts';
import type { Generator } from './generator.ts';
import type { Burst } from './sender-protocol.ts';

export interface Saturation {
  readonly packetsPerSecond: number;
  /** What the sender offered. */
  readonly offered: number;
}

/** The first part of a window finds caches cold and connections new: it is not counted. */
const WARM_UP = 0.2;

export async function saturate(
  bed: Pick<Bed, 'server'>,
  generator: Generator,
  burst: Partial<Burst> & { milliseconds: number },
): Promise<Saturation> {
  const sending = generator.send(burst);
  await sleep(burst.milliseconds * WARM_UP);
  const from = received(bed.server);
  await sleep(burst.milliseconds * (1 - WARM_UP) - 20);
  const to = received(bed.server);
  const { sent, refused, milliseconds } = await sending;
  return { packetsPerSecond: perSecond(from, to), offered: ((sent + refused) * 1000) / milliseconds };
}

export const sleep = (milliseconds: number): Promise<void> => new Promise(resolve => setTimeout(resolve, milliseconds));
