/** What the sender can send when nothing is forwarded: into a wire whose other end drops each frame as it arrives. */
import type { Context } from '../context.ts';
import { inNetns, run } from '../shell.ts';
import { buildBed, removeBed } from '../wires/bed.ts';
import { Generator } from './generator.ts';

/** @returns packets per second, 1,000 flows */
export async function senderAlone({ times }: Context): Promise<number> {
  const bed = buildBed('alone', 'veth');
  let generator: Generator | undefined;
  try {
    run(
      inNetns(bed.node, ['nft', '-f', '-']),
      'add table netdev sink\nadd chain netdev sink ingress { type filter hook ingress device "west" priority 0; policy drop; }\n',
    );
    generator = await Generator.start(bed, 1);
    const { sent, milliseconds } = await generator.send({ flows: 1000, milliseconds: times.saturation });
    return (sent * 1000) / milliseconds;
  } finally {
    await generator?.close();
    removeBed(bed);
  }
}
