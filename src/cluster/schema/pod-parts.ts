/** What Pods are made of beside their containers: references, volumes, placement (k/k `staging/src/k8s.io/api/core/v1/types.go`). */
import { LabelSelector } from './meta.ts';
import { any, bool, core, define, defineAtomic, int32, int64, list, mapOf, need, quantity, ref, text, word } from './schema.ts';

export const LocalObjectReference = defineAtomic(core('LocalObjectReference'), 'An object of the same namespace, by name.', {
  name: text('Name of the object.'),
});
export const ObjectReference = defineAtomic(core('ObjectReference'), 'Points at another object.', {
  kind: text('Its kind.'),
  namespace: text('Its namespace.'),
  name: text('Its name.'),
  uid: text('Its uid.'),
  apiVersion: text('Its API version.'),
  resourceVersion: text('The version of it that is meant.'),
  fieldPath: text('A part of it: `spec.containers{web}`.'),
});

export const ObjectFieldSelector = defineAtomic(core('ObjectFieldSelector'), 'A field of the Pod itself.', {
  apiVersion: text('API version in which the path is written; v1.'),
  fieldPath: need(text('Path of the field: `metadata.name`, `status.podIP`.')),
});
export const ResourceFieldSelector = defineAtomic(core('ResourceFieldSelector'), 'A resource limit or request of a container.', {
  containerName: text('Which container; needed in volumes.'),
  resource: need(text('Which resource: `limits.cpu`.')),
  divisor: quantity('Unit in which it is shown; 1.'),
});

const KeyToPath = define(core('KeyToPath'), 'One key of a ConfigMap or Secret as a file.', {
  key: need(text('The key.')),
  path: need(text('Path of the file below the mount.')),
  mode: int32('Permission bits of the file.'),
});
const items = list(ref(KeyToPath), 'Keys that are shown; empty: all.');
const defaultMode = int32('Permission bits of files that have none of their own; 0644.');
const optional = bool('May the object or the key be missing?');

const ConfigMapVolumeSource = define(core('ConfigMapVolumeSource'), 'The keys of a ConfigMap as files.', {
  name: text('Name of the ConfigMap.'),
  items,
  defaultMode,
  optional,
});
const SecretVolumeSource = define(core('SecretVolumeSource'), 'The keys of a Secret as files.', {
  secretName: text('Name of the Secret.'),
  items,
  defaultMode,
  optional,
});
const EmptyDirVolumeSource = define(core('EmptyDirVolumeSource'), 'An empty folder that lives as long as the Pod.', {
  medium: text('Memory for a tmpfs; empty for the disk of the node.'),
  sizeLimit: quantity('Most that it may hold.'),
});
const HostPathVolumeSource = define(core('HostPathVolumeSource'), 'A path of the node.', {
  path: need(text('The path.')),
  type: text('What must be there: Directory, File, Socket and so on; empty: anything.'),
});

export const Volume = define(core('Volume'), 'Something that containers of the Pod may mount. Exactly one source is set.', {
  name: need(text('Name by which containers mount it.')),
  configMap: ref(ConfigMapVolumeSource),
  secret: ref(SecretVolumeSource),
  emptyDir: ref(EmptyDirVolumeSource),
  hostPath: ref(HostPathVolumeSource),
  downwardAPI: any('Fields of the Pod as files.'),
  projected: any('Several sources in one folder.'),
  persistentVolumeClaim: any('A claim of storage. Accepted; nothing provides storage here.'),
  nfs: any('An NFS export. Accepted; not mounted here.'),
  csi: any('A volume of a storage driver. Accepted; not mounted here.'),
  ephemeral: any('A claim made for this Pod. Accepted; nothing provides storage here.'),
});

export const Toleration = define(core('Toleration'), 'A taint of nodes that the Pod puts up with.', {
  key: text('Key of the taint; empty with Exists: every taint.'),
  operator: word(['Equal', 'Exists'], 'How key and value are compared; Equal.'),
  value: text('Value of the taint, with Equal.'),
  effect: word(['NoSchedule', 'PreferNoSchedule', 'NoExecute'], 'Which effect is put up with; empty: all.'),
  tolerationSeconds: int64('For how long, with NoExecute; absent: for ever.'),
});

