/** Row d: HTTP requests per second, a new connection for each. */
import type { Context } from '../context.ts';
import { client, own, Server } from '../load/program.ts';
import type { Plane } from '../planes/plane.ts';
import { type RowResult, rowResult } from '../result.ts';
import { SERVICE_PORT, services } from '../rules/services.ts';
import { sysctl } from '../shell.ts';
import { SERVER_PORT } from '../wires/bed.ts';
import { dismiss, lineUp } from './lineup.ts';
import { figures } from './lineup-with-load.ts';

/** Connections at a time. */
const CONNECTIONS = 32;

export async function rowD(context: Context): Promise<RowResult[]> {
  const planes = await lineUp(context, { kind: 'veth', services: 1, transport: 'tcp' });
  const servers: Server[] = [];
  try {
    for (const { bed } of planes) {
      // The server closes first, so the client's ports are free again at once.
      sysctl(bed.client, { 'net.ipv4.ip_local_port_range': '1024 65535' });
      sysctl(bed.server, { 'net.core.somaxconn': 4096 });
      servers.push(await Server.start(bed.server, own('http-server.ts', SERVER_PORT)));
    }
    context.progress(`d: HTTP, ${CONNECTIONS} connections at a time`);
    for (const plane of planes) await requests(plane, context.times.warmUp);
    return [rowResult('d', await figures(context, planes, plane => requests(plane, context.times.http)))];
  } finally {
    for (const server of servers) await server.stop();
    await dismiss(planes);
  }
}

async function requests({ bed }: Plane, forMs: number): Promise<number> {
  const argv = own('http-client.ts', services(1)[0]!.clusterIp, SERVICE_PORT, CONNECTIONS, forMs);
  const text = await client(bed.client, argv, { withinMs: forMs + 10_000 });
  const { requests, milliseconds } = JSON.parse(text) as { requests: number; milliseconds: number };
  return (requests * 1000) / milliseconds;
}
