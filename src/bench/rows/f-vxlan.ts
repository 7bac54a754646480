/** Row f: from a pod on one node to a pod on the other, by a Service and through VXLAN. */
import type { Context } from '../context.ts';
import { Generator } from '../load/generator.ts';
import { saturate } from '../load/saturation.ts';
import { wanted } from '../measures.ts';
import { kernelVxlan, routerVxlan, type VxlanPlane } from '../planes/vxlan.ts';
import { type RowResult, rowResult } from '../result.ts';
import { services, type Transport } from '../rules/services.ts';
import { sinkAt } from '../wires/sink.ts';
import { throughput } from './b-tcp.ts';
import { available } from './lineup.ts';
import { figures } from './lineup-with-load.ts';

const FLOWS = 1000;

export async function rowF(context: Context): Promise<RowResult[]> {
  const rows: RowResult[] = [];
  if (wanted('f.tcp', context.options.rows))
    rows.push(
      await onPlanes(context, 'tcp', async planes => {
        context.progress('f: TCP over VXLAN');
        for (const { bed } of planes) await throughput(bed, 1, context.times.warmUp);
        return rowResult('f.tcp', await figures(context, planes, ({ bed }) => throughput(bed, 1, context.times.tcp)));
      }),
    );
  if (wanted('f.packets', context.options.rows)) rows.push(await onPlanes(context, 'udp', planes => packets(context, planes)));
  return rows;
}

async function packets(context: Context, planes: readonly VxlanPlane[]): Promise<RowResult> {
  context.progress('f: packets over VXLAN');
  const generators = new Map<VxlanPlane, Generator>();
  try {
    for (const plane of planes) {
      sinkAt(plane.bed);
      generators.set(plane, await Generator.start(plane.bed, 1));
    }
    const burst = { flows: FLOWS, milliseconds: context.times.saturation };
    for (const generator of generators.values()) await generator.send({ flows: FLOWS, milliseconds: context.times.warmUp });
    const rate = async (plane: VxlanPlane) => (await saturate(plane.bed, generators.get(plane)!, burst)).packetsPerSecond;
    return rowResult('f.packets', await figures(context, planes, rate));
  } finally {
    for (const generator of generators.values()) await generator.close();
  }
}

let lineups = 0;

async function onPlanes<T>(context: Context, transport: Transport, work: (planes: readonly VxlanPlane[]) => Promise<T>): Promise<T> {
  const rules = { services: services(1), transport };
  const planes: VxlanPlane[] = [];
  const series = ++lineups;
  try {
    for (const name of available(context)) {
      if (name === 'router') planes.push(await routerVxlan(context, `vts${series}`, rules));
      else if (name === 'kernelNft' || name === 'kernelLegacy')
        planes.push(kernelVxlan(name, `v${name.slice('kernel'.length).toLowerCase()}${series}`, rules));
    }
    return await work(planes);
  } finally {
    for (const plane of planes) await plane.close();
  }
}
