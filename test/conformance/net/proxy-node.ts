/** kube-proxy on the node of a case: objects in the form of the cases, a sink that keeps what it was told. */
import { VirtualClock } from '../../../src/base/clock.ts';
import { type IpFamily, parseIp } from '../../../src/base/ip.ts';
import {
  type Endpoint,
  type EndpointPort,
  type EndpointSlice,
  type Protocol,
  SERVICE_NAME_LABEL,
  type Service,
} from '../../../src/cluster/objects/types.ts';
import { DEFAULT_VERSION, dialects, type ProxyConfig } from '../../../src/proxy/iptables/config.ts';
import { Proxier } from '../../../src/proxy/iptables/proxier.ts';
import type { RuleSink } from '../../../src/proxy/iptables/sink.ts';
import type { ConntrackTable } from '../../../src/proxy/stale-entries.ts';

export interface NodeCase {
  readonly name: string;
  readonly ip: string;
  readonly ips: readonly string[];
  readonly podCIDR: string;
}
export interface ConfigCase {
  readonly ipFamily: IpFamily;
  readonly masqueradeAll: boolean;
  readonly masqueradeMark: string;
  readonly localDetector: 'podCIDR' | 'none';
  readonly localhostNodePorts: boolean;
  readonly nodePortAddresses: readonly string[] | null;
  readonly conntrackTCPLiberal: boolean;
  readonly randomFully: boolean;
  readonly nfacctCounters: readonly string[];
  readonly featureLoadBalancerIPMode?: boolean;
}
export interface ServiceCase {
  readonly namespace: string;
  readonly name: string;
  readonly type?: Service['spec']['type'];
  readonly clusterIP: string;
  readonly ports: readonly { readonly name: string; readonly protocol: Protocol; readonly port: number; readonly nodePort?: number }[];
  readonly externalIPs?: readonly string[];
  readonly loadBalancerIngress?: Service['status']['loadBalancer']['ingress'];
  readonly loadBalancerSourceRanges?: readonly string[];
  readonly externalTrafficPolicy?: 'Cluster' | 'Local';
  readonly internalTrafficPolicy?: 'Cluster' | 'Local';
  readonly healthCheckNodePort?: number;
  readonly sessionAffinity?: { readonly type: 'ClientIP' | 'None'; readonly timeoutSeconds?: number };
}
export interface SliceCase {
  readonly namespace: string;
  readonly service: string;
  readonly name: string;
  readonly addressType: EndpointSlice['addressType'] | null;
  readonly ports: readonly EndpointPort[];
  readonly endpoints: readonly Endpoint[];
  readonly annotations?: Readonly<Record<string, string>>;
}

/** Fields of a Service in the form of the cases. */
export const serviceFields = [
  'namespace',
  'name',
  'type',
  'clusterIP',
  'ports',
  'externalIPs',
  'loadBalancerIngress',
  'loadBalancerSourceRanges',
  'externalTrafficPolicy',
  'internalTrafficPolicy',
  'healthCheckNodePort',
  'sessionAffinity',
]; // prettier-ignore

export function serviceOf(c: ServiceCase): Service {
  const { namespace, name, ports, loadBalancerIngress = [], sessionAffinity, type = 'ClusterIP', clusterIP } = c;
  const timeoutSeconds = sessionAffinity?.timeoutSeconds ?? 10_800;
  return {
    kind: 'Service',
    metadata: { namespace, name },
    spec: {
      type,
      clusterIP,
      ports,
      sessionAffinity: sessionAffinity?.type ?? 'None',
      ...(sessionAffinity?.type === 'ClientIP' && { sessionAffinityConfig: { clientIP: { timeoutSeconds } } }),
      ...(c.externalIPs && { externalIPs: c.externalIPs }),
      ...(c.loadBalancerSourceRanges && { loadBalancerSourceRanges: c.loadBalancerSourceRanges }),
      ...(c.externalTrafficPolicy && { externalTrafficPolicy: c.externalTrafficPolicy }),
      ...(c.internalTrafficPolicy && { internalTrafficPolicy: c.internalTrafficPolicy }),
      ...(c.healthCheckNodePort && { healthCheckNodePort: c.healthCheckNodePort }),
    },
    status: { loadBalancer: { ingress: loadBalancerIngress } },
  };
}

export function sliceOf({ namespace, service, name, addressType, ports, endpoints, annotations }: SliceCase): EndpointSlice {
  return {
    kind: 'EndpointSlice',
    metadata: { namespace, name, labels: { [SERVICE_NAME_LABEL]: service }, ...(annotations && { annotations }) },
    // A slice that says nothing is of no family.
    addressType: addressType ?? ('' as 'IPv4'),
    ports,
    endpoints,
  };
}

export function configOf(node: NodeCase, config: ConfigCase): ProxyConfig {
  const { ipFamily: family } = config;
  const loopback = family === 'IPv4' ? '127.0.0.1' : '::1';
  return {
    family,
    nodeName: node.name,
    nodeIp: parseIp(node.ip),
    zone: '',
    localIps: [...new Set([loopback, ...node.ips])].map(text => parseIp(text)!),
    masqueradeAll: config.masqueradeAll,
    masqueradeMark: config.masqueradeMark,
    localDetector: config.localDetector === 'none' ? { kind: 'none' } : { kind: 'cidr', cidr: node.podCIDR },
    localhostNodePorts: config.localhostNodePorts,
    nodePortAddresses: config.nodePortAddresses ?? [],
    conntrackTcpLiberal: config.conntrackTCPLiberal,
    randomFully: config.randomFully,
    loadBalancerIPMode: config.featureLoadBalancerIPMode !== false,
    dialect: dialects[DEFAULT_VERSION],
  };
}

export class ProxyNode {
  readonly proxier: Proxier;
  readonly clock = new VirtualClock(1_000_000);
  readonly log: string[] = [];
  readonly #services = new Map<string, Service>();
  readonly #slices = new Map<string, EndpointSlice>();

  constructor(config: ProxyConfig, sink: RuleSink, conntrack?: ConntrackTable) {
    const epochSeconds = (): number => this.clock.nowMs() / 1000;
    const parts = {
      sink,
      clock: this.clock,
      epochSeconds,
      log: (line: string) => void this.log.push(line),
      ...(conntrack && { conntrack }),
    };
    this.proxier = new Proxier(config, parts);
  }

  addService(c: ServiceCase): void {
    const service = serviceOf(c);
    const name = `${c.namespace}/${c.name}`;
    this.proxier.updateService(this.#services.get(name), service);
    this.#services.set(name, service);
  }
  deleteService(name: string): void {
    const service = this.#services.get(name);
    if (service === undefined) throw new Error(`no Service ${name}`);
    this.proxier.updateService(service, undefined);
    this.#services.delete(name);
  }
  addSlice(c: SliceCase): void {
    const slice = sliceOf(c);
    this.proxier.updateSlice(slice);
    this.#slices.set(`${c.namespace}/${c.name}`, slice);
  }
  deleteSlice(name: string): void {
    const slice = this.#slices.get(name);
    if (slice === undefined) throw new Error(`no EndpointSlice ${name}`);
    this.proxier.updateSlice(slice, true);
    this.#slices.delete(name);
  }
}
