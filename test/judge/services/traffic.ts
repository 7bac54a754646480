/** Whom clients of a cluster talk to: from pods, nodes and outside to every address that a Service has, and to pods directly. */
import type { EndpointSlice, Service } from '../../../src/cluster/objects/types.ts';
import type { Chooser } from '../generate/choose.ts';
import type { Flow } from '../generate/traffic.ts';
import { address, hosts, type LinkName, links } from '../topology.ts';
import { type Cluster, clusterAddress, nodeAddresses } from './cluster.ts';

interface Target {
  dst: string;
  dport: number;
  protocol: 'tcp' | 'udp';
}

export function serviceFlow(c: Chooser, cluster: Cluster): Flow {
  const { link, src } = randomSource(c, cluster);
  const target = randomTarget(c, cluster);
  return {
    link,
    src,
    ...target,
    ...(c.oneIn(15) ? { protocol: 'icmp' as const } : {}),
    // Few ports, so that flows meet again: after a change the same client asks once more.
    sport: c.of([1000, 2000, 40_000, 40_001, 40_002, 65_000]),
    first: -1,
    clientSeq: c.below(1 << 30),
    serverSeq: c.below(1 << 30),
    started: false,
  };
}

/** A pod, which may be an endpoint of what it asks for; another node; a host of the network; the outside. */
function randomSource(c: Chooser, { slices }: Cluster): { link: LinkName; src: string } {
  const endpoints = slices.flatMap(s => s.endpoints.flatMap(e => e.addresses));
  const own = endpoints.length > 0 && c.oneIn(3) ? c.of(endpoints) : undefined;
  const link = links.find(l => own?.startsWith(`10.0.${l.net}.`));
  if (own !== undefined && link && !nodeAddresses.includes(own)) return { link: link.name, src: own };
  if (c.oneIn(5)) return { link: 'c', src: c.of(['198.51.100.7', '198.51.100.8', '198.51.100.9']) };
  const any = c.of(links);
  return { link: any.name, src: address(any.net, c.of(hosts)) };
}

function randomTarget(c: Chooser, { services, slices }: Cluster): Target {
  if (services.length === 0) return { dst: clusterAddress(99), dport: 80, protocol: 'tcp' };
  const service = c.of(services);
  const port = c.of(service.spec.ports);
  const protocol = port.protocol === 'TCP' ? 'tcp' : 'udp';
  const { clusterIP, externalIPs = [] } = service.spec;
  const addresses = [
    ...(clusterIP === 'None' ? [] : [clusterIP, clusterIP]),
    ...externalIPs,
    ...service.status.loadBalancer.ingress.flatMap(i => i.ip ?? []),
  ];
  const targets: (readonly [number, Target])[] = addresses.map(dst => [4, { dst, dport: port.port, protocol }]);
  if (port.nodePort) targets.push([6, { dst: c.of(nodeAddresses), dport: port.nodePort, protocol }]);
  if (service.spec.healthCheckNodePort)
    targets.push([2, { dst: c.of(nodeAddresses), dport: service.spec.healthCheckNodePort, protocol: 'tcp' }]);
  // Another port of the address, and an endpoint itself.
  if (addresses.length > 0) targets.push([1, { dst: c.of(addresses), dport: 81, protocol }]);
  const direct = endpointOf(c, service, slices);
  if (direct) targets.push([2, { ...direct, protocol }]);
  return targets.length === 0 ? { dst: c.of(nodeAddresses), dport: port.port, protocol } : c.weighted(targets);
}

function endpointOf(c: Chooser, { metadata }: Service, slices: readonly EndpointSlice[]): { dst: string; dport: number } | undefined {
  const slice = slices.find(s => s.metadata.name === `${metadata.name}-1`);
  if (!slice || slice.endpoints.length === 0) return undefined;
  return { dst: c.of(slice.endpoints).addresses[0]!, dport: c.of(slice.ports).port! };
}