const NodeSelectorRequirement = define(core('NodeSelectorRequirement'), 'One condition on a node.', {
  key: need(text('Key of the label.')),
  operator: need(word(['In', 'NotIn', 'Exists', 'DoesNotExist', 'Gt', 'Lt'], 'How the label relates to the values.')),
  values: list(text('A value.'), 'Values to compare with.'),
});
const NodeSelectorTerm = defineAtomic(core('NodeSelectorTerm'), 'Conditions that must all hold.', {
  matchExpressions: list(ref(NodeSelectorRequirement), 'Conditions on labels.'),
  matchFields: list(ref(NodeSelectorRequirement), 'Conditions on fields.'),
});
const NodeSelector = defineAtomic(core('NodeSelector'), 'Selects nodes: one of the terms must hold.', {
  nodeSelectorTerms: need(list(ref(NodeSelectorTerm), 'The terms.')),
});
const PreferredSchedulingTerm = define(core('PreferredSchedulingTerm'), 'A term with a weight.', {
  weight: need(int32('1 to 100.')),
  preference: need(ref(NodeSelectorTerm)),
});
const NodeAffinity = define(core('NodeAffinity'), 'Nodes on which the Pod must or should run.', {
  requiredDuringSchedulingIgnoredDuringExecution: ref(NodeSelector, 'Must hold when the Pod is placed.'),
  preferredDuringSchedulingIgnoredDuringExecution: list(ref(PreferredSchedulingTerm), 'Should hold when the Pod is placed.'),
});
const PodAffinityTerm = define(core('PodAffinityTerm'), 'Pods near which, or away from which, the Pod is placed.', {
  labelSelector: ref(LabelSelector, 'Which Pods.'),
  namespaces: list(text('A namespace.'), 'Of which namespaces; empty: of its own.'),
  namespaceSelector: ref(LabelSelector, 'Of which namespaces, by their labels.'),
  topologyKey: need(text('Label of nodes: what has the same value is near.')),
});
const WeightedPodAffinityTerm = define(core('WeightedPodAffinityTerm'), 'A term with a weight.', {
  weight: need(int32('1 to 100.')),
  podAffinityTerm: need(ref(PodAffinityTerm)),
});
const podAffinityFields = {
  requiredDuringSchedulingIgnoredDuringExecution: list(ref(PodAffinityTerm), 'Must hold when the Pod is placed.'),
  preferredDuringSchedulingIgnoredDuringExecution: list(ref(WeightedPodAffinityTerm), 'Should hold when the Pod is placed.'),
};
export const Affinity = define(core('Affinity'), 'Rules of placement.', {
  nodeAffinity: ref(NodeAffinity),
  podAffinity: ref(define(core('PodAffinity'), 'Pods near which the Pod is placed.', podAffinityFields)),
  podAntiAffinity: ref(define(core('PodAntiAffinity'), 'Pods away from which the Pod is placed.', podAffinityFields)),
});

export const TopologySpreadConstraint = define(core('TopologySpreadConstraint'), 'How evenly Pods spread over nodes or zones.', {
  maxSkew: need(int32('Most that two of them may differ.')),
  topologyKey: need(text('Label of nodes by which they are grouped.')),
  whenUnsatisfiable: need(word(['DoNotSchedule', 'ScheduleAnyway'], 'What to do when it cannot hold.')),
  labelSelector: ref(LabelSelector, 'Which Pods are counted.'),
  minDomains: int32('Least number of groups.'),
  matchLabelKeys: list(text('A key.'), 'Labels of the Pod that are added to the selector.'),
  nodeAffinityPolicy: text('Honor or Ignore.'),
  nodeTaintsPolicy: text('Honor or Ignore.'),
});

export const HostAlias = define(core('HostAlias'), 'A line of /etc/hosts.', {
  ip: need(text('Address.')),
  hostnames: list(text('A name.'), 'Names of the address.'),
});
const PodDNSConfigOption = define(core('PodDNSConfigOption'), 'An option of resolv.conf.', {
  name: text('Its name: `ndots`.'),
  value: text('Its value.'),
});
export const PodDNSConfig = define(core('PodDNSConfig'), 'What is added to, or makes, resolv.conf.', {
  nameservers: list(text('An address.'), 'Name servers.'),
  searches: list(text('A domain.'), 'Search list.'),
  options: list(ref(PodDNSConfigOption), 'Options.'),
});

const Sysctl = define(core('Sysctl'), 'A kernel setting of the Pod.', { name: need(text('Its name.')), value: need(text('Its value.')) });
export const PodSecurityContext = define(core('PodSecurityContext'), 'Rights of all containers of the Pod.', {
  runAsUser: int64('User id of the processes.'),
  runAsGroup: int64('Group id of the processes.'),
  runAsNonRoot: bool('Refuse to run as user 0?'),
  fsGroup: int64('Group that owns the volumes.'),
  fsGroupChangePolicy: text('When volumes change their group: OnRootMismatch or Always.'),
  supplementalGroups: list(int64('A group id.'), 'Further groups of the processes.'),
  sysctls: list(ref(Sysctl), 'Kernel settings of the Pod.'),
  seccompProfile: any('Filter of system calls.'),
  seLinuxOptions: any('SELinux context.'),
  appArmorProfile: any('AppArmor profile.'),
});

export const ResourceRequirements = define(core('ResourceRequirements'), 'What a container asks for and may use.', {
  limits: mapOf(quantity('An amount.'), 'Most that it may use: `cpu: 500m`, `memory: 64Mi`.'),
  requests: mapOf(quantity('An amount.'), 'What it is placed by; as limits when absent.'),
  claims: list(any('A claim.'), 'Claims of devices.'),
});
