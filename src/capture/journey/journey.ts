/** The journey of every packet of a run: captures and traces joined, hop by hop. */
import type { CapturedFrame } from '../captured-frame.ts';
import type { NatEntry } from '../flow-table.ts';
import { identify, ownerOf, type TravelledPacket } from '../identity.ts';
import { type Sighting, sight, tupleText } from '../sighting.ts';
import type { TraceLine } from '../trace-text.ts';
import { type RuleNames, Teller, type Told } from './events.ts';
import { kernelPasses } from './kernel-passes.ts';
import { JOURNEY_SCHEMA, type JourneyHeader, type JourneyRecord } from './record.ts';
import { type Telling, tell } from './telling.ts';

export interface JourneyInput extends RuleNames {
  /** By hop, in the order of the path. */
  hops: ReadonlyMap<string, readonly CapturedFrame[]>;
  /** Lines of `trace.jsonl`. */
  trace?: readonly TraceLine[];
  /** IPv4 addresses and MACs to names of pods, nodes and Services. */
  names?: ReadonlyMap<string, string>;
  nat?: readonly NatEntry[];
  /** Nodes that could not tell which rules their packets met, and why. */
  rulesUntold?: Readonly<Record<string, string>>;
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
  const trace = input.trace ?? [];
  const teller = new Teller(input, startNs, trace, kernelPasses(trace, packets.flatMap(p => p.sightings).sort(byTime)));
  const numbers = new Map<string, number>();
  const connections: string[] = [];
  const frames = new Map<JourneyRecord, CapturedFrame>();
  const records: JourneyRecord[] = [];
  for (const p of packets) {
    const tuple = p.sightings.find(s => s.tuple !== undefined)?.tuple;
    const key = tuple && flows.flowKey(tuple);
    const reply = tuple !== undefined && !flows.isOriginal(tuple);
    if (key !== undefined && !numbers.has(key)) {
      numbers.set(key, numbers.size + 1);
      connections.push(tupleText(tuple!));
    }
    const number = key === undefined ? undefined : numbers.get(key)!;
    const flow = number === undefined ? undefined : { number, connection: connections[number - 1]!, reply };
    const told = teller.of(p);
    const tellings = tell(p, told, { names, flow });
    for (const [i, s] of p.sightings.entries()) {
      const record = recordOf(p, s, startNs, told.get(s) ?? [], tellings[i]!, flow);
      frames.set(record, s.frame);
      records.push(record);
    }
  }
  const header: JourneyHeader = {
    schema: JOURNEY_SCHEMA,
    startNs: String(startNs),
    hops: [...input.hops].map(([name, list]) => ({ name, frames: list.length })),
    packets: packets.length,
    guesses: packets.filter(p => !p.certain).length,
    flows: connections.length,
    connections,
    names: Object.fromEntries([...names].filter(([name]) => !name.includes(':'))),
    ...(Object.keys(input.rulesUntold ?? {}).length === 0 ? {} : { rulesUntold: { ...input.rulesUntold } }),
  };
  return { header, records, frames };
}

const byTime = (a: Sighting, b: Sighting): number => Number(a.frame.timeNs - b.frame.timeNs);

function recordOf(
  p: TravelledPacket,
  s: Sighting,
  startNs: bigint,
  told: readonly Told[],
  { words, rules, rewrites }: Telling,
  flow: { number: number; reply: boolean } | undefined,
): JourneyRecord {
  const events = told.flatMap(t => t.event ?? []);
  const dropped = events.find(e => e.kind === 'drop')?.text;
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
    ...(rules === '' ? {} : { rules }),
    ...(flow === undefined ? {} : { flow: flow.number, way: flow.reply ? ('reply' as const) : ('original' as const) }),
  };
}
