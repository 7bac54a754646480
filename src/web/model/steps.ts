/** Packets of the runs brought together, and the steps of one of them: what the page plays. */
import type { ReportRecord, ReportRun } from '../report-data.ts';
import { envelopeDepth } from './headers.ts';

/** One packet, in as many of the runs as have it. */
export interface Travel {
  /** `tcp 203.0.113.9:40001 > 192.168.56.11:30080`, or what it is besides. */
  flow: string;
  title: string;
  reply: boolean;
  /** By run: its records in order; empty where the run has no such packet. */
  ways: ReportRecord[][];
}

/** One hop of a packet: its record in each run; absent where that run has none (hooks are seen on userspace nodes only). */
export interface Step {
  hop: string;
  /** By run: place in `ways`, or -1. */
  at: number[];
}

const OTHER = 'ARP and others';

/** By flow, and in each in order of time. */
export function travelsOf(runs: readonly ReportRun[]): Travel[] {
  const travels = new Map<string, Travel & { order: number }>();
  for (const [r, run] of runs.entries()) {
    const flows = flowKeys(run.header.connections);
    const seen = new Map<string, number>();
    for (const way of waysOf(run.records)) {
      const first = way[0]!;
      const key = nth(seen, `${first.flow === undefined ? '' : flows[first.flow - 1]}|${first.way}|${signOf(first)}`);
      const known = travels.get(key);
      if (known !== undefined) known.ways[r] = way;
      else {
        const flow = first.flow === undefined ? OTHER : run.header.connections[first.flow - 1]!;
        const ways = runs.map((_, i) => (i === r ? way : []));
        const title = titleOf(first);
        travels.set(key, {
          flow,
          title,
          reply: first.way === 'reply',
          ways,
          order: (first.flow ?? LAST) * 2 + (r === 0 ? 0 : 1) + (isBgp(flow) ? LAST : 0),
        });
      }
    }
  }
  const list = [...travels.values()].sort((a, b) => a.order - b.order);
  return list.map(({ order: _, ...travel }) => travel);
}

/** What routing daemons say (RFC 4271) comes behind what the exercise sends, whenever they say it. */
const isBgp = (flow: string): boolean => /^tcp \S+:179 > |:179$/.test(flow);
const LAST = 1e6;

/** Counts what is asked for: the first `a`, the second `a`. */
function nth(seen: Map<string, number>, word: string): string {
  const count = (seen.get(word) ?? 0) + 1;
  seen.set(word, count);
  return `${word}|${count}`;
}

/** The client's port is each run's own. */
function flowKeys(connections: readonly string[]): string[] {
  const seen = new Map<string, number>();
  return connections.map(text => nth(seen, text.replace(/:\d+ > /, ' > ')));
}

function waysOf(records: readonly ReportRecord[]): ReportRecord[][] {
  const ways = new Map<number, ReportRecord[]>();
  for (const record of records) {
    const way = ways.get(record.packet);
    if (way === undefined) ways.set(record.packet, [record]);
    else way.push(record);
  }
  return [...ways.values()].sort((a, b) => a[0]!.at - b[0]!.at);
}

const packetLayers = ({ layers }: ReportRecord) => layers.slice(envelopeDepth(layers));
const layerOf = (record: ReportRecord, name: string) => packetLayers(record).find(l => l.layer === name);

/** What kind of packet it is, without what each run chooses for itself. */
function signOf(record: ReportRecord): string {
  const arp = layerOf(record, 'arp');
  if (arp?.layer === 'arp') return `arp ${arp.op} ${arp.spa} ${arp.tpa}`;
  return titleOf(record);
}

const icmpWords = new Map([
  [0, 'echo reply'],
  [3, 'destination unreachable'],
  [5, 'redirect'],
  [8, 'echo request'],
  [11, 'time exceeded'],
]);

/** `SYN,ACK`, `PSH,ACK 82 bytes`, `who has 192.168.56.11`. */
export function titleOf(record: ReportRecord): string {
  const payload = layerOf(record, 'payload');
  const bytes = payload?.layer === 'payload' && payload.length > 0 ? ` ${payload.length} bytes` : '';
  for (const l of packetLayers(record)) {
    if (l.layer === 'tcp') return `${l.flags || 'no flags'}${bytes}`;
    if (l.layer === 'udp') return `UDP${bytes}`;
    if (l.layer === 'icmp') return `${icmpWords.get(l.type) ?? `ICMP type ${l.type}`}${l.code > 0 ? ` code ${l.code}` : ''}${bytes}`;
    if (l.layer === 'arp') return l.op === 1 ? `who has ${l.tpa}?` : `${l.spa} is at ${l.sha}`;
  }
  const ip = layerOf(record, 'ipv4');
  return ip?.layer === 'ipv4' ? `protocol ${ip.protocol}${bytes}` : `frame${bytes}`;
}

