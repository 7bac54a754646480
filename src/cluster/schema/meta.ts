/** Fields that objects of every kind share (apimachinery `pkg/apis/meta/v1/types.go`). */
import type { ApiObject, Metadata } from '../store/object.ts';
import {
  any,
  bool,
  type Definition,
  define,
  defineAtomic,
  type Fields,
  type InferFields,
  int64,
  keyed,
  list,
  meta,
  need,
  ref,
  type Schema,
  setOf,
  text,
  time,
  word,
  words,
} from './schema.ts';

const OwnerReference = defineAtomic(
  meta('OwnerReference'),
  'An object that this one belongs to: when the last owner is gone, it goes too.',
  {
    apiVersion: need(text('API version of the owner.')),
    kind: need(text('Kind of the owner.')),
    name: need(text('Name of the owner, in the same namespace or of the cluster.')),
    uid: need(text('uid of the owner: another object of the same name does not count.')),
    controller: bool('Is the owner the one that manages this object? At most one is.'),
    blockOwnerDeletion: bool('Must this object be gone before an owner that is deleted in the foreground?'),
  },
);

const ManagedFieldsEntry = define(meta('ManagedFieldsEntry'), 'The fields that one manager has set.', {
  manager: text('Who: the name that the client gave.'),
  operation: word(['Apply', 'Update'], 'How they were set.'),
  apiVersion: text('API version in which the fields are named.'),
  time: time('When the set changed last.'),
  fieldsType: text('Format of the set: FieldsV1.'),
  fieldsV1: any('The set: each field as a key `f:name`, each item of a list as `k:{...}` or `v:...`.'),
  subresource: text('Subresource by which they were set; empty for the object itself.'),
});

export const ObjectMetaFields = define(
  meta('ObjectMeta'),
  'What every stored object has: its name, its labels, and what the API server knows about it.',
  {
    name: text('Name, unique among the objects of its kind in its namespace. Cannot be changed.'),
    generateName: text('Beginning of a name; the API server adds five letters when name is empty.'),
    namespace: text('Namespace in which the name is unique; empty for objects of the cluster. Cannot be changed.'),
    selfLink: text('No longer filled in.'),
    uid: text('Unique in time and space; made by the API server.'),
    resourceVersion: text('Changes with every write. An update that carries an old one is refused; a watch goes on after it.'),
    generation: int64('Counts the changes of what is wanted (not of metadata and status).'),
    creationTimestamp: time('When it was made, as the API server saw it.'),
    deletionTimestamp: time(
      'When it is to be gone. Set by a delete; the object stays until its grace period is over and its finalizers are done.',
    ),
    deletionGracePeriodSeconds: int64('Seconds between the delete and deletionTimestamp.'),
    labels: words('Words by which objects are selected: `app: web`.'),
    annotations: words('Notes of tools; nothing is selected by them.'),
    ownerReferences: keyed(ref(OwnerReference), ['uid'], 'Objects that this one belongs to.'),
    finalizers: setOf(
      text('A finalizer.'),
      'Who must do something before a deleted object is removed. Each takes its own name off when it is done.',
    ),
    managedFields: list(ref(ManagedFieldsEntry), 'Which client has set which fields: what server-side apply looks at.'),
  },
);

/** `Metadata` of the store, with what the API shows of it. */
export const ObjectMeta = ObjectMetaFields as unknown as Definition & { readonly fields: Fields };
export const metadata: Schema<Metadata> = {
  type: 'object',
  definition: ObjectMeta,
  description: 'Name, labels and what the API server knows about the object.',
};

export const ListMeta = define(meta('ListMeta'), 'What a list has beside its items.', {
  selfLink: text('No longer filled in.'),
  resourceVersion: text('State of the cluster that the list shows; a watch may go on after it.'),
  continue: text('Token for the next page; empty on the last.'),
  remainingItemCount: int64('Items on later pages, when that is known.'),
});

const LabelSelectorRequirement = define(meta('LabelSelectorRequirement'), 'One condition on labels.', {
  key: need(text('Key of the label.')),
  operator: need(word(['In', 'NotIn', 'Exists', 'DoesNotExist'], 'How the label relates to the values.')),
  values: list(text('A value.'), 'Values for In and NotIn; empty for the others.'),
});
export const LabelSelector = defineAtomic(
  meta('LabelSelector'),
  'Selects objects by their labels; every condition must hold. An empty one selects all.',
  {
    matchLabels: words('Labels that must be there with these values.'),
    matchExpressions: list(ref(LabelSelectorRequirement), 'Conditions beside matchLabels.'),
  },
);

export const Condition = define(meta('Condition'), 'One aspect of what is observed.', {
  type: need(text('Which aspect.')),
  status: need(word(['True', 'False', 'Unknown'], 'Does it hold?')),
  observedGeneration: int64('Generation for which this was found.'),
  lastTransitionTime: need(time('When status changed last.')),
  reason: need(text('Why, in one word.')),
  message: need(text('Why, for people.')),
});

/** A kind that can be asked for: its head, metadata, and what it has beside them. */
export function kindOf<F extends Fields>(
  name: string,
  group: string,
  version: string,
  description: string,
  fields: F,
): Definition<F> & { readonly object?: ApiObject & InferFields<F> } {
  const kind = name.slice(name.lastIndexOf('.') + 1);
  return {
    name,
    description,
    head: { group, version, kind },
    fields: {
      apiVersion: text('Group and version in which this object is written.'),
      kind: text('Kind of this object.'),
      metadata,
      ...fields,
    } as unknown as F,
  };
}
/** The objects of such a kind. */
export type ObjectOf<D> = D extends { readonly object?: infer O } ? Exclude<O, undefined> : never;
