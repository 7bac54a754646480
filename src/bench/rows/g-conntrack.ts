/**
 * Row g: what a tracked connection costs in memory, and what a million of them cost the next one. The kernel's table is the machine's and its
 * limit is not touched: where `nf_conntrack_max` is lower than a million, the kernel has no figure here.
 */
import { readFileSync } from 'node:fs';
import { monotonicClock } from '../../base/clock.ts';
import { SeededRandom } from '../../base/random.ts';
import { Conntrack } from '../../conntrack/conntrack.ts';
import type { Context } from '../context.ts';
import { saturate } from '../load/saturation.ts';
import { wanted } from '../measures.ts';
import type { RouterPlane } from '../planes/router.ts';
import { type RowResult, rowResult } from '../result.ts';
import { inTurn } from '../turns.ts';
import { newFlows } from './c-new-flows.ts';
import { byName, type Loaded, withLoad } from './lineup-with-load.ts';

const TRACKED = 1_000_000;
/** Room for what the rounds add. */
const CAPACITY = 2 * TRACKED;
/** Room for all, and nothing expires while it is measured. */
const SYSCTL = {
  'net.netfilter.nf_conntrack_max': CAPACITY,
  'net.netfilter.nf_conntrack_udp_timeout': 3600,
  'net.netfilter.nf_conntrack_udp_timeout_stream': 3600,
};
/** Filling: packets of a piece, and their rate, slow enough that few are lost. */
const PIECE_MS = 250;
const PIECE_RATE = 200_000;

export async function rowG(context: Context): Promise<RowResult[]> {
  const { rows: words } = context.options;
  const rows: RowResult[] = [];
  if (wanted('g.bytes', words)) rows.push(rowResult('g.bytes', { router: [routerBytes()], ...kernelBytes() }, [KERNEL_BYTES_NOTE]));
  if (!wanted('g.flows', words) && !wanted('g.kept', words)) return rows;
  const options = { kind: 'veth', services: 1, planes: ['router'], sysctl: SYSCTL } as const;
  return withLoad(context, options, empty =>
    withLoad(context, options, async full => {
      context.progress(`g: filling a table with ${TRACKED.toLocaleString('en')} connections`);
      const tracked = await fill(context, full[0]!);
      context.progress('g: new flows beside them');
      const samples = await inTurn([full[0]!], context.options.rounds, async contestant => {
        const beside = await saturate(contestant.plane.bed, contestant.generator, { freshEvery: 1, milliseconds: context.times.newFlows });
        return { flows: beside.packetsPerSecond, kept: beside.packetsPerSecond / (await newFlows(context, empty[0]!)) };
      });
      const notes = [`${tracked.toLocaleString('en')} connections tracked before the first round`];
      rows.push(
        rowResult(
          'g.flows',
          byName(samples, s => s.flows),
          notes,
        ),
        rowResult(
          'g.kept',
          byName(samples, s => s.kept),
          notes,
        ),
      );
      return rows.filter(({ id }) => wanted(id, words));
    }),
  );
}

/** Arrays of the table by the entries that they hold. */
function routerBytes(): number {
  const capacity = 1 << 20;
  return new Conntrack({ clock: monotonicClock, random: new SeededRandom(1), capacity, wallClock: Date.now }).memory / capacity;
}

const KERNEL_BYTES_NOTE = "the kernel's: one object of its slab, without the extensions for NAT and the hash table";

function kernelBytes(): { kernelNft?: number[] } {
  try {
    return { kernelNft: [Number(readFileSync('/sys/kernel/slab/nf_conntrack/slab_size', 'utf8'))] };
  } catch {
    // Not shown on this kernel, or not to this user.
    return {};
  }
}

/** @returns how many the router tracks then */
async function fill({ times }: Context, { plane, generator }: Loaded): Promise<number> {
  const router = plane as RouterPlane;
  const deadline = performance.now() + times.fill;
  for (;;) {
    const { connections } = await router.process.counters();
    if (connections >= TRACKED || performance.now() > deadline) return connections;
    const most = Math.min(TRACKED - connections, (PIECE_RATE * PIECE_MS) / 1000);
    await generator.send({ freshEvery: 1, milliseconds: PIECE_MS * 2, rate: PIECE_RATE, most });
  }
}
