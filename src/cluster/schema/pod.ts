/** Pod and the template of one (k/k `staging/src/k8s.io/api/core/v1/types.go`). */
import { Container, ContainerStatus, EphemeralContainer } from './container.ts';
import { kindOf, metadata, type ObjectOf } from './meta.ts';
import {
  Affinity,
  HostAlias,
  LocalObjectReference,
  PodDNSConfig,
  PodSecurityContext,
  ResourceRequirements,
  Toleration,
  TopologySpreadConstraint,
  Volume,
} from './pod-parts.ts';
import {
  any,
  bool,
  core,
  define,
  type Infer,
  int32,
  int64,
  keyed,
  list,
  mapOf,
  need,
  quantity,
  ref,
  text,
  time,
  word,
  words,
} from './schema.ts';

export const PodSpecDefinition = define(core('PodSpec'), 'What the Pod is to be.', {
  volumes: { ...keyed(ref(Volume), ['name'], 'Volumes that its containers may mount.'), retainKeys: true },
  initContainers: keyed(ref(Container), ['name'], 'Containers that run to their end, one after another, before the others start.'),
  containers: need(keyed(ref(Container), ['name'], 'Containers of the Pod; at least one.')),
  ephemeralContainers: keyed(ref(EphemeralContainer), ['name'], 'Containers put in later, to look at the Pod.'),
  restartPolicy: word(['Always', 'OnFailure', 'Never'], 'When a container that ended is started again; Always.'),
  terminationGracePeriodSeconds: int64('Seconds from SIGTERM to SIGKILL; 30.'),
  activeDeadlineSeconds: int64('Seconds that the Pod may run.'),
  dnsPolicy: word(['ClusterFirst', 'ClusterFirstWithHostNet', 'Default', 'None'], 'Where its resolv.conf comes from; ClusterFirst.'),
  nodeSelector: words('Labels that its node must have.', true),
  serviceAccountName: text('ServiceAccount as which it runs.'),
  serviceAccount: text('Old name of serviceAccountName.'),
  automountServiceAccountToken: bool('Is the token of the account mounted?'),
  nodeName: text('Node on which it runs; set by the scheduler.'),
  hostNetwork: bool('Does it use the network of the node?'),
  hostPID: bool('Does it see the processes of the node?'),
  hostIPC: bool('Does it share IPC with the node?'),
  hostUsers: bool('Does it use the user ids of the node?'),
  shareProcessNamespace: bool('Do its containers see the processes of one another?'),
  securityContext: ref(PodSecurityContext),
  imagePullSecrets: keyed(ref(LocalObjectReference), ['name'], 'Secrets by which images are fetched.'),
  hostname: text("Its host name; the Pod's name."),
  subdomain: text('Headless Service in whose domain its name is.'),
  setHostnameAsFQDN: bool('Is the host name the whole domain name?'),
  affinity: ref(Affinity),
  schedulerName: text('Who places it; default-scheduler.'),
  tolerations: list(ref(Toleration), 'Taints of nodes that it puts up with.'),
  hostAliases: keyed(ref(HostAlias), ['ip'], 'Lines for its /etc/hosts.'),
  priorityClassName: text('Class of its priority.'),
  priority: int32('Its priority.'),
  preemptionPolicy: text('May it push out others?'),
  dnsConfig: ref(PodDNSConfig),
  readinessGates: list(any('A condition.'), 'Conditions that must hold before it is ready.'),
  schedulingGates: keyed(any('A gate.'), ['name'], 'What holds it back from being placed.'),
  runtimeClassName: text('How its containers are run.'),
  enableServiceLinks: bool('Do its containers get variables for each Service? true.'),
  overhead: mapOf(quantity('An amount.'), 'What the Pod itself costs.'),
  topologySpreadConstraints: keyed(ref(TopologySpreadConstraint), ['topologyKey', 'whenUnsatisfiable'], 'How evenly Pods like it spread.'),
  os: any('Its operating system.'),
  resourceClaims: keyed(any('A claim.'), ['name'], 'Claims of devices.'),
  resources: ref(ResourceRequirements, 'Resources of the Pod as a whole.'),
});

const PodCondition = define(core('PodCondition'), 'One aspect of the Pod: PodScheduled, Initialized, ContainersReady, Ready.', {
  type: need(text('Which aspect.')),
  status: need(text('True, False or Unknown.')),
  observedGeneration: int64('Generation for which this was found.'),
  lastProbeTime: time('When it was looked at last.'),
  lastTransitionTime: time('When status changed last.'),
  reason: text('Why, in one word.'),
  message: text('Why, for people.'),
});
const PodIP = define(core('PodIP'), 'An address of the Pod.', { ip: need(text('The address.')) });
const HostIP = define(core('HostIP'), 'An address of its node.', { ip: need(text('The address.')) });
const PodStatusDefinition = define(core('PodStatus'), 'What is observed of the Pod.', {
  observedGeneration: int64('Generation that this status is about.'),
  phase: word(['Pending', 'Running', 'Succeeded', 'Failed', 'Unknown'], 'Where in its life it is.'),
  conditions: keyed(ref(PodCondition), ['type'], 'What holds and what does not.'),
  message: text('Why it is so, for people.'),
  reason: text('Why it is so, in one word.'),
  nominatedNodeName: text('Node that is being made free for it.'),
  hostIP: text('Address of its node.'),
  hostIPs: { ...list(ref(HostIP), 'Addresses of its node.'), list: { type: 'atomic' as const, keys: [], mergeKey: 'ip' } },
  podIP: text('Its address; empty until it has one.'),
  podIPs: keyed(ref(PodIP), ['ip'], 'Its addresses, at most one of each family.'),
  startTime: time('When its node took it.'),
  initContainerStatuses: list(ref(ContainerStatus), 'Its init containers.'),
  containerStatuses: list(ref(ContainerStatus), 'Its containers.'),
  ephemeralContainerStatuses: list(ref(ContainerStatus), 'Its ephemeral containers.'),
  qosClass: word(['Guaranteed', 'Burstable', 'BestEffort'], 'Class by which it is pushed out.'),
  resize: text('State of a change of its resources.'),
  resourceClaimStatuses: list(any('A claim.'), 'Claims of devices.'),
});

export const PodTemplateDefinition = define(core('PodTemplateSpec'), 'What the Pods that are made from it will be.', {
  metadata,
  spec: ref(PodSpecDefinition, 'What each Pod is to be.'),
});

export const PodDefinition = kindOf(core('Pod'), '', 'v1', 'Containers that share a network and live on one node.', {
  spec: ref(PodSpecDefinition, 'What the Pod is to be.'),
  status: ref(PodStatusDefinition, 'What is observed of the Pod.'),
});

export type Pod = ObjectOf<typeof PodDefinition>;
export type PodSpec = Infer<typeof PodSpecDefinition>;
export type PodStatus = Infer<typeof PodStatusDefinition>;
export type PodTemplate = Infer<typeof PodTemplateDefinition>;
export type ContainerSpec = Infer<typeof Container>;
export type ContainerStatusOf = Infer<typeof ContainerStatus>;
