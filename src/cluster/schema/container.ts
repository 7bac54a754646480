/** A container of a Pod: what runs, its ports, probes and environment (k/k `staging/src/k8s.io/api/core/v1/types.go`). */
import { ObjectFieldSelector, ResourceFieldSelector, ResourceRequirements } from './pod-parts.ts';
import { any, bool, core, define, defineAtomic, int32, int64, intOrText, keyed, list, need, ref, text, time, word } from './schema.ts';

const keySelector = (kind: string) =>
  defineAtomic(core(`${kind}KeySelector`), `A key of a ${kind}.`, {
    name: text(`Name of the ${kind}.`),
    key: need(text('The key.')),
    optional: bool('May it be missing?'),
  });
const EnvVarSource = define(core('EnvVarSource'), 'Where the value of a variable comes from. One of them is set.', {
  fieldRef: ref(ObjectFieldSelector),
  resourceFieldRef: ref(ResourceFieldSelector),
  configMapKeyRef: ref(keySelector('ConfigMap')),
  secretKeyRef: ref(keySelector('Secret')),
});
const EnvVar = define(core('EnvVar'), 'A variable of the environment.', {
  name: need(text('Name of the variable.')),
  value: text('Its value; `$(NAME)` stands for a variable that was defined before.'),
  valueFrom: ref(EnvVarSource),
});
const sourceRef = (kind: string) =>
  define(core(`${kind}EnvSource`), `All keys of a ${kind} as variables.`, {
    name: text(`Name of the ${kind}.`),
    optional: bool('May it be missing?'),
  });
const EnvFromSource = define(core('EnvFromSource'), 'Variables from all keys of an object.', {
  prefix: text('Put before each name.'),
  configMapRef: ref(sourceRef('ConfigMap')),
  secretRef: ref(sourceRef('Secret')),
});

const ContainerPort = define(core('ContainerPort'), 'A port on which the container listens. Says so; opens nothing.', {
  name: text('Name of the port, to which a Service may point.'),
  containerPort: need(int32('Number of the port, 1 to 65535.')),
  protocol: word(['TCP', 'UDP', 'SCTP'], 'Protocol; TCP.'),
  hostPort: int32('Port of the node that leads here.'),
  hostIP: text('Address of the node to which hostPort is bound.'),
});

const ExecAction = define(core('ExecAction'), 'A command in the container: exit code 0 is success.', {
  command: list(text('An argument.'), 'The command and its arguments; there is no shell.'),
});
const HTTPHeader = define(core('HTTPHeader'), 'A header of the request.', {
  name: need(text('Its name.')),
  value: need(text('Its value.')),
});
const HTTPGetAction = define(core('HTTPGetAction'), 'A GET request: codes from 200 to 399 are success.', {
  path: text('Path; `/`.'),
  port: need(intOrText('Number, or name of a port of the container.')),
  host: text("Host to ask; the Pod's address."),
  scheme: word(['HTTP', 'HTTPS'], 'HTTP or HTTPS; HTTP.'),
  httpHeaders: list(ref(HTTPHeader), 'Headers of the request.'),
});
const TCPSocketAction = define(core('TCPSocketAction'), 'A TCP connection: being accepted is success.', {
  port: need(intOrText('Number, or name of a port of the container.')),
  host: text("Host to connect to; the Pod's address."),
});
const GRPCAction = define(core('GRPCAction'), 'A call of the gRPC health service.', {
  port: need(int32('Port.')),
  service: text('Name of the service.'),
});
export const Probe = define(core('Probe'), 'How the container is looked at, and how often.', {
  exec: ref(ExecAction),
  httpGet: ref(HTTPGetAction),
  tcpSocket: ref(TCPSocketAction),
  grpc: ref(GRPCAction),
  initialDelaySeconds: int32('Seconds from the start to the first look.'),
  periodSeconds: int32('Seconds between two looks; 10.'),
  timeoutSeconds: int32('Seconds until a look has failed; 1.'),
  successThreshold: int32('Successes in a row after a failure; 1.'),
  failureThreshold: int32('Failures in a row after a success; 3.'),
  terminationGracePeriodSeconds: int64('Grace when this probe ends the container.'),
});

