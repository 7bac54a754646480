/** kubeproxy/topology: which endpoints a Service may use on a node. */
import { ZONE_LABEL } from '../../../src/cluster/objects/types.ts';
import { chooseEndpoints } from '../../../src/proxy/endpoint-choice.ts';
import type { EndpointInfo } from '../../../src/proxy/endpoint-slices.ts';
import type { ServicePortInfo } from '../../../src/proxy/service-port.ts';
import { all } from '../fields.ts';
import { defineSet, expectSame, passed } from '../set.ts';

interface Case {
  readonly id: string;
  readonly preferSameTrafficDistribution: boolean;
  readonly nodeName: string | null;
  readonly nodeLabels: Readonly<Record<string, string>>;
  readonly service: {
    readonly externallyAccessible: boolean;
    readonly externalPolicyLocal: boolean;
    readonly internalPolicyLocal: boolean;
  };
  readonly endpoints: readonly {
    readonly endpoint: string;
    readonly isLocal: boolean;
    readonly ready: boolean;
    readonly serving: boolean;
    readonly terminating: boolean;
    readonly zoneHints?: readonly string[];
    readonly nodeHints?: readonly string[];
  }[];
  readonly expect: {
    readonly clusterEndpoints: readonly string[] | null;
    readonly localEndpoints: readonly string[] | null;
    readonly allEndpoints: readonly string[];
    readonly hasAnyEndpoints: boolean | null;
  };
}

const hints = (names: readonly string[] | undefined): ReadonlySet<string> | undefined => (names?.length ? new Set(names) : undefined);

const endpointOf = (c: Case, e: Case['endpoints'][number], index: number): EndpointInfo => {
  const at = e.endpoint.lastIndexOf(':');
  return {
    ip: e.endpoint.slice(0, at),
    port: Number(e.endpoint.slice(at + 1)),
    text: e.endpoint,
    isLocal: e.isLocal,
    ready: e.ready,
    serving: e.serving,
    terminating: e.terminating,
    zoneHints: hints(e.zoneHints),
    nodeHints: c.preferSameTrafficDistribution ? hints(e.nodeHints) : undefined,
    slice: 'web-1',
    index,
    chain: undefined,
  };
};

const portOf = ({ service }: Case): ServicePortInfo => ({
  service: 'ns/web',
  name: 'ns/web',
  protocol: 'TCP',
  field: 'spec.ports[0]',
  clusterIP: '10.96.0.10',
  port: 80,
  nodePort: service.externallyAccessible ? 30_080 : 0,
  externalIPs: [],
  loadBalancerVIPs: [],
  sourceRanges: [],
  clientIpAffinity: false,
  stickySeconds: 0,
  externalPolicyLocal: service.externalPolicyLocal,
  internalPolicyLocal: service.internalPolicyLocal,
  healthCheckNodePort: 0,
  hintsAnnotation: '',
});

const texts = (endpoints: readonly EndpointInfo[] | undefined): string[] | null => endpoints?.map(e => e.text).sort() ?? null;

export const topology = defineSet<Case>('kubeproxy/topology', c => {
  const choice = chooseEndpoints(
    c.endpoints.map((e, i) => endpointOf(c, e, i)),
    portOf(c),
    {
      nodeName: c.nodeName ?? '',
      zone: c.nodeLabels[ZONE_LABEL] ?? '',
      nodeHints: c.preferSameTrafficDistribution,
      hintsNeedAnnotation: false,
    },
  );
  const { expect } = c;
  const sorted = (list: readonly string[] | null): string[] | null => list && [...list].sort();
  return all([
    expectSame('cluster endpoints', sorted(expect.clusterEndpoints), texts(choice.cluster)),
    expectSame('local endpoints', sorted(expect.localEndpoints), texts(choice.local)),
    expectSame('all endpoints', sorted(expect.allEndpoints), texts(choice.all)),
    expect.hasAnyEndpoints === null ? passed : expectSame('has any', expect.hasAnyEndpoints, choice.hasAny),
  ]);
});
