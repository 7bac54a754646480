/**
 * Row h: one endpoint of one Service among 10,000 changes while traffic runs. The change is what kube-proxy would write, given to
 * `iptables-restore --noflush`: as a process to the kernel, by its control socket to the router. `in force`: from the start of the command to the arrival of
 * the first new connection at the new endpoint. `pause`: the longest gap between two packets of a connection that has nothing to do with it.
 */
import type { Context } from '../context.ts';
import { Generator } from '../load/generator.ts';
import { sleep } from '../load/saturation.ts';
import { Watcher } from '../load/watch.ts';
import { type PlaneName, wanted } from '../measures.ts';
import type { Plane } from '../planes/plane.ts';
import { type RowResult, rowResult } from '../result.ts';
import { endpointChange } from '../rules/kube-proxy.ts';
import { services } from '../rules/services.ts';
import { median } from '../statistics.ts';
import { inTurn } from '../turns.ts';
import { SERVER_PORT } from '../wires/bed.ts';
import { sinkAt } from '../wires/sink.ts';
import { dismiss, lineUp } from './lineup.ts';
import { byName } from './lineup-with-load.ts';

const SERVICES = 10_000;
const OTHER_PORT = SERVER_PORT + 1;
/** Packets a second; one in so many begins a connection. */
const RATE = 10_000;
const FRESH_EVERY = 5;
/** The sender's first flow has this port (`load/frames.ts`). */
const STEADY_PORT = 1024;
/** Traffic before the change, and after its command has ended. */
const BEFORE_MS = 300;
const AFTER_MS = 200;
const WITHIN_MS = 15_000;
/** Changes of the warm-up. */
const UNCOUNTED = 4;

interface Contestant {
  readonly name: PlaneName;
  readonly plane: Plane;
  readonly generator: Generator;
  readonly watcher: Watcher;
  /** Where the Service's new connections go now. */
  port: number;
}

interface Change {
  readonly forceMs: number;
  readonly pauseMs: number;
  /** The longest gap before the change. */
  readonly quietMs: number;
}

export async function rowH(context: Context): Promise<RowResult[]> {
  context.progress(`h: rules of ${SERVICES} Services`);
  const names = ['kernelNft', 'kernelLegacy', 'router'] as const;
  const planes = await lineUp(context, { kind: 'veth', services: SERVICES, transport: 'udp', planes: names });
  const contestants: Contestant[] = [];
  try {
    for (const plane of planes) {
      sinkAt(plane.bed);
      const generator = await Generator.start(plane.bed, SERVICES);
      const watcher = await Watcher.start(plane.bed, STEADY_PORT);
      contestants.push({ name: plane.name, plane, generator, watcher, port: SERVER_PORT });
    }
    for (const contestant of contestants) await warmUp(context, contestant);
    context.progress('h: one endpoint changes');
    const samples = await inTurn(contestants, context.options.rounds, change);
    const quiet = [...samples].map(([{ name }, all]) => `${name} ${median(all.map(s => s.quietMs)).toFixed(2)} ms`);
    const notes = [`longest gap before the change: ${quiet.join(', ')}`];
    return [
      rowResult(
        'h.force',
        byName(samples, s => s.forceMs),
        notes,
      ),
      rowResult(
        'h.pause',
        byName(samples, s => s.pauseMs),
        notes,
      ),
    ].filter(({ id }) => wanted(id, context.options.rows));
  } finally {
    for (const { generator, watcher } of contestants) {
      await generator.close();
      await watcher.close();
    }
    await dismiss(planes);
  }
}

/**
 * As the other rows (`lineup-with-load.ts`), and changes that do not count: a pause is to be the change's, and not that of a compiler which meets packets and
 * changes for the first time, on processors that sender, watcher and router share.
 */
async function warmUp({ times }: Context, contestant: Contestant): Promise<void> {
  const { generator, plane } = contestant;
  await generator.send({ flows: 1000, milliseconds: times.warmUp });
  await generator.send({ freshEvery: 1, milliseconds: Math.min(times.warmUp, times.newFlows) });
  await plane.forget();
  for (let n = 0; n < UNCOUNTED; n++) await change(contestant);
}

async function change(contestant: Contestant): Promise<Change> {
  const { plane, generator, watcher, port } = contestant;
  const next = port === SERVER_PORT ? OTHER_PORT : SERVER_PORT;
  const text = endpointChange(services(SERVICES, port).at(-1)!, services(SERVICES, next).at(-1)!, 'udp');
  await plane.forget();
  await watcher.begin();
  const sending = generator.send({ flows: 1, freshEvery: FRESH_EVERY, rate: RATE, milliseconds: WITHIN_MS });
  await sleep(BEFORE_MS);
  const startMs = performance.timeOrigin + performance.now();
  await plane.delta!(text);
  await sleep(AFTER_MS);
  generator.stop();
  await sending;
  const { steadyMs, firstAtMs } = await watcher.end();
  contestant.port = next;
  return {
    forceMs: (firstAtMs.get(next) ?? startMs + WITHIN_MS) - startMs,
    pauseMs: longestGap(steadyMs, startMs, Number.POSITIVE_INFINITY),
    quietMs: longestGap(steadyMs, 0, startMs),
  };
}

/** Gaps that end after `fromMs` and begin before `toMs`. */
export function longestGap(times: Float64Array, fromMs: number, toMs: number): number {
  let longest = 0;
  for (let i = 1; i < times.length; i++)
    if (times[i]! > fromMs && times[i - 1]! < toMs) longest = Math.max(longest, times[i]! - times[i - 1]!);
  return longest;
}
