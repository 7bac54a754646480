/** Service, Endpoints and EndpointSlice (k/k `staging/src/k8s.io/api/core/v1/types.go`, `discovery/v1/types.go`). */
import { Condition, kindOf, type ObjectOf } from './meta.ts';
import { ObjectReference } from './pod-parts.ts';
import { bool, core, define, defineAtomic, type Infer, int32, intOrText, keyed, list, need, ref, text, word, words } from './schema.ts';

const protocol = word(['TCP', 'UDP', 'SCTP'], 'Protocol; TCP.');

const ServicePortDefinition = define(core('ServicePort'), 'A port of the Service, and where it leads.', {
  name: text('Name of the port; needed when there are several.'),
  protocol,
  appProtocol: text('What is spoken on it, for those who look.'),
  port: need(int32('Number at the address of the Service.')),
  targetPort: intOrText('Number, or name of a port of the Pods; as port when absent. Ignored when clusterIP is None.'),
  nodePort: int32('Number at the addresses of every node, with type NodePort and LoadBalancer; allocated from 30000-32767 when absent.'),
});
const SessionAffinityConfig = define(core('SessionAffinityConfig'), 'How long a client stays with its endpoint.', {
  clientIP: ref(
    define(core('ClientIPConfig'), 'By the address of the client.', { timeoutSeconds: int32('Seconds after the last connection; 10800.') }),
  ),
});
const ServiceSpecDefinition = define(core('ServiceSpec'), 'What the Service is to be.', {
  type: word(['ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName'], 'How far it can be reached; ClusterIP.'),
  selector: words('Labels of the Pods that stand behind it. Without one somebody else writes its endpoints.', true),
  ports: keyed(ref(ServicePortDefinition), ['port', 'protocol'], 'Its ports.'),
  clusterIP: text('Its address in the cluster, allocated when absent; None makes it headless. Cannot be changed.'),
  clusterIPs: list(text('An address.'), 'Its addresses in the cluster, at most one of each family; the first is clusterIP.'),
  ipFamilies: list(word(['IPv4', 'IPv6'], 'A family.'), 'Families of clusterIPs, in the same order.'),
  ipFamilyPolicy: word(['SingleStack', 'PreferDualStack', 'RequireDualStack'], 'One family or both; SingleStack.'),
  externalIPs: list(text('An address.'), 'Further addresses for which nodes accept its traffic. Who leads it to the nodes is not asked.'),
  externalName: text('With type ExternalName: the name that its own name stands for (CNAME).'),
  externalTrafficPolicy: word(
    ['Cluster', 'Local'],
    'Traffic from outside: to any endpoint, or only to those of the node that it reached; Cluster.',
  ),
  internalTrafficPolicy: word(['Cluster', 'Local'], 'Traffic from inside: to any endpoint, or only to those of its own node; Cluster.'),
  healthCheckNodePort: int32('Port of every node that says whether it has endpoints; type LoadBalancer with externalTrafficPolicy Local.'),
  allocateLoadBalancerNodePorts: bool('Does type LoadBalancer get node ports? true.'),
  loadBalancerIP: text('Address that is asked of the load balancer. Deprecated.'),
  loadBalancerClass: text('Which implementation of load balancers is meant.'),
  loadBalancerSourceRanges: list(text('A range.'), 'Clients that may come by the load balancer; all when empty.'),
  sessionAffinity: word(['None', 'ClientIP'], 'Does a client stay with its endpoint? None.'),
  sessionAffinityConfig: ref(SessionAffinityConfig),
  publishNotReadyAddresses: bool('Are Pods that are not ready endpoints too?'),
  trafficDistribution: text('Which endpoints come first: PreferSameZone, PreferSameNode, PreferClose.'),
});
const PortStatus = define(core('PortStatus'), 'State of one port of a load balancer.', {
  port: need(int32('Number.')),
  protocol: need(protocol),
  error: text('What went wrong with it.'),
});
const LoadBalancerIngress = define(core('LoadBalancerIngress'), 'An entrance of the load balancer.', {
  ip: text('Its address.'),
  hostname: text('Its name.'),
  ipMode: word(['VIP', 'Proxy'], 'Do packets arrive with this address, or with that of a node? VIP.'),
  ports: list(ref(PortStatus), 'Its ports.'),
});
const LoadBalancerStatus = define(core('LoadBalancerStatus'), 'What the load balancer has become.', {
  ingress: list(ref(LoadBalancerIngress), 'Its entrances; none: it is pending.'),
});
const ServiceStatusDefinition = define(core('ServiceStatus'), 'What is observed of the Service.', {
  loadBalancer: ref(LoadBalancerStatus),
  conditions: keyed(ref(Condition), ['type'], 'What holds and what does not.'),
});
export const ServiceDefinition = kindOf(core('Service'), '', 'v1', 'A lasting address and name for Pods that come and go.', {
  spec: ref(ServiceSpecDefinition),
  status: ref(ServiceStatusDefinition),
});

