/** Deployments, ReplicaSets and DaemonSets: defaults and checks (`pkg/apis/apps/v1/defaults.go`, `pkg/apis/apps/validation/validation.go`). */
import type { FieldErrors } from '../objects/field-errors.ts';
import { dns1123Subdomain } from '../objects/names.ts';
import type { PodTemplate } from '../schema/pod.ts';
import {
  type DaemonSet,
  DaemonSetDefinition,
  type Deployment,
  DeploymentDefinition,
  type ReplicaSet,
  ReplicaSetDefinition,
} from '../schema/workload.ts';
import { immutable, labelValue, qualifiedName, validateLabels } from '../store/metadata.ts';
import type { Draft } from '../store/object.ts';
import type { ResourceType } from '../store/resource-type.ts';
import { type LabelSelector, matchesLabels } from '../store/selectors.ts';
import { defaultPodSpec } from './pod-defaults.ts';
import { notNegative, validatePodSpec } from './pod-validation.ts';

function defaultTemplate(template: Draft<PodTemplate> | undefined): void {
  if (template?.spec !== undefined) defaultPodSpec(template.spec);
}

function validateSelector(selector: LabelSelector | undefined, path: string, errors: FieldErrors): boolean {
  if (selector === undefined) {
    errors.required(path);
    return false;
  }
  const { matchLabels = {}, matchExpressions = [] } = selector;
  if (Object.keys(matchLabels).length + matchExpressions.length === 0) {
    errors.invalid(path, selector, 'empty selector is invalid for deployment');
    return false;
  }
  for (const [key, value] of Object.entries(matchLabels)) {
    for (const detail of qualifiedName(key)) errors.invalid(`${path}.matchLabels`, key, detail);
    for (const detail of labelValue(value)) errors.invalid(`${path}.matchLabels`, value, detail);
  }
  for (const [i, { key, operator, values = [] }] of matchExpressions.entries()) {
    const at = `${path}.matchExpressions[${i}]`;
    for (const detail of qualifiedName(key)) errors.invalid(`${at}.key`, key, detail);
    if (operator === 'In' || operator === 'NotIn') {
      if (values.length === 0) errors.required(`${at}.values`, "must be specified when `operator` is 'In' or 'NotIn'");
    } else if (operator === 'Exists' || operator === 'DoesNotExist') {
      if (values.length > 0) errors.forbidden(`${at}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
    } else errors.invalid(`${at}.operator`, operator, 'not a valid selector operator');
  }
  return true;
}

function validateTemplate(spec: { selector?: LabelSelector; template?: PodTemplate } | undefined, errors: FieldErrors): void {
  const template = spec?.template ?? {};
  const labels = template.metadata?.labels ?? {};
  const usable = validateSelector(spec?.selector, 'spec.selector', errors);
  if (usable && !matchesLabels(spec!.selector!, labels))
    errors.invalid('spec.template.metadata.labels', labels, '`selector` does not match template `labels`');
  validateLabels(labels, 'spec.template.metadata.labels', errors);
  validatePodSpec(template.spec ?? { containers: [] }, 'spec.template.spec', errors);
  const restart = template.spec?.restartPolicy;
  if (restart === 'OnFailure' || restart === 'Never') errors.unsupported('spec.template.spec.restartPolicy', restart, ['Always']);
}

/** `25%`, `1`. @returns the share or the number; undefined when it is neither */
function validateCount(value: number | string | undefined, path: string, errors: FieldErrors): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value === 'number') {
    notNegative(value, path, errors);
    return value;
  }
  const m = /^(\d+)%$/.exec(value);
  if (m === null)
    errors.invalid(
      path,
      value,
      "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')",
    );
  return m === null ? undefined : Number(m[1]);
}

export const Deployments: ResourceType<Deployment> = {
  group: 'apps',
  version: 'v1',
  resource: 'deployments',
  singular: 'deployment',
  kind: 'Deployment',
  shortNames: ['deploy'],
  categories: ['all'],
  scope: 'namespaced',
  definition: DeploymentDefinition,
  nameRule: dns1123Subdomain,
  hasStatus: true,
  hasGeneration: true,
  hasScale: true,
  prepareForCreate: draft => {
    draft.status = {};
  },
  defaults: draft => {
    const spec = draft.spec;
    if (spec === undefined) return;
    spec.replicas ??= 1;
    spec.strategy ??= {};
    spec.strategy.type ??= 'RollingUpdate';
    if (spec.strategy.type === 'RollingUpdate') {
      spec.strategy.rollingUpdate ??= {};
      spec.strategy.rollingUpdate.maxUnavailable ??= '25%';
      spec.strategy.rollingUpdate.maxSurge ??= '25%';
    }
    spec.revisionHistoryLimit ??= 10;
    spec.progressDeadlineSeconds ??= 600;
    defaultTemplate(spec.template);
  },
  validate: ({ spec }, errors) => {
    validateTemplate(spec, errors);
    notNegative(spec?.replicas, 'spec.replicas', errors);
    notNegative(spec?.minReadySeconds, 'spec.minReadySeconds', errors);
    notNegative(spec?.revisionHistoryLimit, 'spec.revisionHistoryLimit', errors);
    notNegative(spec?.progressDeadlineSeconds, 'spec.progressDeadlineSeconds', errors);
    if (spec?.progressDeadlineSeconds !== undefined && spec.progressDeadlineSeconds <= (spec.minReadySeconds ?? 0))
      errors.invalid('spec.progressDeadlineSeconds', spec.progressDeadlineSeconds, 'must be greater than minReadySeconds');
    validateStrategy(spec?.strategy, errors);
  },
  validateUpdate: (deployment, old, errors) => immutable(deployment.spec?.selector, old.spec?.selector, 'spec.selector', errors),
};

function validateStrategy(strategy: NonNullable<Deployment['spec']>['strategy'], errors: FieldErrors): void {
  const { type, rollingUpdate } = strategy ?? {};
  const path = 'spec.strategy';
  if (type !== 'RollingUpdate' && type !== 'Recreate') {
    if (type !== undefined) errors.unsupported(`${path}.type`, type, ['Recreate', 'RollingUpdate']);
    return;
  }
  if (type === 'Recreate') {
    if (rollingUpdate !== undefined) errors.forbidden(`${path}.rollingUpdate`, "may not be specified when strategy `type` is 'Recreate'");
    return;
  }
  const unavailable = validateCount(rollingUpdate?.maxUnavailable, `${path}.rollingUpdate.maxUnavailable`, errors);
  const surge = validateCount(rollingUpdate?.maxSurge, `${path}.rollingUpdate.maxSurge`, errors);
  if (unavailable === 0 && surge === 0)
    errors.invalid(`${path}.rollingUpdate.maxUnavailable`, rollingUpdate!.maxUnavailable, 'may not be 0 when `maxSurge` is 0');
}

export const ReplicaSets: ResourceType<ReplicaSet> = {
  group: 'apps',
  version: 'v1',
  resource: 'replicasets',
  singular: 'replicaset',
  kind: 'ReplicaSet',
  shortNames: ['rs'],
  categories: ['all'],
  scope: 'namespaced',
  definition: ReplicaSetDefinition,
  nameRule: dns1123Subdomain,
  selectable: ['status.replicas'],
  hasStatus: true,
  hasGeneration: true,
  hasScale: true,
  prepareForCreate: draft => {
    draft.status = { replicas: 0 };
  },
  defaults: draft => {
    if (draft.spec === undefined) return;
    draft.spec.replicas ??= 1;
    defaultTemplate(draft.spec.template);
  },
  validate: ({ spec }, errors) => {
    validateTemplate(spec, errors);
    notNegative(spec?.replicas, 'spec.replicas', errors);
    notNegative(spec?.minReadySeconds, 'spec.minReadySeconds', errors);
  },
  validateUpdate: (set, old, errors) => immutable(set.spec?.selector, old.spec?.selector, 'spec.selector', errors),
};

export const DaemonSets: ResourceType<DaemonSet> = {
  group: 'apps',
  version: 'v1',
  resource: 'daemonsets',
  singular: 'daemonset',
  kind: 'DaemonSet',
  shortNames: ['ds'],
  categories: ['all'],
  scope: 'namespaced',
  definition: DaemonSetDefinition,
  nameRule: dns1123Subdomain,
  hasStatus: true,
  hasGeneration: true,
  prepareForCreate: draft => {
    draft.status = { currentNumberScheduled: 0, numberMisscheduled: 0, desiredNumberScheduled: 0, numberReady: 0 };
  },
  defaults: draft => {
    const spec = draft.spec;
    if (spec === undefined) return;
    spec.updateStrategy ??= {};
    spec.updateStrategy.type ??= 'RollingUpdate';
    if (spec.updateStrategy.type === 'RollingUpdate') {
      spec.updateStrategy.rollingUpdate ??= {};
      spec.updateStrategy.rollingUpdate.maxUnavailable ??= 1;
      spec.updateStrategy.rollingUpdate.maxSurge ??= 0;
    }
    spec.revisionHistoryLimit ??= 10;
    defaultTemplate(spec.template);
  },
  validate: ({ spec }, errors) => {
    validateTemplate(spec, errors);
    notNegative(spec?.minReadySeconds, 'spec.minReadySeconds', errors);
    const type = spec?.updateStrategy?.type;
    if (type !== undefined && type !== 'RollingUpdate' && type !== 'OnDelete')
      errors.unsupported('spec.updateStrategy.type', type, ['OnDelete', 'RollingUpdate']);
  },
  validateUpdate: (set, old, errors) => immutable(set.spec?.selector, old.spec?.selector, 'spec.selector', errors),
};
