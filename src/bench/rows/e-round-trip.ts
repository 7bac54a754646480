/**
 * Row e: round trips of small datagrams, one at a time. The client has one processor, router and server the other, for every plane: where the
 * scheduler puts them would otherwise be what is measured.
 */
import { availableParallelism } from 'node:os';
import type { Context } from '../context.ts';
import { client, own, Server } from '../load/program.ts';
import { type MeasureId, wanted } from '../measures.ts';
import type { Plane } from '../planes/plane.ts';
import { type RowResult, rowResult } from '../result.ts';
import { SERVICE_PORT, services } from '../rules/services.ts';
import { percentile } from '../statistics.ts';
import { inTurn } from '../turns.ts';
import { SERVER_PORT } from '../wires/bed.ts';
import { dismiss, lineUp } from './lineup.ts';
import { byName } from './lineup-with-load.ts';

const PERCENTILES: readonly (readonly [MeasureId, number])[] = [
  ['e.p50', 0.5],
  ['e.p99', 0.99],
  ['e.p999', 0.999],
];

export async function rowE(context: Context): Promise<RowResult[]> {
  const pinned = availableParallelism() > 1;
  const [near, far] = pinned ? ['0', '1'] : [undefined, undefined];
  const planes = await lineUp(context, {
    kind: 'veth',
    services: 1,
    transport: 'udp',
    ...(far === undefined ? {} : { processors: far }),
  });
  const servers: Server[] = [];
  try {
    for (const { bed } of planes) servers.push(await Server.start(bed.server, own('echo-server.ts', SERVER_PORT), { processors: far }));
    context.progress('e: round trips');
    const trips = (plane: Plane) => roundTrips(context, plane, near);
    for (const plane of planes) await trips(plane);
    const samples = await inTurn(planes, context.options.rounds, trips);
    const notes = pinned ? [] : ['one processor: client, router and server share it'];
    return PERCENTILES.filter(([id]) => wanted(id, context.options.rows)).map(([id, share]) =>
      rowResult(
        id,
        byName(samples, sorted => percentile(sorted, share)),
        notes,
      ),
    );
  } finally {
    for (const server of servers) await server.stop();
    await dismiss(planes);
  }
}

/** Microseconds, ascending. */
async function roundTrips({ times }: Context, { bed }: Plane, processors: string | undefined): Promise<number[]> {
  const argv = own('echo-client.ts', services(1)[0]!.clusterIp, SERVICE_PORT, times.roundTrips);
  const text = await client(bed.client, argv, { processors, withinMs: times.roundTrips * 10 + 10_000 });
  return (JSON.parse(text) as { microseconds: number[] }).microseconds.sort((a, b) => a - b);
}
