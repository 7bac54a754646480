/**
 * Which slices a Service is to have, changed as little as possible: every slice that is written goes to every kube-proxy (k/k
 * `staging/src/k8s.io/endpointslice/reconciler.go`, `reconcileByPortMapping`). Pure.
 */
import type { EndpointSlice, SliceEndpoint } from '../schema/networking.ts';
import { type Draft, sameJson } from '../store/object.ts';
import type { EndpointGroup } from './service-endpoints.ts';

/** `--max-endpoints-per-slice`. */
export const MOST_IN_SLICE = 100;

export interface SlicePlan {
  readonly create: readonly EndpointGroup[];
  /** Endpoints of a slice that stays, in their new state. */
  readonly update: readonly { readonly slice: EndpointSlice; readonly endpoints: readonly Draft<SliceEndpoint>[] }[];
  readonly remove: readonly EndpointSlice[];
}

export function planSlices(existing: readonly EndpointSlice[], groups: readonly EndpointGroup[], most = MOST_IN_SLICE): SlicePlan {
  const create: EndpointGroup[] = [];
  const update: { slice: EndpointSlice; endpoints: Draft<SliceEndpoint>[] }[] = [];
  const remove: EndpointSlice[] = [];
  const left = new Set(existing);
  for (const group of groups) {
    const own = existing.filter(slice => sameJson(slice.ports ?? [], group.ports));
    for (const slice of own) left.delete(slice);
    planGroup(own, group, most, { create, update, remove });
  }
  remove.push(...left);
  return { create, update, remove };
}

interface Plan {
  create: EndpointGroup[];
  update: { slice: EndpointSlice; endpoints: Draft<SliceEndpoint>[] }[];
  remove: EndpointSlice[];
}

/** Endpoints stay where they are. New ones first fill slices that are written anyway, then the fullest one that takes them all, then new ones. */
function planGroup(own: readonly EndpointSlice[], { ports, endpoints }: EndpointGroup, most: number, plan: Plan): void {
  const wanted = new Map(endpoints.map(endpoint => [keyOf(endpoint), endpoint]));
  const kept = own.map(slice => {
    const stay: Draft<SliceEndpoint>[] = [];
    let changed = false;
    for (const endpoint of slice.endpoints ?? []) {
      const now = wanted.get(keyOf(endpoint));
      wanted.delete(keyOf(endpoint));
      if (now === undefined) changed = true;
      else {
        stay.push(now);
        changed ||= !sameJson(now, endpoint);
      }
    }
    return { slice, stay, changed };
  });
  const fresh = [...wanted.values()];
  for (const each of kept) if (each.changed && each.stay.length > 0) each.stay.push(...fresh.splice(0, most - each.stay.length));
  if (fresh.length > 0) {
    const room = kept.filter(each => !each.changed && each.stay.length + fresh.length <= most);
    const fullest = room.toSorted((a, b) => b.stay.length - a.stay.length)[0];
    if (fullest !== undefined) {
      fullest.stay.push(...fresh.splice(0));
      fullest.changed = true;
    }
  }
  while (fresh.length > 0) plan.create.push({ ports, endpoints: fresh.splice(0, most) });
  for (const { slice, stay, changed } of kept) {
    if (stay.length === 0) plan.remove.push(slice);
    else if (changed) plan.update.push({ slice, endpoints: stay });
  }
}

const keyOf = ({ targetRef, addresses }: SliceEndpoint | Draft<SliceEndpoint>): string =>
  targetRef?.uid ?? `${targetRef?.kind ?? ''}/${targetRef?.name ?? ''}/${(addresses ?? [])[0]}`;
