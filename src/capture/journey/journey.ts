/** The journey of every packet of a run: captures and traces joined, hop by hop. */
import type { CapturedFrame } from '../captured-frame.ts';
import type { NatEntry } from '../flow-table.ts';
import { compareNs, identify, ownerOf, type TravelledPacket } from '../identity.ts';
import { type Sighting, sight } from '../sighting.ts';
import type { TraceLine } from '../trace-text.ts';
import { JOURNEY_SCHEMA, type JourneyEvent, type JourneyHeader, type JourneyRecord } from './record.ts';
import { rewritesBetween, rewriteWords } from './words.ts';

export interface JourneyInput {
  /** By hop, in the order of the path. */
  hops: ReadonlyMap<string, readonly CapturedFrame[]>;
  /** Lines of `trace.jsonl`. */
  trace?: readonly TraceLine[];
  /** Turns a rule's counter into `nat KUBE-SERVICES rule 4: -d ...`, by the rules that were in force at that time (ns since 1970). */
  ruleText?: (node: string, counter: number, timeNs: bigint) => string | undefined;
  /** IPv4 addresses and MACs to names of pods, nodes and Services. */
  names?: ReadonlyMap<string, string>;
  nat?: readonly NatEntry[];
}

export interface Journey {
  header: JourneyHeader;
  /** By packet, each in the order of its way. */
  records: JourneyRecord[];
  /** Each record's frame. */
  frames: Map<JourneyRecord, CapturedFrame>;
}

export function buildJourney(input: JourneyInput): Journey {
  const names = input.names ?? new Map<string, string>();
  const sightings = [...input.hops.values()].flat().map(sight);
  const { packets, flows } = identify(sightings, [...input.hops.keys()], input.nat);
  const startNs = packets[0]?.sightings[0]?.frame.timeNs ?? 0n;
  const trace = traceByPacket(input.trace ?? []);
  const flowNumbers = new Map<string, number>();
  const frames = new Map<JourneyRecord, CapturedFrame>();
  const records: JourneyRecord[] = [];
  for (const p of packets) {
    const events = eventsOf(p, trace, startNs, input);
    for (const [i, s] of p.sightings.entries()) {
      const record = recordOf(p, i, s, startNs, events.get(s) ?? [], names);
      if (s.tuple) {
        const key = flows.flowKey(s.tuple);
        if (!flowNumbers.has(key)) flowNumbers.set(key, flowNumbers.size + 1);
        record.flow = flowNumbers.get(key)!;
        record.way = flows.isOriginal(s.tuple) ? 'original' : 'reply';
      }
      frames.set(record, s.frame);
      records.push(record);
    }
  }
  const addresses = Object.fromEntries([...names].filter(([key]) => !key.includes(':')));
  const header: JourneyHeader = {
    schema: JOURNEY_SCHEMA,
    startNs: String(startNs),
    hops: [...input.hops].map(([name, list]) => ({ name, frames: list.length })),
    packets: packets.length,
    flows: flowNumbers.size,
    names: addresses,
  };
  return { header, records, frames };
}

function recordOf(
  p: TravelledPacket,
  i: number,
  s: Sighting,
  startNs: bigint,
  events: JourneyEvent[],
  names: ReadonlyMap<string, string>,
): JourneyRecord {
  const before = p.sightings[i - 1];
  const link = p.sightings.slice(0, i).findLast(earlier => earlier.ethernet !== undefined);
  const rewrites = before ? rewritesBetween(before, link, s) : [];
  const dropped = events.find(e => e.kind === 'drop')?.text;
  const words = [
    `packet ${p.id}${p.certain ? '' : ' (a guess)'}, ${i + 1} of ${p.sightings.length}`,
    ...events.map(e => e.text),
    ...(before && s.ipv4 ? rewriteWords(rewrites, s, names) : []),
    ...s.frame.comments,
  ];
  return {
    packet: p.id,
    certain: p.certain,
    hop: s.frame.hop,
    at: Number(s.frame.timeNs - startNs),
    ...(s.frame.direction ? { direction: s.frame.direction } : {}),
    length: s.frame.originalLength,
    captured: s.frame.bytes.length,
    layers: s.dissection.layers,
    ...(s.dissection.quoted.length > 0 ? { quoted: s.dissection.quoted } : {}),
    rewrites,
    events,
    ...(s.frame.tracedId === undefined ? {} : { traced: { node: ownerOf(s.frame.hop), packet: s.frame.tracedId } }),
    ...(dropped === undefined ? {} : { dropped }),
    words,
  };
}

const traceByPacket = (lines: readonly TraceLine[]): Map<string, TraceLine[]> => Map.groupBy(lines, l => `${l.node}|${l.packet}`);

/** What routers told of a packet, at the next sighting in the same node; what came after the last one stays with that. */
function eventsOf(
  p: TravelledPacket,
  trace: ReadonlyMap<string, TraceLine[]>,
  startNs: bigint,
  input: JourneyInput,
): Map<Sighting, JourneyEvent[]> {
  const events = new Map<Sighting, JourneyEvent[]>();
  const nodes = new Map<string, Sighting[]>();
  for (const s of p.sightings) {
    if (s.frame.tracedId === undefined) continue;
    nodes.set(`${ownerOf(s.frame.hop)}|${s.frame.tracedId}`, []);
  }
  for (const [key, list] of nodes) list.push(...p.sightings.filter(s => ownerOf(s.frame.hop) === key.split('|', 1)[0]));
  for (const [key, here] of nodes) {
    for (const line of trace.get(key) ?? []) {
      const told = eventOf(line, startNs, input);
      if (!told) continue;
      const timeNs = BigInt(line.timeNs);
      const at = here.find(s => compareNs(s.frame.timeNs, timeNs) >= 0 && s.frame.tracedId !== undefined) ?? here.at(-1)!;
      const list = events.get(at);
      if (list) list.push(told);
      else events.set(at, [told]);
    }
  }
  return events;
}

function eventOf(line: TraceLine, startNs: bigint, input: JourneyInput): JourneyEvent | undefined {
  const common = { node: line.node, at: Number(BigInt(line.timeNs) - startNs) };
  switch (line.kind) {
    case 'rule': {
      if (line.event === 'end') return undefined; // going back to the calling chain decides nothing
      const rule = input.ruleText?.(line.node, line.counter!, BigInt(line.timeNs)) ?? `rule ${line.counter}`;
      return { ...common, kind: 'rule', text: `${line.hook} ${rule}${line.verdict === undefined ? '' : `: ${line.verdict}`}` };
    }
    case 'nat':
      return { ...common, kind: 'nat', text: `${line.rewrite} NAT: ${line.from} becomes ${line.to}` };
    case 'conntrack':
      return { ...common, kind: 'conntrack', text: `conntrack ${line.state ?? 'has no entry'}` };
    case 'drop':
      return { ...common, kind: 'drop', text: `dropped: ${line.reason}` };
    case 'hop':
      return undefined; // it is a record of its own
  }
}