const EndpointAddress = defineAtomic(core('EndpointAddress'), 'Address of an endpoint.', {
  ip: need(text('The address.')),
  hostname: text('Its name in the domain of the Service.'),
  nodeName: text('Node on which it is.'),
  targetRef: ref(ObjectReference),
});
const EndpointPortV1 = defineAtomic(core('EndpointPort'), 'Port of the endpoints.', {
  name: text('Name of the port of the Service.'),
  port: need(int32('Number.')),
  protocol,
  appProtocol: text('What is spoken on it.'),
});
const EndpointSubset = define(core('EndpointSubset'), 'Endpoints that have the same ports: each address has each port.', {
  addresses: list(ref(EndpointAddress), 'Those that are ready.'),
  notReadyAddresses: list(ref(EndpointAddress), 'Those that are not.'),
  ports: list(ref(EndpointPortV1), 'Their ports.'),
});
export const EndpointsDefinition = kindOf(
  core('Endpoints'),
  '',
  'v1',
  'The endpoints of a Service, as they were told before EndpointSlice. Deprecated.',
  {
    subsets: list(ref(EndpointSubset), 'Groups of endpoints with the same ports.'),
  },
);

const discovery = (name: string): string => `io.k8s.api.discovery.v1.${name}`;
const EndpointConditions = define(discovery('EndpointConditions'), 'Can it take traffic? Absent means yes, except for terminating.', {
  ready: bool('Does it take new connections? Never true while it terminates.'),
  serving: bool('Does it serve, terminating or not?'),
  terminating: bool('Is it on its way out?'),
});
const EndpointHints = define(discovery('EndpointHints'), 'For whom it is meant first.', {
  forZones: list(ref(define(discovery('ForZone'), 'A zone.', { name: need(text('Its name.')) })), 'Zones.'),
  forNodes: list(ref(define(discovery('ForNode'), 'A node.', { name: need(text('Its name.')) })), 'Nodes.'),
});
const EndpointDefinition = define(discovery('Endpoint'), 'One endpoint: usually a Pod.', {
  addresses: need(list(text('An address.'), 'Its addresses, of the type of the slice; the first is used.')),
  conditions: ref(EndpointConditions),
  hostname: text('Its name in the domain of the Service.'),
  targetRef: ref(ObjectReference),
  deprecatedTopology: words('Labels of its place, as they were told before.'),
  nodeName: text('Node on which it is.'),
  zone: text('Zone in which it is.'),
  hints: ref(EndpointHints),
});
const EndpointPortDefinition = defineAtomic(discovery('EndpointPort'), 'A port of all endpoints of the slice.', {
  name: text('Name of the port of the Service.'),
  protocol,
  port: int32('Number; absent: every port.'),
  appProtocol: text('What is spoken on it.'),
});
export const EndpointSliceDefinition = kindOf(
  discovery('EndpointSlice'),
  'discovery.k8s.io',
  'v1',
  'A part of the endpoints of a Service; its label kubernetes.io/service-name says of which.',
  {
    addressType: need(word(['IPv4', 'IPv6', 'FQDN'], 'What the addresses are. Cannot be changed.')),
    endpoints: need(list(ref(EndpointDefinition), 'Endpoints, at most 1000.')),
    ports: list(ref(EndpointPortDefinition), 'Ports that each of them has.'),
  },
);

export type Service = ObjectOf<typeof ServiceDefinition>;
export type ServiceSpec = Infer<typeof ServiceSpecDefinition>;
export type ServicePort = Infer<typeof ServicePortDefinition>;
export type Endpoints = ObjectOf<typeof EndpointsDefinition>;
export type EndpointSlice = ObjectOf<typeof EndpointSliceDefinition>;
export type SliceEndpoint = Infer<typeof EndpointDefinition>;
export type SlicePort = Infer<typeof EndpointPortDefinition>;
