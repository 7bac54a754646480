/** The book of who set what: `metadata.managedFields` (apimachinery `pkg/util/managedfields`). */
import type { Definition } from '../../cluster/schema/schema.ts';
import { type ApiObject, draftOf, type ManagedFieldsEntry } from '../../cluster/store/object.ts';
import { changes, FieldSet, fieldsOf, rootSchema } from './field-set.ts';

/** Who writes, and how. */
export interface Manager {
  /** `kubectl-client-side-apply` */
  readonly name: string;
  readonly operation: 'Apply' | 'Update';
  readonly apiVersion: string;
  /** Empty: the object itself. */
  readonly subresource: string;
}

export interface Managed {
  readonly manager: Manager;
  readonly fields: FieldSet;
  /** Absent: the entry is new or its fields are others than before. */
  readonly time: string | undefined;
}

/** Fields that nobody owns: they say which object it is, or belong to the API server. */
const nobodys = FieldSet.fromJson({
  'f:apiVersion': {},
  'f:kind': {},
  'f:metadata': Object.fromEntries(
    [
      'name',
      'namespace',
      'generateName',
      'selfLink',
      'uid',
      'resourceVersion',
      'generation',
      'creationTimestamp',
      'deletionTimestamp',
      'deletionGracePeriodSeconds',
      'managedFields',
      '.',
    ].map(name => [name === '.' ? '.' : `f:${name}`, {}]),
  ),
});

export const owned = (object: unknown, definition: Definition): FieldSet => withoutNobodys(fieldsOf(object, rootSchema(definition)));
export const withoutNobodys = (set: FieldSet): FieldSet => {
  const kept = set.minus(nobodys);
  const metadata = kept.children.get('f:metadata');
  // managedFields is a list: what is in it is nobody's either.
  metadata?.children.delete('f:managedFields');
  if (metadata?.isEmpty === true) kept.children.delete('f:metadata');
  return kept;
};

const sameManager = (a: Manager, b: Manager): boolean =>
  a.name === b.name && a.operation === b.operation && a.apiVersion === b.apiVersion && a.subresource === b.subresource;

export const readManagers = (object: ApiObject | undefined): Managed[] =>
  (object?.metadata.managedFields ?? []).map(entry => ({
    manager: {
      name: entry.manager ?? '',
      operation: entry.operation ?? 'Update',
      apiVersion: entry.apiVersion ?? '',
      subresource: entry.subresource ?? '',
    },
    fields: FieldSet.fromJson(entry.fieldsV1 ?? {}),
    time: entry.time,
  }));

export function writeManagers(managers: readonly Managed[], now: string): ManagedFieldsEntry[] {
  return managers
    .filter(({ fields }) => !fields.isEmpty)
    .map(({ manager, fields, time }) => ({
      manager: manager.name,
      operation: manager.operation,
      apiVersion: manager.apiVersion,
      time: time ?? now,
      fieldsType: 'FieldsV1',
      fieldsV1: fields.toJson(),
      ...(manager.subresource === '' ? {} : { subresource: manager.subresource }),
    }));
}

/** Gives a manager fields; what it did not have before makes the entry new. */
export function assign(managers: readonly Managed[], manager: Manager, fields: FieldSet): Managed[] {
  const found = managers.find(each => sameManager(each.manager, manager));
  if (found === undefined) return [...managers, { manager, fields, time: undefined }];
  const time = found.fields.equals(fields) ? found.time : undefined;
  return managers.map(each => (each === found ? { manager, fields, time } : each));
}
export const fieldsOfManager = (managers: readonly Managed[], manager: Manager): FieldSet | undefined =>
  managers.find(each => sameManager(each.manager, manager))?.fields;

/** Takes fields away from everybody but one. */
export const takeAway = (managers: readonly Managed[], except: Manager, fields: FieldSet): Managed[] =>
  managers.map(each => {
    if (sameManager(each.manager, except)) return each;
    const left = each.fields.minus(fields);
    return left.equals(each.fields) ? each : { ...each, fields: left, time: undefined };
  });

/** After an update that was no apply: who wrote it owns what it changed. */
export function trackUpdate(old: ApiObject | undefined, now: ApiObject, definition: Definition, manager: Manager, time: string): ApiObject {
  // An empty list is the wish to forget the book.
  if (now.metadata.managedFields !== undefined && isReset(now.metadata.managedFields)) return withManagers(now, []);
  const { changed, removed } = changes(old ?? {}, now, rootSchema(definition));
  const before = readManagers(now.metadata.managedFields === undefined ? old : now);
  const mine = withoutNobodys(changed);
  let managers = takeAway(before, manager, withoutNobodys(removed).union(mine));
  const had = fieldsOfManager(managers, manager) ?? new FieldSet();
  managers = assign(managers, manager, had.minus(withoutNobodys(removed)).union(mine));
  return withManagers(now, writeManagers(managers, time));
}

const isReset = (entries: readonly ManagedFieldsEntry[]): boolean => entries.length === 1 && Object.keys(entries[0]!).length === 0;

export function withManagers(object: ApiObject, entries: readonly ManagedFieldsEntry[]): ApiObject {
  const metadata = draftOf(object.metadata);
  if (entries.length === 0) delete metadata.managedFields;
  else metadata.managedFields = draftOf(entries);
  return { ...object, metadata };
}