/** `203.0.113.9:40001 > 192.168.56.11:30080`, of the packet itself. */
export function endsOf(record: ReportRecord): string {
  const ip = layerOf(record, 'ipv4');
  const arp = layerOf(record, 'arp');
  if (arp?.layer === 'arp') return `${arp.spa} > ${arp.tpa}`;
  if (ip?.layer !== 'ipv4') return '';
  const l4 = packetLayers(record).find(l => l.layer === 'tcp' || l.layer === 'udp');
  return l4 === undefined ? `${ip.src} > ${ip.dst}` : `${ip.src}:${l4.srcPort} > ${ip.dst}:${l4.dstPort}`;
}

/** `192.168.56.11 > 192.168.56.12`, of the envelope around it. */
export function envelopeOf({ layers }: ReportRecord): string | undefined {
  const outer = layers.slice(0, envelopeDepth(layers)).find(l => l.layer === 'ipv4');
  return outer?.layer === 'ipv4' ? `${outer.src} > ${outer.dst}` : undefined;
}

/** Both ways side by side: the longest sequence of hops that they share (dynamic programming; a way has some dozens). */
export function stepsOf({ ways }: Travel): Step[] {
  const [a = [], b = []] = ways;
  if (ways.length < 2) return a.map(({ hop }, i) => ({ hop, at: [i] }));
  const width = b.length + 1;
  const best = new Uint32Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i--)
    for (let j = b.length - 1; j >= 0; j--)
      best[i * width + j] = same(a[i]!, b[j]!)
        ? best[(i + 1) * width + j + 1]! + 1
        : Math.max(best[(i + 1) * width + j]!, best[i * width + j + 1]!);
  const steps: Step[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && same(a[i]!, b[j]!)) steps.push({ hop: a[i]!.hop, at: [i++, j++] });
    else if (j === b.length || (i < a.length && best[(i + 1) * width + j]! >= best[i * width + j + 1]!))
      steps.push({ hop: a[i]!.hop, at: [i++, -1] });
    else steps.push({ hop: b[j]!.hop, at: [-1, j++] });
  }
  return steps;
}

const same = (a: ReportRecord, b: ReportRecord): boolean => a.hop === b.hop && a.direction === b.direction;

/** At an interface, with what its node's hooks saw since the interface before; at a hook, it alone. */
function sinceInterface(way: readonly ReportRecord[], at: number): readonly ReportRecord[] {
  const record = way[at]!;
  let from = at;
  while (isInterface(record) && from > 0 && !isInterface(way[from - 1]!)) from--;
  return way.slice(from, at + 1);
}

/** What a node did up to here. */
export const eventsAt = (way: readonly ReportRecord[], at: number): ReportRecord['events'] =>
  sinceInterface(way, at).flatMap(r => r.events);

/** The same for people. The first of a record's words says only which packet it is; an interface's have the reasons of all its hooks. */
export function wordsAt(way: readonly ReportRecord[], at: number): { changes: string[]; reasons: string[] } {
  const isChange = (word: string) => /^(put into|taken out|next hop's|dropped)|\bbecomes\b/.test(word);
  const words = sinceInterface(way, at).flatMap(r => r.words.slice(1));
  return { changes: [...new Set(words.filter(isChange))], reasons: way[at]!.words.slice(1).filter(word => !isChange(word)) };
}

export const isInterface = ({ hop }: ReportRecord): boolean => !/\/(prerouting|input|forward|output|postrouting)$/.test(hop);

/** A word for each thing that has happened since the hop before. */
export function badgesOf(record: ReportRecord): string[] {
  const fields = new Map(record.rewrites.map(r => [r.field, r]));
  const has = (pattern: RegExp) => [...fields.keys()].some(field => pattern.test(field));
  const envelope = fields.get('encapsulation');
  return [
    record.dropped === undefined ? '' : 'dropped',
    has(/^(ipv4\.dst|(tcp|udp)\.dstPort)$/) ? 'destination' : '',
    has(/^(ipv4\.src|(tcp|udp)\.srcPort)$/) ? 'source' : '',
    envelope === undefined ? '' : envelope.to === 'none' ? 'unwrapped' : 'wrapped',
    has(/^ipv4\.ttl$/) ? 'TTL' : '',
  ].filter(word => word !== '');
}