const LifecycleHandler = define(core('LifecycleHandler'), 'What is done at a moment of the life of the container.', {
  exec: ref(ExecAction),
  httpGet: ref(HTTPGetAction),
  tcpSocket: ref(TCPSocketAction),
  sleep: ref(define(core('SleepAction'), 'Waits.', { seconds: need(int64('For how long.')) })),
});
const Lifecycle = define(core('Lifecycle'), 'What is done after the start and before the end.', {
  postStart: ref(LifecycleHandler),
  preStop: ref(LifecycleHandler),
  stopSignal: text('Signal that ends the container; SIGTERM.'),
});
const Capabilities = define(core('Capabilities'), 'Capabilities that are added or dropped.', {
  add: list(text('A capability.'), 'Added ones.'),
  drop: list(text('A capability.'), 'Dropped ones.'),
});
const SecurityContext = define(core('SecurityContext'), 'Rights of the container.', {
  capabilities: ref(Capabilities),
  privileged: bool('All rights of the node?'),
  runAsUser: int64('User id of the process.'),
  runAsGroup: int64('Group id of the process.'),
  runAsNonRoot: bool('Refuse to run as user 0?'),
  readOnlyRootFilesystem: bool('May nothing be written to the root file system?'),
  allowPrivilegeEscalation: bool('May a process get more rights than its parent?'),
  procMount: text('Kind of /proc.'),
  seccompProfile: any('Filter of system calls.'),
  seLinuxOptions: any('SELinux context.'),
  appArmorProfile: any('AppArmor profile.'),
});
const VolumeMount = define(core('VolumeMount'), 'Where a volume is seen in the container.', {
  name: need(text('Name of the volume.')),
  mountPath: need(text('Path in the container.')),
  readOnly: bool('May nothing be written?'),
  recursiveReadOnly: text('Are mounts below it read-only too?'),
  subPath: text('A path in the volume.'),
  subPathExpr: text('The same, with variables.'),
  mountPropagation: text('Are mounts below seen on both sides?'),
});

export const Container = define(core('Container'), 'A program with its environment, in the network of the Pod.', {
  name: need(text('Name, unique in the Pod.')),
  image: text('What runs: here the name of a built-in program, or of one on the machine.'),
  command: list(text('An argument.'), 'Replaces the entry point of the image.'),
  args: list(text('An argument.'), 'Replaces the arguments of the image.'),
  workingDir: text('Folder in which it starts.'),
  ports: keyed(ref(ContainerPort), ['containerPort', 'protocol'], 'Ports on which it listens.'),
  env: keyed(ref(EnvVar), ['name'], 'Variables of its environment.'),
  envFrom: list(ref(EnvFromSource), 'Variables from all keys of objects.'),
  resources: ref(ResourceRequirements),
  resizePolicy: list(any('A policy.'), 'How limits may change while it runs.'),
  volumeMounts: keyed(ref(VolumeMount), ['mountPath'], 'Volumes that it sees.'),
  volumeDevices: list(any('A device.'), 'Block devices that it sees.'),
  livenessProbe: ref(Probe, 'Is it alive? When not, it is started again.'),
  readinessProbe: ref(Probe, 'Is it ready to serve? When not, the Pod is no endpoint of its Services.'),
  startupProbe: ref(Probe, 'Has it started? Until then the other probes wait.'),
  lifecycle: ref(Lifecycle),
  restartPolicy: text('Of init containers: Always makes a sidecar.'),
  terminationMessagePath: text('File with its last words; /dev/termination-log.'),
  terminationMessagePolicy: word(['File', 'FallbackToLogsOnError'], 'Where the last words come from; File.'),
  imagePullPolicy: word(['Always', 'IfNotPresent', 'Never'], 'When an image is fetched.'),
  securityContext: ref(SecurityContext),
  stdin: bool('Is standard input kept open?'),
  stdinOnce: bool('Is it closed after the first one who attached?'),
  tty: bool('Has it a terminal?'),
});
/** For `kubectl debug`: the same fields, and the container whose processes it sees. */
export const EphemeralContainer = define(core('EphemeralContainer'), 'A container put into a Pod that runs, to look at it.', {
  ...Container.fields,
  targetContainerName: text('Container whose processes it sees.'),
});

const ContainerStateTerminated = define(core('ContainerStateTerminated'), 'It has ended.', {
  exitCode: need(int32('Exit code.')),
  signal: int32('Signal that ended it.'),
  reason: text('Why, in one word.'),
  message: text('Why, for people.'),
  startedAt: time('When it was started.'),
  finishedAt: time('When it ended.'),
  containerID: text('Its id.'),
});
export const ContainerState = define(core('ContainerState'), 'What a container is doing. One of them is set; none: waiting.', {
  waiting: ref(
    define(core('ContainerStateWaiting'), 'It does not run yet.', { reason: text('Why, in one word.'), message: text('Why, for people.') }),
  ),
  running: ref(define(core('ContainerStateRunning'), 'It runs.', { startedAt: time('Since when.') })),
  terminated: ref(ContainerStateTerminated),
});
export const ContainerStatus = define(core('ContainerStatus'), 'What is observed of a container.', {
  name: need(text('Name of the container.')),
  state: ref(ContainerState, 'What it is doing.'),
  lastState: ref(ContainerState, 'What it did before it was started last.'),
  ready: need(bool('Is it ready to serve?')),
  restartCount: need(int32('How often it was started again.')),
  image: need(text('What runs.')),
  imageID: need(text('What runs, exactly.')),
  containerID: text('Its id.'),
  started: bool('Has it started?'),
  allocatedResources: any('Resources that it was given.'),
  resources: ref(ResourceRequirements),
  volumeMounts: list(any('A mount.'), 'Volumes that it sees.'),
  user: any('User that it runs as.'),
});
