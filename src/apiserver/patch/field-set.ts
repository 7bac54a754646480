/**
 * Sets of fields of an object: who owns what (structured-merge-diff `fieldpath`). As text they are `fieldsV1`:
 * `f:name` a field, `k:{"port":80}` an item of a list known by keys, `v:"x"` one known by value, `.` the thing itself.
 */
import type { Definition, Schema } from '../../cluster/schema/schema.ts';
import { isObject } from './json-patch.ts';

export class FieldSet {
  /** Does the thing at this place belong to the set itself? */
  member = false;
  readonly children = new Map<string, FieldSet>();

  get isEmpty(): boolean {
    return !this.member && this.children.size === 0;
  }
  child(key: string): FieldSet {
    let found = this.children.get(key);
    if (found === undefined) {
      found = new FieldSet();
      this.children.set(key, found);
    }
    return found;
  }
  /** Leaves out branches that hold nothing. */
  #combine(other: FieldSet | undefined, member: (a: boolean, b: boolean) => boolean, keys: Iterable<string>): FieldSet {
    const result = new FieldSet();
    result.member = member(this.member, other?.member ?? false);
    for (const key of keys) {
      const branch = (this.children.get(key) ?? NOTHING).#combine(
        other?.children.get(key),
        member,
        keysOf(this.children.get(key), other?.children.get(key)),
      );
      if (!branch.isEmpty) result.children.set(key, branch);
    }
    return result;
  }
  union(other: FieldSet): FieldSet {
    return this.#combine(other, (a, b) => a || b, keysOf(this, other));
  }
  minus(other: FieldSet): FieldSet {
    return this.#combine(other, (a, b) => a && !b, keysOf(this, other));
  }
  and(other: FieldSet): FieldSet {
    return this.#combine(other, (a, b) => a && b, keysOf(this, other));
  }
  equals(other: FieldSet): boolean {
    return this.minus(other).isEmpty && other.minus(this).isEmpty;
  }

  /** `.spec.ports[port=80,protocol="TCP"].targetPort`, one for each member. */
  paths(prefix = ''): string[] {
    const found = this.member && prefix !== '' ? [prefix] : [];
    for (const [key, branch] of this.children) found.push(...branch.paths(prefix + pathText(key)));
    return found;
  }

  toJson(): Record<string, unknown> {
    const json: Record<string, unknown> = {};
    if (this.member && this.children.size > 0) json['.'] = {};
    for (const [key, branch] of [...this.children].sort(([a], [b]) => (a < b ? -1 : 1))) json[key] = branch.toJson();
    return json;
  }
  static fromJson(json: unknown): FieldSet {
    const set = new FieldSet();
    const entries = isObject(json) ? Object.entries(json) : [];
    set.member = entries.length === 0 || entries.some(([key]) => key === '.');
    for (const [key, value] of entries) if (key !== '.') set.children.set(key, FieldSet.fromJson(value));
    return set;
  }
}
const NOTHING = new FieldSet();

const keysOf = (a: FieldSet | undefined, b: FieldSet | undefined): Set<string> =>
  new Set([...(a?.children.keys() ?? []), ...(b?.children.keys() ?? [])]);

function pathText(key: string): string {
  const rest = key.slice(2);
  if (key.startsWith('f:')) return `.${rest}`;
  if (key.startsWith('v:')) return `[=${rest}]`;
  const keys = JSON.parse(rest) as Record<string, unknown>;
  return `[${Object.entries(keys)
    .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
    .join(',')}]`;
}

/** Is a value taken apart, or is it one thing to whoever owns it? */
export function isGranular(schema: Schema | undefined, value: unknown): boolean {
  if (schema === undefined || schema.atomic === true) return false;
  if (schema.type === 'object') return schema.definition!.atomic !== true && isObject(value);
  if (schema.type === 'map') return isObject(value);
  return schema.type === 'list' && schema.list!.type !== 'atomic' && Array.isArray(value);
}

/** The parts of a granular value, each with the key by which it is known, and its schema. */
export function* parts(schema: Schema, value: unknown): Generator<[key: string, part: unknown, schema: Schema | undefined]> {
  if (schema.type === 'list') {
    for (const item of value as unknown[]) yield [itemKey(schema, item), item, schema.items];
    return;
  }
  for (const [name, part] of Object.entries(value as object))
    yield [`f:${name}`, part, schema.type === 'map' ? schema.items : schema.definition!.fields[name]];
}

/** Fields that an item of a list has by default, where they are part of its key. */
const KEY_DEFAULTS: Readonly<Record<string, unknown>> = { protocol: 'TCP' };

export function itemKey({ list }: Schema, item: unknown): string {
  if (list!.type === 'set') return `v:${JSON.stringify(item)}`;
  const keys: Record<string, unknown> = {};
  for (const key of [...list!.keys].sort()) {
    const value = (item as Record<string, unknown>)[key] ?? KEY_DEFAULTS[key];
    if (value !== undefined) keys[key] = value;
  }
  return `k:${JSON.stringify(keys)}`;
}

export const rootSchema = (definition: Definition): Schema => ({ type: 'object', definition, description: '' });

/** Every field that a value has. */
export function fieldsOf(value: unknown, schema: Schema | undefined): FieldSet {
  const set = new FieldSet();
  if (!isGranular(schema, value)) {
    set.member = true;
    return set;
  }
  for (const [key, part, partSchema] of parts(schema!, value)) {
    const branch = fieldsOf(part, partSchema);
    // An item of a list is owned itself, so that it goes with its owner. An empty object has nothing else to be owned.
    if (schema!.type === 'list' || branch.isEmpty) branch.member = true;
    set.children.set(key, branch);
  }
  return set;
}

/** Fields that are new or other, and fields that are gone. */
export function changes(old: unknown, now: unknown, schema: Schema | undefined): { changed: FieldSet; removed: FieldSet } {
  const [changed, removed] = [new FieldSet(), new FieldSet()];
  compare(old, now, schema, changed, removed);
  return { changed, removed };
}

function compare(old: unknown, now: unknown, schema: Schema | undefined, changed: FieldSet, removed: FieldSet): void {
  const [before, after] = [isGranular(schema, old), isGranular(schema, now)];
  if (!before || !after) {
    if (old === undefined || after) merge(changed, fieldsOf(now, schema));
    else if (now === undefined || before) merge(removed, fieldsOf(old, schema));
    else if (JSON.stringify(old) !== JSON.stringify(now)) changed.member = true;
    if (before && now !== undefined) changed.member = true;
    return;
  }
  const left = new Map([...parts(schema!, old)].map(([key, part]) => [key, part]));
  for (const [key, part, partSchema] of parts(schema!, now)) {
    if (left.has(key)) compare(left.get(key), part, partSchema, changed.child(key), removed.child(key));
    else {
      const branch = fieldsOf(part, partSchema);
      if (schema!.type === 'list' || branch.isEmpty) branch.member = true;
      changed.children.set(key, branch);
    }
    left.delete(key);
  }
  for (const [key, part, partSchema] of parts(schema!, old)) {
    if (!left.has(key)) continue;
    const branch = fieldsOf(part, partSchema);
    branch.member = true;
    removed.children.set(key, branch);
  }
  for (const set of [changed, removed]) for (const [key, branch] of set.children) if (branch.isEmpty) set.children.delete(key);
}

function merge(into: FieldSet, from: FieldSet): void {
  into.member ||= from.member;
  for (const [key, branch] of from.children) into.children.set(key, branch);
}
