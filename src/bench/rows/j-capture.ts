/**
 * Row j: what is left of a router's packets per second while every hop is captured: its wires, the receiver's interface, its hooks, each rule
 * that is met. One router in turn with nobody looking and with everything told; the capture thread takes its processor time from the same machine. What
 * it had no room for is counted, and said below the table. The sender's own interface is no hop here: it passes the queueing discipline by,
 * where packet sockets listen.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Capture, type CaptureReport, type LogicalHop } from '../../capture/capture.ts';
import { LinkType } from '../../capture/pcapng/format.ts';
import { checkDescription } from '../../node/description.ts';
import { type RunningNode, startNode } from '../../node/node.ts';
import { createTraceRing } from '../../packet/trace-ring.ts';
import { HOOK_HOP } from '../../packet/tracer.ts';
import { hookNames } from '../../packet/verdict.ts';
import type { Context } from '../context.ts';
import { Generator } from '../load/generator.ts';
import { saturate } from '../load/saturation.ts';
import { wanted } from '../measures.ts';
import { describeRouter } from '../planes/router.ts';
import { type RowResult, rowResult } from '../result.ts';
import { kubeProxyRules } from '../rules/kube-proxy.ts';
import { services } from '../rules/services.ts';
import { netnsPath, sysctl } from '../shell.ts';
import { median } from '../statistics.ts';
import { inTurn } from '../turns.ts';
import { type Bed, buildBed, removeBed } from '../wires/bed.ts';
import { sinkAt } from '../wires/sink.ts';

const FLOWS = 1000;

export async function rowJ(context: Context): Promise<RowResult[]> {
  const bed = buildBed('capt', 'veth');
  let node: RunningNode | undefined;
  let generator: Generator | undefined;
  try {
    sysctl(bed.node, { 'net.ipv4.ip_forward': 0 });
    node = await startNode({
      netns: netnsPath(bed.node),
      description: checkDescription(describeRouter(bed, { qdiscBypass: false })),
      rules: { text: kubeProxyRules(services(1), 'udp') },
    });
    sinkAt(bed);
    generator = await Generator.start(bed, 1, availableParallelism() > 1 ? 0 : null);
    await generator.send({ flows: FLOWS, milliseconds: context.times.warmUp });
    return await compare(context, bed, node, generator);
  } finally {
    await generator?.close();
    await node?.stop();
    removeBed(bed);
  }
}

async function compare(context: Context, bed: Bed, node: RunningNode, generator: Generator): Promise<RowResult[]> {
  context.progress('j: packets, with every hop captured');
  const rate = async () => (await saturate(bed, generator, { flows: FLOWS, milliseconds: context.times.saturation })).packetsPerSecond;
  const reports: CaptureReport[] = [];
  const samples = await inTurn(['off', 'on'] as const, context.options.rounds, async which => {
    if (which === 'off') return rate();
    const { packetsPerSecond, report } = await captured(bed, node, rate);
    reports.push(report);
    return packetsPerSecond;
  });
  const [off, on] = [samples.get('off')!, samples.get('on')!];
  const notes = [`nobody looking: ${Math.round(median(off) / 1000)} k packets/s`, ...reports.slice(-1).map(countsNote)];
  return [
    rowResult('j.packets', { router: on }, notes),
    rowResult('j.kept', { router: on.map((value, round) => value / off[round]!) }),
  ].filter(({ id }) => wanted(id, context.options.rows));
}

async function captured(
  bed: Bed,
  node: RunningNode,
  rate: () => Promise<number>,
): Promise<{ packetsPerSecond: number; report: CaptureReport }> {
  const folder = mkdtempSync(join(tmpdir(), 'kubehop-bench-'));
  const shared = createTraceRing();
  const hooks: LogicalHop[] = hookNames.map((hook, i) => ({
    id: HOOK_HOP + i,
    name: `node/${hook.toLowerCase()}`,
    linkType: LinkType.Raw,
  }));
  const at = (namespace: string, name: string, hop: string) => ({ name: hop, netns: netnsPath(namespace), interface: name });
  try {
    const capture = await Capture.start({
      hops: [at(bed.node, 'west', 'node/west'), at(bed.node, 'east', 'node/east'), at(bed.server, 'eth0', 'server/eth0')],
      rings: [{ node: 'node', shared, hops: hooks, interfaces: node.interfaces }],
      output: { folder: join(folder, 'hops') },
      traceFile: join(folder, 'trace.jsonl'),
    });
    const end = node.trace(shared);
    const packetsPerSecond = await rate();
    end();
    return { packetsPerSecond, report: await capture.stop() };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const countsNote = ({ hops, rings }: CaptureReport): string =>
  [
    ...hops.filter(hop => hop.received > 0).map(({ name, written, dropped }) => `${name}: ${written} frames written, ${dropped} not`),
    ...rings.map(({ lost }) => `the router: ${lost} packets not told`),
  ].join('; ');
