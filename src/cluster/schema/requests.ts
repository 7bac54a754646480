/** Objects that are sent and not stored: how something is deleted, where a Pod goes, and the Status of an answer. */
import { kindOf, ListMeta } from './meta.ts';
import { ObjectReference } from './pod-parts.ts';
import { any, bool, core, define, int64, list, meta, need, ref, text } from './schema.ts';

const head = {
  apiVersion: text('Group and version in which this object is written.'),
  kind: text('Kind of this object.'),
};

export const PreconditionsDefinition = define(meta('Preconditions'), 'What must hold for a delete.', {
  uid: text('uid of the object.'),
  resourceVersion: text('Its version.'),
});
export const DeleteOptionsDefinition = define(meta('DeleteOptions'), 'How an object is deleted.', {
  ...head,
  gracePeriodSeconds: int64('Seconds until it must be gone.'),
  propagationPolicy: text('What becomes of its dependents: Orphan, Background or Foreground.'),
  orphanDependents: bool('Old form of propagationPolicy.'),
  preconditions: ref(PreconditionsDefinition),
  dryRun: list(text('All.'), 'Is nothing to be written?'),
});
export const EvictionDefinition = kindOf('io.k8s.api.policy.v1.Eviction', 'policy', 'v1', 'Asks a Pod to go.', {
  deleteOptions: ref(DeleteOptionsDefinition),
});
export const BindingDefinition = kindOf(core('Binding'), '', 'v1', 'Gives a Pod its node.', {
  target: need(ref(ObjectReference, 'The node.')),
});
export const StatusDefinition = define(meta('Status'), 'How a request went.', {
  ...head,
  metadata: ref(ListMeta),
  status: text('Success or Failure.'),
  message: text('What went wrong, for people.'),
  reason: text('What went wrong, in one word.'),
  details: any('Which object, and each cause.'),
  code: int64('HTTP status.'),
});
