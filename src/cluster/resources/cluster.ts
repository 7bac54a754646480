/** Nodes, Namespaces, Events and Leases. */
import { FieldErrors } from '../objects/field-errors.ts';
import { dns1123Label, dns1123Subdomain } from '../objects/names.ts';
import { readNode, validateNode } from '../objects/node.ts';
import { Shape } from '../objects/shape.ts';
import {
  type Event,
  EventDefinition,
  type Lease,
  LeaseDefinition,
  type Namespace,
  NamespaceDefinition,
  type Node,
  NodeDefinition,
} from '../schema/cluster.ts';
import type { ResourceType } from '../store/resource-type.ts';
import { notNegative } from './pod-validation.ts';

export const Nodes: ResourceType<Node> = {
  group: '',
  version: 'v1',
  resource: 'nodes',
  singular: 'node',
  kind: 'Node',
  shortNames: ['no'],
  scope: 'cluster',
  definition: NodeDefinition,
  selectable: ['spec.unschedulable'],
  hasStatus: true,
  defaults: draft => {
    draft.spec ??= {};
    draft.status ??= {};
    if (draft.spec.podCIDR === undefined && draft.spec.podCIDRs?.[0] !== undefined) draft.spec.podCIDR = draft.spec.podCIDRs[0];
    if (draft.spec.podCIDR !== undefined) draft.spec.podCIDRs ??= [draft.spec.podCIDR];
  },
  validate: (node, errors) => validateNode(readNode(new Shape(node, '', new FieldErrors())), errors),
  validateUpdate: (node, old, errors) => {
    const before = old.spec?.podCIDR ?? '';
    if (before !== '' && node.spec?.podCIDR !== before)
      errors.forbidden('spec.podCIDR', 'node updates may not change podCIDR except from "" to valid');
  },
};

/** What a Namespace waits for before it is gone: everything in it. */
export const NAMESPACE_FINALIZER = 'kubernetes';
const LASTING = ['default', 'kube-system', 'kube-public', 'kube-node-lease'];

export const Namespaces: ResourceType<Namespace> = {
  group: '',
  version: 'v1',
  resource: 'namespaces',
  singular: 'namespace',
  kind: 'Namespace',
  shortNames: ['ns'],
  scope: 'cluster',
  definition: NamespaceDefinition,
  nameRule: dns1123Label,
  selectable: ['status.phase'],
  hasStatus: true,
  prepareForCreate: draft => {
    draft.spec = { finalizers: [NAMESPACE_FINALIZER] };
    draft.status = { phase: 'Active' };
  },
  prepareForUpdate: (draft, old) => {
    draft.spec = { finalizers: [...(old.spec?.finalizers ?? [])] };
  },
  defaults: draft => {
    // Every namespace can be selected by its name.
    if (draft.metadata.name !== undefined)
      draft.metadata.labels = { ...draft.metadata.labels, 'kubernetes.io/metadata.name': draft.metadata.name };
  },
  isHeld: namespace => (namespace.spec?.finalizers?.length ?? 0) > 0,
  markDeleted: draft => {
    draft.status = { ...draft.status, phase: 'Terminating' };
  },
  mayDelete: ({ metadata }) => (LASTING.includes(metadata.name!) ? 'this namespace may not be deleted' : undefined),
};

const HOUR_MS = 3_600_000;
export const Events: ResourceType<Event> = {
  group: '',
  version: 'v1',
  resource: 'events',
  singular: 'event',
  kind: 'Event',
  shortNames: ['ev'],
  scope: 'namespaced',
  definition: EventDefinition,
  nameRule: dns1123Subdomain,
  selectable: [
    'involvedObject.kind',
    'involvedObject.namespace',
    'involvedObject.name',
    'involvedObject.uid',
    'involvedObject.apiVersion',
    'involvedObject.resourceVersion',
    'involvedObject.fieldPath',
    'reason',
    'reportingComponent',
    'source',
    'type',
  ],
  // What happened is told for an hour, and never without end.
  expires: { afterMs: HOUR_MS, most: 20_000 },
  validate: ({ involvedObject, metadata }, errors) => {
    const namespace = involvedObject?.namespace ?? '';
    if (namespace !== '' && namespace !== metadata.namespace)
      errors.invalid('involvedObject.namespace', namespace, 'does not match event.namespace');
  },
};

export const Leases: ResourceType<Lease> = {
  group: 'coordination.k8s.io',
  version: 'v1',
  resource: 'leases',
  singular: 'lease',
  kind: 'Lease',
  scope: 'namespaced',
  definition: LeaseDefinition,
  nameRule: dns1123Subdomain,
  validate: ({ spec }, errors) => {
    if (spec?.leaseDurationSeconds !== undefined && spec.leaseDurationSeconds <= 0)
      errors.invalid('spec.leaseDurationSeconds', spec.leaseDurationSeconds, 'must be greater than 0');
    notNegative(spec?.leaseTransitions, 'spec.leaseTransitions', errors);
  },
};
