/** The way of the first probe and of its answer through the hops: what stands at each, what has changed, and which rules did it. */
import type { Journey } from '../capture/journey/journey.ts';
import type { JourneyEvent, JourneyRecord } from '../capture/journey/record.ts';
import { inPhase, type Phase } from './evidence.ts';
import type { Story, WalkStep } from './result.ts';
import { describeSight, envelopeName, type Sight, sightOf } from './sight.ts';
import type { Hop } from './topology/model.ts';

/** Rules that do something to a packet; jumps and accepted states are in the journey. */
const ACTS = /-j ((?:DNAT|SNAT|MASQUERADE|REDIRECT|MARK|DROP|REJECT)\b.*)$/;
const JUMPS = /-j (\S+)/;

/**
 * @param conntrack text of conntrack(8), by node
 * @returns undefined for an exercise that does not begin with a probe
 */
export function storyOf(
  phase: Phase | undefined,
  hops: readonly Hop[],
  journey: Journey,
  conntrack: ReadonlyMap<string, string>,
): Story | undefined {
  if (phase === undefined || (phase.kind !== 'probe' && phase.kind !== 'arp')) return undefined;
  const records = journey.records.filter(r => inPhase(phase, journey.frames.get(r)!));
  const injected = records.find(r => r.hop === phase.injectedAt);
  if (injected === undefined) return undefined;
  const answer = injected.flow === undefined ? undefined : records.find(r => r.flow === injected.flow && r.way === 'reply');
  const names = new Set(hops.map(hop => hop.name));
  const way = (packet: number | undefined) =>
    walkOf(
      records.filter(r => r.packet === packet),
      names,
      journey,
    );
  return {
    packet: injected.packet,
    ...(answer === undefined ? {} : { answerPacket: answer.packet }),
    walk: way(injected.packet),
    answer: way(answer?.packet),
    conntrack: entriesOf(injected, journey, conntrack),
  };
}

function walkOf(records: readonly JourneyRecord[], names: ReadonlySet<string>, journey: Journey): WalkStep[] {
  const walk: WalkStep[] = [];
  let before: Sight | undefined;
  let rules: WalkStep['rules'] = [];
  let dropped: string | undefined;
  for (const record of records) {
    rules.push(...record.events.flatMap(ruleWords));
    dropped ??= record.dropped;
    const sight = names.has(record.hop) ? sightOf(journey.frames.get(record)!) : undefined;
    if (sight === undefined) continue; // a hook: what it did is told at the next interface
    walk.push({
      hop: record.hop,
      packet: describeSight(sight),
      ends: `${sight.src} > ${sight.dst}`,
      ...(sight.outer === undefined ? {} : { outer: `${sight.outer.src} > ${sight.outer.dst}` }),
      did: before === undefined ? [] : changes(before, sight),
      rules,
    });
    before = sight;
    rules = [];
  }
  // It ended inside a node: what happened there is told where it went in.
  const last = walk.at(-1);
  if (last !== undefined && dropped !== undefined) {
    last.rules.push(...rules);
    last.did.push(dropped);
  }
  return walk;
}

/** `nat KUBE-SEP-... #2: DNAT --to-destination 10.244.2.2:8080`, and the jump that took the packet for a Service's. */
function ruleWords({ text, rule }: JourneyEvent): WalkStep['rules'] {
  if (rule === undefined) return [];
  const place = `${rule.table} ${rule.chain}${rule.number > 0 ? ` #${rule.number}` : ''}`;
  const origin = rule.origin === undefined ? {} : { origin: rule.origin };
  const acts = ACTS.exec(text)?.[1];
  if (acts !== undefined) return [{ text: `${place}: ${acts}`, ...origin }];
  if (rule.number === 0) return text.endsWith(': DROP') ? [{ text: `${place}: policy DROP` }] : [];
  return rule.origin !== undefined && /^(Service|EndpointSlice) /.test(rule.origin)
    ? [{ text: `${place}: to ${JUMPS.exec(text)?.[1] ?? 'the next rule'}`, ...origin }]
    : [];
}

function changes(before: Sight, now: Sight): string[] {
  const did: string[] = [];
  if (before.dst !== now.dst) did.push(`destination ${before.dst} becomes ${now.dst}`);
  if (before.src !== now.src) did.push(`source ${before.src} becomes ${now.src}`);
  if (before.ttl !== now.ttl) did.push(`TTL ${before.ttl} becomes ${now.ttl}`);
  if (before.outer === undefined && now.outer !== undefined) did.push(`put into ${envelopeName(now.outer)} to ${now.outer.dst}`);
  if (before.outer !== undefined && now.outer === undefined) did.push(`taken out of ${envelopeName(before.outer).split(' ')[0]}`);
  return did;
}

/** Entries that speak of the packet's connection, under whichever address it had there: of the node that it met first, first. */
export function entriesOf(injected: JourneyRecord, journey: Journey, conntrack: ReadonlyMap<string, string>): Story['conntrack'] {
  const ends = new Set<string>();
  const places = new Map<string, number>();
  for (const record of journey.records) {
    if (record.flow !== injected.flow || injected.flow === undefined) continue;
    const node = record.hop.split('/')[0]!;
    if (!places.has(node)) places.set(node, places.size);
    const ip = record.layers.findLast(l => l.layer === 'ipv4');
    const ports = record.layers.findLast(l => l.layer === 'tcp' || l.layer === 'udp');
    if (ip !== undefined && ports !== undefined) ends.add(`src=${ip.src} dst=${ip.dst} sport=${ports.srcPort} dport=${ports.dstPort} `);
  }
  const placeOf = (node: string): number => places.get(node) ?? places.size;
  return [...conntrack]
    .sort(([a], [b]) => placeOf(a) - placeOf(b))
    .flatMap(([node, text]) =>
      text
        .split('\n')
        .filter(line => [...ends].some(end => line.includes(end)))
        .map(entry => ({ node, entry: entry.trim().replace(/ +/g, ' ') })),
    );
}
