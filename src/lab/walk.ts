/** The way of a probe through the hops, in words: what stands at each, what has changed since the one before, and which rules did it. */
import type { Journey } from '../capture/journey/journey.ts';
import { inPhase, type Phase } from './evidence.ts';
import type { WalkStep } from './result.ts';
import { describeSight, type Sight, sightOf } from './sight.ts';
import type { Hop } from './topology/model.ts';

/** Rules that do something to a packet; jumps and accepted states are in the journey. */
const DOES = /^\w+ (\w+ \S+) rule \d+: .*-j ((?:DNAT|SNAT|MASQUERADE|REDIRECT|MARK|DROP|REJECT)\b.*)$/;

/** Way in only. Nothing for an exercise that does not begin with a probe. */
export function walkOf(phase: Phase | undefined, hops: readonly Hop[], journey: Journey): WalkStep[] {
  if (phase === undefined || phase.kind === 'conversation' || phase.kind === 'burst') return [];
  const injected = journey.records.find(r => r.hop === phase.injectedAt && inPhase(phase, journey.frames.get(r)!));
  const names = new Set(hops.map(hop => hop.name));
  const walk: WalkStep[] = [];
  let before: Sight | undefined;
  let rules: string[] = [];
  for (const record of journey.records) {
    if (record.packet !== injected?.packet || !inPhase(phase, journey.frames.get(record)!)) continue;
    rules.push(...record.events.flatMap(event => ruleWords(event.text)));
    const sight = names.has(record.hop) ? sightOf(journey.frames.get(record)!) : undefined;
    if (sight === undefined) continue; // a hook: what it did is told at the next interface
    walk.push({ hop: record.hop, packet: describeSight(sight), did: [...rules, ...(before === undefined ? [] : changes(before, sight))] });
    before = sight;
    rules = [];
  }
  return walk;
}

/** `nat KUBE-SEP-...: DNAT --to-destination 10.244.2.2:8080` */
function ruleWords(event: string): string[] {
  const [, chain, target] = DOES.exec(event) ?? [];
  return chain === undefined ? [] : [`${chain}: ${target}`];
}

function changes(before: Sight, now: Sight): string[] {
  const did: string[] = [];
  if (before.dst !== now.dst) did.push(`destination ${before.dst} becomes ${now.dst}`);
  if (before.src !== now.src) did.push(`source ${before.src} becomes ${now.src}`);
  if (before.ttl !== now.ttl) did.push(`TTL ${before.ttl} becomes ${now.ttl}`);
  if (before.outer === undefined && now.outer !== undefined) did.push(`put into VXLAN ${now.outer.vni} to ${now.outer.dst}`);
  if (before.outer !== undefined && now.outer === undefined) did.push('taken out of VXLAN');
  return did;
}
