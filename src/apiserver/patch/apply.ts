/**
 * Server-side apply: a client says all that it wants of an object; what it wanted before and no longer does goes, what others own is a conflict
 * (structured-merge-diff `merge/update.go`).
 */
import type { Definition, Schema } from '../../cluster/schema/schema.ts';
import { type ApiObject, draftOf } from '../../cluster/store/object.ts';
import { ApiError } from '../../cluster/store/status.ts';
import { changes, FieldSet, isGranular, itemKey, rootSchema } from './field-set.ts';
import { isObject } from './json-patch.ts';
import {
  assign,
  fieldsOfManager,
  type Managed,
  type Manager,
  owned,
  readManagers,
  takeAway,
  withManagers,
  withoutNobodys,
  writeManagers,
} from './managed-fields.ts';

/** @throws ApiError Conflict when somebody else owns what would change, unless `force` */
export function applyObject(
  live: ApiObject | undefined,
  wanted: ApiObject,
  definition: Definition,
  manager: Manager,
  { force, time }: { force: boolean; time: string },
): ApiObject {
  const schema = rootSchema(definition);
  const managers = readManagers(live);
  const mine = owned(wanted, definition);
  const before = fieldsOfManager(managers, manager) ?? new FieldSet();
  const others = managers.filter(each => each.fields !== before).reduce((all, each) => all.union(each.fields), new FieldSet());
  const { managedFields: _, ...metadata } = wanted.metadata;
  let merged = mergeValue(live ?? {}, { ...wanted, metadata }, schema) as ApiObject;
  merged = prune(merged, before.minus(mine).minus(others), schema) as ApiObject;
  const { changed, removed } = changes(live ?? {}, merged, schema);
  const touched = withoutNobodys(changed);
  const conflicts = managers
    .filter(each => each.fields !== before)
    .map(each => ({ each, fields: each.fields.and(touched) }))
    .filter(({ fields }) => !fields.isEmpty);
  if (conflicts.length > 0 && !force) throw conflictError(conflicts);
  const left = takeAway(managers, manager, touched.union(withoutNobodys(removed)));
  return withManagers(merged, writeManagers(assign(left, manager, mine), time));
}

function conflictError(conflicts: readonly { each: Managed; fields: FieldSet }[]): ApiError {
  const causes = conflicts.flatMap(({ each: { manager, time }, fields }) => {
    const by = `conflict with ${JSON.stringify(manager.name)}${manager.subresource === '' ? '' : ` with subresource ${JSON.stringify(manager.subresource)}`}${manager.operation === 'Update' ? ` using ${manager.apiVersion}` : ''}${manager.operation === 'Update' && time !== undefined ? ` at ${time}` : ''}`;
    return fields.paths().map(field => ({ reason: 'FieldManagerConflict', message: by, field }));
  });
  const byMessage = new Map<string, string[]>();
  for (const { message, field } of causes) byMessage.set(message, [...(byMessage.get(message) ?? []), field]);
  const text = [...byMessage]
    .map(([message, fields]) => (fields.length === 1 ? `${message}: ${fields[0]}` : `${message}:\n- ${fields.join('\n- ')}`))
    .join('\n');
  return new ApiError('Conflict', `Apply failed with ${causes.length} conflict${causes.length === 1 ? '' : 's'}: ${text}`, { causes });
}

function mergeValue(live: unknown, wanted: unknown, schema: Schema | undefined): unknown {
  if (!isGranular(schema, wanted) || !isGranular(schema, live)) return draftOf(wanted);
  if (schema!.type === 'list') return mergeList(live as unknown[], wanted as unknown[], schema!);
  const merged: Record<string, unknown> = { ...(live as object) };
  for (const [name, value] of Object.entries(wanted as object)) {
    const field = schema!.type === 'map' ? schema!.items : schema!.definition!.fields[name];
    merged[name] = mergeValue(merged[name], value, field);
  }
  return merged;
}

/** Wanted items in their order; those that only others have stay where they stood among them. */
function mergeList(live: readonly unknown[], wanted: readonly unknown[], schema: Schema): unknown[] {
  const byKey = new Map(live.map(item => [itemKey(schema, item), item]));
  const wantedKeys = new Set(wanted.map(item => itemKey(schema, item)));
  const merged: unknown[] = [];
  let next = 0;
  for (const item of live) {
    const key = itemKey(schema, item);
    if (!wantedKeys.has(key)) merged.push(draftOf(item));
    else if (next < wanted.length) merged.push(combine(wanted[next++]));
  }
  while (next < wanted.length) merged.push(combine(wanted[next++]));
  return merged;
  function combine(item: unknown): unknown {
    const there = byKey.get(itemKey(schema, item));
    return there === undefined ? draftOf(item) : mergeValue(there, item, schema.items);
  }
}

/** Takes away what the set names. */
function prune(value: unknown, gone: FieldSet, schema: Schema | undefined): unknown {
  if (gone.children.size === 0 || !isGranular(schema, value)) return value;
  if (schema!.type === 'list') {
    const kept: unknown[] = [];
    for (const item of value as unknown[]) {
      const branch = gone.children.get(itemKey(schema!, item));
      if (branch === undefined) kept.push(item);
      else if (!branch.member) kept.push(prune(item, branch, schema!.items));
    }
    return kept;
  }
  const left: Record<string, unknown> = {};
  for (const [name, part] of Object.entries(value as object)) {
    const branch = gone.children.get(`f:${name}`);
    const field = schema!.type === 'map' ? schema!.items : schema!.definition!.fields[name];
    if (branch === undefined) left[name] = part;
    else if (!branch.member) {
      const kept = prune(part, branch, field);
      if (!(isObject(kept) && Object.keys(kept).length === 0) && !(Array.isArray(kept) && kept.length === 0)) left[name] = kept;
    }
  }
  return left;
}
