/** What the API server fills into a Pod and a Pod's template (`pkg/apis/core/v1/defaults.go`). */
import type { ContainerSpec, Pod, PodSpec } from '../schema/pod.ts';
import type { Draft } from '../store/object.ts';

type ContainerDraft = Draft<ContainerSpec>;
type ProbeDraft = NonNullable<ContainerDraft['livenessProbe']>;

export function defaultPodSpec(spec: Draft<PodSpec>): void {
  spec.restartPolicy ??= 'Always';
  spec.terminationGracePeriodSeconds ??= 30;
  spec.dnsPolicy ??= 'ClusterFirst';
  spec.securityContext ??= {};
  spec.schedulerName ??= 'default-scheduler';
  for (const container of [...(spec.initContainers ?? []), ...(spec.containers ?? [])]) defaultContainer(container);
  if (spec.hostNetwork === true)
    for (const container of spec.containers ?? []) for (const port of container.ports ?? []) port.hostPort ??= port.containerPort;
  for (const volume of spec.volumes ?? []) defaultVolume(volume);
}

function defaultContainer(container: ContainerDraft): void {
  container.terminationMessagePath ??= '/dev/termination-log';
  container.terminationMessagePolicy ??= 'File';
  container.imagePullPolicy ??= isLatest(container.image ?? '') ? 'Always' : 'IfNotPresent';
  container.resources ??= {};
  const { limits, requests } = container.resources;
  if (limits !== undefined) container.resources.requests = { ...limits, ...requests };
  for (const port of container.ports ?? []) port.protocol ??= 'TCP';
  for (const { valueFrom } of container.env ?? []) if (valueFrom?.fieldRef !== undefined) valueFrom.fieldRef.apiVersion ??= 'v1';
  for (const probe of [container.livenessProbe, container.readinessProbe, container.startupProbe])
    if (probe !== undefined) defaultProbe(probe);
  for (const handler of [container.lifecycle?.postStart, container.lifecycle?.preStop]) defaultHttpGet(handler?.httpGet);
}

/** Without a tag, or with `latest`, an image may be another one tomorrow. */
const isLatest = (image: string): boolean => !image.includes('@') && !/:(?!latest$)[\w][\w.-]*$/.test(image);

function defaultProbe(probe: ProbeDraft): void {
  probe.timeoutSeconds ??= 1;
  probe.periodSeconds ??= 10;
  probe.successThreshold ??= 1;
  probe.failureThreshold ??= 3;
  defaultHttpGet(probe.httpGet);
}

function defaultHttpGet(get: ProbeDraft['httpGet']): void {
  if (get === undefined) return;
  get.path ??= '/';
  get.scheme ??= 'HTTP';
}

/** 0644, in decimal as JSON has it. */
const DEFAULT_MODE = 420;
function defaultVolume(volume: NonNullable<Draft<PodSpec>['volumes']>[number]): void {
  if (Object.keys(volume).length <= 1) volume.emptyDir = {};
  if (volume.configMap !== undefined) volume.configMap.defaultMode ??= DEFAULT_MODE;
  if (volume.secret !== undefined) volume.secret.defaultMode ??= DEFAULT_MODE;
  if (volume.hostPath !== undefined) volume.hostPath.type ??= '';
  if (volume.projected !== undefined) volume.projected.defaultMode ??= DEFAULT_MODE;
  if (volume.downwardAPI !== undefined) volume.downwardAPI.defaultMode ??= DEFAULT_MODE;
}

/** What admission adds to a Pod, and not to a template: its account, its priority, how long it stays on a node that is lost. */
export function admitPod(pod: Draft<Pod>): void {
  const spec = pod.spec;
  if (spec === undefined) return;
  spec.serviceAccountName ??= spec.serviceAccount ?? 'default';
  spec.serviceAccount = spec.serviceAccountName;
  spec.enableServiceLinks ??= true;
  spec.priority ??= 0;
  spec.preemptionPolicy ??= 'PreemptLowerPriority';
  spec.tolerations ??= [];
  for (const key of ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable']) {
    const has = spec.tolerations.some(t => (t.key === key || t.key === undefined) && (t.effect === 'NoExecute' || t.effect === undefined));
    if (!has) spec.tolerations.push({ key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 });
  }
}

/** Class by which a Pod is pushed out when its node runs short (`pkg/apis/core/v1/helper/qos`). */
export function qosClass({ containers = [], initContainers = [] }: Partial<PodSpec>): 'Guaranteed' | 'Burstable' | 'BestEffort' {
  let [any, guaranteed] = [false, true];
  for (const { resources = {} } of [...containers, ...initContainers]) {
    const { limits = {}, requests = {} } = resources;
    if (Object.keys(limits).length + Object.keys(requests).length > 0) any = true;
    for (const name of ['cpu', 'memory'])
      if (limits[name] === undefined || (requests[name] ?? limits[name]) !== limits[name]) guaranteed = false;
  }
  return !any ? 'BestEffort' : guaranteed ? 'Guaranteed' : 'Burstable';
}
