/**
 * Strategic merge patch: a merge patch that knows from the schema which lists are merged, and by which key (apimachinery
 * `pkg/util/strategicpatch/patch.go`). Directives: `$patch`, `$retainKeys`, `$setElementOrder/f`, `$deleteFromPrimitiveList/f`.
 */
import type { Definition, Schema } from '../../cluster/schema/schema.ts';
import { draftOf, sameJson } from '../../cluster/store/object.ts';
import { badRequest } from '../../cluster/store/status.ts';
import { isObject } from './json-patch.ts';

type Fields = Record<string, unknown>;
const ORDER = '$setElementOrder/';
const DELETE_FROM = '$deleteFromPrimitiveList/';

export const strategicMerge = (target: unknown, patch: unknown, definition: Definition): unknown => {
  if (!isObject(patch)) throw badRequest('a strategic merge patch must be an object');
  return mergeObject(isObject(target) ? target : {}, patch, name => definition.fields[name]);
};

type FieldSchema = (name: string) => Schema | undefined;

function fieldsOf(schema: Schema | undefined): FieldSchema {
  if (schema?.type === 'object') return name => schema.definition!.fields[name];
  if (schema?.type === 'map') return () => schema.items;
  return () => undefined;
}

function mergeObject(target: Fields, patch: Fields, schemaOf: FieldSchema): Fields {
  const { $patch: directive, $retainKeys: retain, ...rest } = patch;
  if (directive === 'replace') return withoutDirectives(rest);
  if (directive === 'delete') return {};
  if (directive !== undefined && directive !== 'merge') throw badRequest(`unknown $patch directive ${JSON.stringify(directive)}`);
  const merged: Fields = Array.isArray(retain)
    ? Object.fromEntries(Object.entries(target).filter(([name]) => retain.includes(name)))
    : { ...target };
  for (const [name, value] of Object.entries(rest)) {
    if (name === '__proto__') continue;
    if (name.startsWith(DELETE_FROM)) {
      const field = name.slice(DELETE_FROM.length);
      const gone = Array.isArray(value) ? value : [];
      if (Array.isArray(merged[field])) merged[field] = merged[field].filter(item => !gone.some(each => sameJson(each, item)));
    } else if (name.startsWith(ORDER)) continue;
    else if (value === null) delete merged[name];
    else merged[name] = mergeField(merged[name], value, schemaOf(name), rest[ORDER + name]);
  }
  // An order may be given for a list that is not patched itself.
  for (const [name, order] of Object.entries(rest)) {
    const field = name.startsWith(ORDER) ? name.slice(ORDER.length) : undefined;
    if (field === undefined || rest[field] !== undefined || !Array.isArray(merged[field])) continue;
    merged[field] = inOrder(merged[field], order, schemaOf(field)?.list?.mergeKey ?? '');
  }
  return merged;
}

function mergeField(target: unknown, patch: unknown, schema: Schema | undefined, order: unknown): unknown {
  if (isObject(patch)) return mergeObject(isObject(target) ? target : {}, patch, fieldsOf(schema));
  if (!Array.isArray(patch)) return patch;
  const mergeKey = schema?.list?.mergeKey;
  if (mergeKey === undefined || patch.some(item => isObject(item) && item.$patch === 'replace'))
    return patch
      .filter(item => !(isObject(item) && item.$patch === 'replace' && Object.keys(item).length === 1))
      .map(item => (isObject(item) ? withoutDirectives(item) : draftOf(item)));
  const list = Array.isArray(target) ? target : [];
  const merged = mergeKey === '' ? mergeValues(list, patch) : mergeItems(list, patch, mergeKey, schema!.items);
  return order === undefined ? merged : inOrder(merged, order, mergeKey);
}

const mergeValues = (list: readonly unknown[], patch: readonly unknown[]): unknown[] => [
  ...list,
  ...patch.filter((item, i) => !list.some(each => sameJson(each, item)) && patch.findIndex(each => sameJson(each, item)) === i),
];

function mergeItems(list: readonly unknown[], patch: readonly unknown[], key: string, items: Schema | undefined): unknown[] {
  let merged = [...list] as Fields[];
  for (const item of patch) {
    if (!isObject(item)) throw badRequest(`an item of a list that is merged by ${JSON.stringify(key)} must be an object`);
    const value = item[key];
    if (value === undefined) throw badRequest(`map: ${JSON.stringify(item)} does not contain declared merge key: ${key}`);
    if (item.$patch === 'delete') {
      merged = merged.filter(each => !sameJson(each[key], value));
      continue;
    }
    const at = merged.findIndex(each => sameJson(each[key], value));
    if (at < 0) merged.push(mergeObject({}, item, fieldsOf(items)));
    else merged[at] = mergeObject(merged[at]!, item, fieldsOf(items));
  }
  return merged;
}

/** Items that the order names stand as it says; the others keep their place among them, after the one that stood before them. */
function inOrder(list: readonly unknown[], order: unknown, key: string): unknown[] {
  if (!Array.isArray(order)) return [...list];
  const keyOf = (item: unknown): unknown => (key === '' ? item : (item as Fields | null)?.[key]);
  const rank = (item: unknown): number => order.findIndex(each => sameJson(keyOf(each), keyOf(item)));
  const named = list.filter(item => rank(item) >= 0).sort((a, b) => rank(a) - rank(b));
  const result = [...named];
  for (const [i, item] of list.entries()) {
    if (rank(item) >= 0) continue;
    const before = i === 0 ? -1 : result.indexOf(list[i - 1]);
    result.splice(before + 1, 0, item);
  }
  return result;
}

/** What a patch sets where there was nothing: its directives mean nothing there, and null is no value. */
function withoutDirectives(value: Fields): Fields {
  const kept: Fields = {};
  for (const [name, field] of Object.entries(value)) {
    if (name.startsWith('$') || field === null || name === '__proto__') continue;
    if (isObject(field)) kept[name] = withoutDirectives(field);
    else if (Array.isArray(field))
      kept[name] = field
        .filter(item => !(isObject(item) && item.$patch === 'delete'))
        .map(item => (isObject(item) ? withoutDirectives(item) : item));
    else kept[name] = field;
  }
  return kept;
}
