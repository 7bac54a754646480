/** Pods: their names, defaults, checks, and the grace with which they go. */
import { dns1123Subdomain } from '../objects/names.ts';
import { type Pod, PodDefinition } from '../schema/pod.ts';
import type { ResourceType } from '../store/resource-type.ts';
import { admitPod, defaultPodSpec, qosClass } from './pod-defaults.ts';
import { validatePodSpec, validatePodUpdate } from './pod-validation.ts';

export const Pods: ResourceType<Pod> = {
  group: '',
  version: 'v1',
  resource: 'pods',
  singular: 'pod',
  kind: 'Pod',
  shortNames: ['po'],
  categories: ['all'],
  scope: 'namespaced',
  definition: PodDefinition,
  nameRule: dns1123Subdomain,
  selectable: [
    'spec.nodeName',
    'spec.restartPolicy',
    'spec.schedulerName',
    'spec.serviceAccountName',
    'spec.hostNetwork',
    'status.phase',
    'status.podIP',
    'status.nominatedNodeName',
  ],
  hasStatus: true,
  hasGeneration: true,
  prepareForCreate: pod => {
    admitPod(pod);
    pod.status = { phase: 'Pending', qosClass: qosClass((pod as Pod).spec ?? {}) };
  },
  defaults: pod => {
    pod.spec ??= { containers: [] };
    defaultPodSpec(pod.spec);
  },
  validate: (pod, errors) => validatePodSpec(pod.spec!, 'spec', errors),
  validateUpdate: validatePodUpdate,
  // One that never got a node, or has ended, has nobody to say farewell to.
  gracePeriodSeconds: ({ spec, status }, requested) => {
    if ((spec?.nodeName ?? '') === '' || status?.phase === 'Succeeded' || status?.phase === 'Failed') return 0;
    return Math.max(0, requested ?? spec?.terminationGracePeriodSeconds ?? 30);
  },
};
