/** Row b: TCP throughput by iperf3, one stream and eight, offloads on. */
import type { Context } from '../context.ts';
import { client, Server } from '../load/program.ts';
import { type MeasureId, wanted } from '../measures.ts';
import type { Plane } from '../planes/plane.ts';
import { type RowResult, rowResult } from '../result.ts';
import { SERVICE_PORT, services } from '../rules/services.ts';
import { SERVER_PORT } from '../wires/bed.ts';
import { dismiss, lineUp } from './lineup.ts';
import { figures } from './lineup-with-load.ts';

export async function rowB(context: Context): Promise<RowResult[]> {
  const rows: RowResult[] = [];
  for (const [kind, prefix] of [
    ['veth', 'b'],
    ['bridge', 'b.tap'],
  ] as const) {
    const ids = context.times.streams.map(streams => `${prefix}.${streams}` as MeasureId);
    if (!ids.some(id => wanted(id, context.options.rows))) continue;
    const planes = await lineUp(context, { kind, services: 1, transport: 'tcp' });
    try {
      for (const [i, streams] of context.times.streams.entries()) {
        if (!wanted(ids[i]!, context.options.rows)) continue;
        context.progress(`b: TCP, ${streams} stream${streams === 1 ? '' : 's'}, ${kind === 'veth' ? 'packet sockets' : 'TAP'}`);
        for (const { bed } of planes) if (i === 0) await throughput(bed, streams, context.times.warmUp);
        rows.push(rowResult(ids[i]!, await figures(context, planes, plane => throughput(plane.bed, streams, context.times.tcp))));
      }
    } finally {
      await dismiss(planes);
    }
  }
  return rows;
}

/** Gbit/s at the server. A server serves one test and ends. */
export async function throughput(bed: Pick<Plane['bed'], 'client' | 'server'>, streams: number, milliseconds: number): Promise<number> {
  const server = await Server.start(bed.server, ['iperf3', '-s', '-1', '--forceflush', '-p', String(SERVER_PORT)]);
  try {
    const seconds = Math.max(1, Math.round(milliseconds / 1000));
    const argv = [
      'iperf3',
      '-c',
      services(1)[0]!.clusterIp,
      '-p',
      String(SERVICE_PORT),
      '-P',
      String(streams),
      '-t',
      String(seconds),
      '-J',
    ];
    const report = JSON.parse(await client(bed.client, argv, { withinMs: milliseconds + 20_000 })) as {
      end: { sum_received: { bits_per_second: number } };
    };
    return report.end.sum_received.bits_per_second / 1e9;
  } finally {
    await server.stop();
  }
}
