/** kubeproxy/endpoints-map: what a Service's endpoints are before and after its slices change, and what follows from the change. */
import { EndpointsChangeTracker, type EndpointsMap, localReadyEndpoints } from '../../../src/proxy/endpoint-slices.ts';
import { all } from '../fields.ts';
import { type SliceCase, sliceOf } from '../net/proxy-node.ts';
import { defineSet, expectSame } from '../set.ts';

type Expected = Readonly<Record<string, readonly { readonly endpoint: string; readonly isLocal: boolean }[]>>;

interface Case {
  readonly id: string;
  readonly before: readonly (SliceCase | null)[];
  readonly after: readonly (SliceCase | null)[];
  readonly expectBefore: Expected;
  readonly expectAfter: Expected;
  readonly expectConntrackCleanupRequired: boolean;
  readonly expectLocalReadyEndpoints: Readonly<Record<string, number>>;
}

const NODE = 'test-node';
const byName = <T>(entries: Iterable<readonly [string, T]>): (readonly [string, T])[] => [...entries].sort(([a], [b]) => (a < b ? -1 : 1));

const shown = (map: EndpointsMap) =>
  byName([...map].map(([key, list]) => [key, list.map(e => ({ endpoint: e.text, isLocal: e.isLocal }))] as const));
const wanted = (expected: Expected) =>
  byName(Object.entries(expected).map(([key, list]) => [key, list.map(e => ({ endpoint: e.endpoint, isLocal: e.isLocal }))] as const));

export const endpointsMap = defineSet<Case>('kubeproxy/endpoints-map', c => {
  const tracker = new EndpointsChangeTracker({ family: 'IPv4', nodeName: NODE, nodeHints: true, log: () => {} });
  const map: EndpointsMap = new Map();
  for (const slice of c.before) if (slice !== null) tracker.update(sliceOf(slice), false);
  tracker.apply(map);
  const before = shown(map);
  for (const [i, slice] of c.after.entries()) {
    const old = c.before[i];
    if (slice !== null) tracker.update(sliceOf(slice), false);
    else if (old) tracker.update(sliceOf(old), true);
  }
  const { conntrackCleanupRequired } = tracker.apply(map);
  return all([
    expectSame('before', wanted(c.expectBefore), before),
    expectSame('after', wanted(c.expectAfter), shown(map)),
    expectSame('conntrack clean-up', c.expectConntrackCleanupRequired, conntrackCleanupRequired),
    expectSame('local ready endpoints', byName(Object.entries(c.expectLocalReadyEndpoints)), byName(localReadyEndpoints(map))),
  ]);
});
