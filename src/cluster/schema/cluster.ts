/** Node, Namespace, Event and Lease: what the cluster knows of itself (k/k `staging/src/k8s.io/api/core/v1/types.go`, `coordination/v1/types.go`). */
import { kindOf, type ObjectOf } from './meta.ts';
import { ObjectReference } from './pod-parts.ts';
import { any, bool, core, define, type Infer, int32, keyed, list, mapOf, need, quantity, ref, setOf, text, time, word } from './schema.ts';

const Taint = define(core('Taint'), 'Keeps Pods away that do not tolerate it.', {
  key: need(text('Its key.')),
  value: text('Its value.'),
  effect: need(word(['NoSchedule', 'PreferNoSchedule', 'NoExecute'], 'What it does.')),
  timeAdded: time('When it was added.'),
});
const NodeSpecDefinition = define(core('NodeSpec'), 'What the node is to be.', {
  podCIDR: text("Range of its Pods' addresses."),
  podCIDRs: setOf(text('A range.'), 'The same, at most one of each family.'),
  providerID: text('Its id at a cloud.'),
  unschedulable: bool('Are no new Pods placed on it?'),
  taints: list(ref(Taint), 'What keeps Pods away.'),
  configSource: any('No longer used.'),
  externalID: text('No longer used.'),
});
const NodeCondition = define(core('NodeCondition'), 'One aspect of the node: Ready and others.', {
  type: need(text('Which aspect.')),
  status: need(text('True, False or Unknown.')),
  lastHeartbeatTime: time('When the node said so last.'),
  lastTransitionTime: time('When status changed last.'),
  reason: text('Why, in one word.'),
  message: text('Why, for people.'),
});
const NodeAddress = define(core('NodeAddress'), 'An address of the node.', {
  type: need(text('InternalIP, ExternalIP, Hostname, InternalDNS or ExternalDNS.')),
  address: need(text('The address.')),
});
const NodeSystemInfo = define(core('NodeSystemInfo'), 'What the node is made of.', {
  machineID: need(text('Id of the machine.')),
  systemUUID: need(text('Id of the hardware.')),
  bootID: need(text('Id of this boot.')),
  kernelVersion: need(text('Version of its kernel.')),
  osImage: need(text('Its distribution.')),
  containerRuntimeVersion: need(text('What runs its containers.')),
  kubeletVersion: need(text('Its kubelet.')),
  kubeProxyVersion: need(text('No longer filled in.')),
  operatingSystem: need(text('Its operating system.')),
  architecture: need(text('Its architecture.')),
  swap: any('Its swap.'),
});
const NodeStatusDefinition = define(core('NodeStatus'), 'What is observed of the node.', {
  capacity: mapOf(quantity('An amount.'), 'All that it has.'),
  allocatable: mapOf(quantity('An amount.'), 'What Pods may have of it.'),
  phase: text('No longer used.'),
  conditions: keyed(ref(NodeCondition), ['type'], 'What holds and what does not.'),
  addresses: keyed(ref(NodeAddress), ['type'], 'Its addresses.'),
  daemonEndpoints: any('Port of its kubelet.'),
  nodeInfo: ref(NodeSystemInfo),
  images: list(any('An image.'), 'Images that it has.'),
  volumesInUse: list(text('A volume.'), 'Volumes that are mounted.'),
  volumesAttached: list(any('A volume.'), 'Volumes that are attached.'),
  config: any('No longer used.'),
  runtimeHandlers: list(any('A handler.'), 'How containers can be run.'),
  features: any('What its container runtime can do.'),
});
export const NodeDefinition = kindOf(core('Node'), '', 'v1', 'A machine on which Pods run.', {
  spec: ref(NodeSpecDefinition),
  status: ref(NodeStatusDefinition),
});

const NamespaceCondition = define(core('NamespaceCondition'), 'One aspect of a namespace that goes.', {
  type: need(text('Which aspect.')),
  status: need(text('True, False or Unknown.')),
  lastTransitionTime: time('When status changed last.'),
  reason: text('Why, in one word.'),
  message: text('Why, for people.'),
});
export const NamespaceDefinition = kindOf(core('Namespace'), '', 'v1', 'A room for names.', {
  spec: ref(
    define(core('NamespaceSpec'), 'What holds it.', { finalizers: list(text('A finalizer.'), 'Who must be done before it is gone.') }),
  ),
  status: ref(
    define(core('NamespaceStatus'), 'Where in its life it is.', {
      phase: word(['Active', 'Terminating'], 'Is it on its way out?'),
      conditions: keyed(ref(NamespaceCondition), ['type'], 'What holds it back.'),
    }),
  ),
});

const EventSource = define(core('EventSource'), 'Who tells it.', { component: text('Which component.'), host: text('On which node.') });
const EventSeries = define(core('EventSeries'), 'The same, again and again.', {
  count: int32('How often.'),
  lastObservedTime: time('When last.'),
});
export const EventDefinition = kindOf(core('Event'), '', 'v1', 'Something that happened to an object, told once for people.', {
  involvedObject: need(ref(ObjectReference, 'To which object.')),
  reason: text('What, in one word.'),
  message: text('What, for people.'),
  source: ref(EventSource),
  firstTimestamp: time('When first.'),
  lastTimestamp: time('When last.'),
  count: int32('How often.'),
  type: text('Normal or Warning.'),
  eventTime: time('When, in microseconds.'),
  series: ref(EventSeries),
  action: text('What was done about it.'),
  related: ref(ObjectReference, 'A second object.'),
  reportingComponent: text('Who tells it: `kubehop/kubelet`.'),
  reportingInstance: text('Which one of those.'),
});

const coordination = (name: string): string => `io.k8s.api.coordination.v1.${name}`;
const LeaseSpecDefinition = define(coordination('LeaseSpec'), 'Who holds it.', {
  holderIdentity: text('The holder.'),
  leaseDurationSeconds: int32('Seconds that others wait after renewTime.'),
  acquireTime: time('When the holder got it.'),
  renewTime: time('When the holder renewed it last.'),
  leaseTransitions: int32('How often the holder changed.'),
  strategy: text('How holders are chosen.'),
  preferredHolder: text('Who should hold it.'),
});
export const LeaseDefinition = kindOf(
  coordination('Lease'),
  'coordination.k8s.io',
  'v1',
  'A right that lasts while it is renewed; of a node: its heartbeat.',
  {
    spec: ref(LeaseSpecDefinition),
  },
);

export type Node = ObjectOf<typeof NodeDefinition>;
export type NodeStatus = Infer<typeof NodeStatusDefinition>;
export type Namespace = ObjectOf<typeof NamespaceDefinition>;
export type Event = ObjectOf<typeof EventDefinition>;
export type Lease = ObjectOf<typeof LeaseDefinition>;
