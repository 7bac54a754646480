/** A flood of SYNs through a real router whose table is too small for it, and the traffic that must live on. */

import type { ClientOrder, ClientResult } from './client.ts';
import { answer, line, POD, SERVICE, type Wires } from './wires.ts';

export interface FloodOptions {
  rate: number;
  seconds: number;
  /** `net.netfilter.nf_conntrack_max`. */
  entries: number;
  /** Connections that stand before it begins. */
  idle: number;
  progress: (words: string) => void;
}
export interface FloodReport {
  sent: number;
  perSecond: number;
  /** The most that `conntrack -C` was seen to say. */
  mostEntries: number;
  assuredBefore: number;
  /** ASSURED entries of before the flood that are not there any more. */
  assuredGone: string[];
  /** DESTROY events of ASSURED entries while it went on; those of connections that closed by themselves are not among them. */
  assuredDestroyed: string[];
  destroyEvents: number;
  client: ClientResult;
  statistics: Record<string, number>;
  drops: Record<string, number>;
  rxDropped: number;
  warnings: string[];
}

/** Traffic goes on so long before the flood: a UDP flow is ASSURED when it has had answers for two seconds. */
const BEFORE_S = 3;
const AFTER_S = 1;
const POLL_MS = 500;

export async function flood(wires: Wires, o: FloodOptions): Promise<FloodReport> {
  await wires.open({ sysctl: { 'net.netfilter.nf_conntrack_max': o.entries }, offload: false });
  // The pod says nothing to the flood: no reset takes an entry away before its time.
  wires.inside('pod', ['nft', 'add table netdev quiet']);
  wires.inside('pod', ['nft', 'add chain netdev quiet in { type filter hook ingress device eth0 priority 0; }']);
  wires.inside('pod', ['nft', 'add rule netdev quiet in ip saddr 198.18.0.0/15 drop']);
  await line(wires.program('pod', 'pod-server.ts', {}), 'stdout', /READY/);
  const seconds = BEFORE_S + o.seconds + AFTER_S;
  const order: ClientOrder = { service: SERVICE, idle: o.idle, seconds, bytes: seconds << 20 };
  const client = wires.program('client', 'client.ts', order);
  o.progress(`${o.idle} connections are opened`);
  await line(client, 'stdout', /READY/);
  const before = assured((await wires.kubehop(['conntrack', '-L', '-o', 'id'])).stdout);

  const assuredDestroyed: string[] = [];
  let destroyEvents = 0;
  const stop = wires.follow(['-e', 'DESTROY'], event => {
    destroyEvents++;
    // A connection that was closed is destroyed when its time is up.
    if (event.includes('[ASSURED]')) assuredDestroyed.push(event);
  });
  const told = answer(client) as Promise<ClientResult>;
  client.stdin!.write('begin\n');
  await pause(BEFORE_S * 1000);
  const dstMac = wires.inside('router', ['cat', '/sys/class/net/eth0/address']).stdout.trim();
  const sender = wires.program('client', 'syn-sender.ts', { rate: o.rate, seconds: o.seconds, dstMac, to: [`${SERVICE}:9`, `${POD}:9`] });
  const flooded = answer(sender) as Promise<{ sent: number; perSecond: number }>;
  let mostEntries = 0;
  let under = true;
  void flooded.finally(() => {
    under = false;
  });
  for (const startMs = performance.now(); under; await pause(POLL_MS)) {
    const { connections } = await wires.counters();
    mostEntries = Math.max(mostEntries, connections);
    o.progress(`${((performance.now() - startMs) / 1000).toFixed(0)} of ${o.seconds} s of flood, ${connections} entries`);
  }
  const { sent, perSecond } = await flooded;
  o.progress('the client counts what came');
  const result = await told;
  const after = assured((await wires.kubehop(['conntrack', '-L', '-o', 'id'])).stdout);
  const statistics = numbers((await wires.kubehop(['conntrack', '-S'])).stdout);
  const { drops, ports } = await wires.counters();
  await stop();
  return {
    sent,
    perSecond,
    mostEntries,
    assuredBefore: before.size,
    assuredGone: [...before.keys()].filter(id => !after.has(id)).map(id => before.get(id)!),
    assuredDestroyed,
    destroyEvents,
    client: result,
    statistics,
    drops,
    rxDropped: ports.reduce((sum, p) => sum + p.rxDropped, 0),
    warnings: wires.said.split('\n').filter(words => words.startsWith('warning')),
  };
}

/** What a flood must not do, in words; empty when it did none of it. */
export function faults(r: FloodReport, o: FloodOptions): string[] {
  const found: string[] = [];
  if (r.sent < o.rate * o.seconds * 0.99) found.push(`${r.sent} SYNs were sent, not ${o.rate * o.seconds}`);
  if (r.mostEntries > o.entries) found.push(`${r.mostEntries} entries, more than nf_conntrack_max`);
  if (r.sent > 2 * o.entries && !(r.statistics.early_drop! > 0)) found.push('nothing was evicted: the table was never full');
  if (r.assuredBefore < o.idle) found.push(`${r.assuredBefore} of ${o.idle} connections were ASSURED before the flood`);
  for (const each of [...r.assuredGone, ...r.assuredDestroyed]) found.push(`ASSURED, and gone: ${each}`);
  if (r.client.idleAlive < o.idle) found.push(`${o.idle - r.client.idleAlive} idle connections do not echo any more`);
  if (r.client.long !== '') found.push(`the download: ${r.client.long}`);
  for (const each of r.client.short.failed) found.push(`a short download: ${each}`);
  const lost = r.client.echo.lost.slice(1).reduce((sum, n) => sum + n, 0);
  // A machine so busy that frames never reached the router says nothing about it.
  if (lost > r.rxDropped) found.push(`${lost} echoes were lost after the first second: by second ${r.client.echo.lost.join(' ')}`);
  return found;
}

/** Lines of ASSURED entries by their id. */
function assured(list: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const entry of list.split('\n')) if (entry.includes('[ASSURED]')) found.set(/ id=(\d+)/.exec(entry)![1]!, entry);
  return found;
}

const numbers = (text: string): Record<string, number> =>
  Object.fromEntries([...text.matchAll(/(\w+)=(\d+)/g)].map(([, name, value]) => [name!, Number(value)]));
const pause = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms));
