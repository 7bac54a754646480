/** The way of a probe through the hops, in words: what stands at each, and what has changed since the one before. */
import type { CapturedFrame } from '../capture/captured-frame.ts';
import { inPhase, type Phase } from './evidence.ts';
import type { WalkStep } from './result.ts';
import { describeSight, type Sight, sightOf } from './sight.ts';
import type { Hop } from './topology/model.ts';

/** Way in only: packets of the kind that was injected. Nothing for an exercise without a probe. */
export function walkOf(phase: Phase | undefined, hops: readonly Hop[], frames: ReadonlyMap<string, CapturedFrame[]>): WalkStep[] {
  if (phase === undefined || phase.kind === 'conversation') return [];
  const seen = hops
    .flatMap((hop, order) => (frames.get(hop.name) ?? []).filter(f => inPhase(phase, f)).map(f => ({ hop: hop.name, order, f })))
    .sort((a, b) => (a.f.timeNs < b.f.timeNs ? -1 : a.f.timeNs > b.f.timeNs ? 1 : a.order - b.order));
  const injected = seen.find(({ hop }) => hop === phase.injectedAt);
  const first = injected && sightOf(injected.f);
  if (first === undefined) return [];
  const walk: WalkStep[] = [];
  let before: Sight | undefined;
  for (const { hop, f } of seen) {
    const sight = sightOf(f);
    if (sight === undefined || sight.protocol !== first.protocol || sight.flags !== first.flags || sight.kind !== first.kind) continue;
    walk.push({ hop, packet: describeSight(sight), did: before === undefined ? [] : changes(before, sight) });
    before = sight;
  }
  return walk;
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
