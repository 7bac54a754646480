/** The fields of the kinds as JSON Schema, in the form of OpenAPI v2 or v3. */

import { ListMeta } from '../../cluster/schema/meta.ts';
import { DeleteOptionsDefinition, StatusDefinition } from '../../cluster/schema/requests.ts';
import { type Definition, define, list, ref, type Schema, text } from '../../cluster/schema/schema.ts';
import { ScaleDefinition } from '../../cluster/schema/workload.ts';
import type { ResourceType } from '../../cluster/store/resource-type.ts';

export type Json = { [name: string]: unknown };

const LIST_PREFIX = (name: string): string => `${name}List`;

export interface Kind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

/** Names of all definitions that some kinds need, each with its schema. */
export function definitionsOf(types: readonly ResourceType[], refPrefix: string): Record<string, Json> {
  const found: Record<string, Json> = {};
  const add = (definition: Definition, head = definition.head): void => {
    if (found[definition.name] !== undefined) return;
    const schema: Json = { type: 'object', description: definition.description };
    found[definition.name] = schema;
    const required = Object.entries(definition.fields).flatMap(([name, field]) => (field.required === true ? [name] : []));
    if (required.length > 0) schema.required = required;
    schema.properties = Object.fromEntries(Object.entries(definition.fields).map(([name, field]) => [name, schemaOf(field, refPrefix)]));
    if (definition.atomic === true) schema['x-kubernetes-map-type'] = 'atomic';
    if (head !== undefined) schema['x-kubernetes-group-version-kind'] = [{ group: head.group, kind: head.kind, version: head.version }];
    const visit = (field: Schema): void => {
      if (field.definition !== undefined) add(field.definition);
      if (field.items !== undefined) visit(field.items);
    };
    for (const field of Object.values(definition.fields)) visit(field);
  };
  for (const type of types) {
    if (type.definition === undefined) continue;
    add(type.definition);
    const { group, version, kind } = type;
    add(listOf(type.definition, kind), { group, version, kind: `${kind}List` });
    if (type.hasScale === true) add(ScaleDefinition);
  }
  add(StatusDefinition, { group: '', version: 'v1', kind: 'Status' });
  add(DeleteOptionsDefinition, { group: '', version: 'v1', kind: 'DeleteOptions' });
  return found;
}

const listOf = (definition: Definition, kind: string): Definition =>
  define(LIST_PREFIX(definition.name), `A list of ${kind}s.`, {
    apiVersion: text('Group and version in which this object is written.'),
    kind: text('Kind of this object.'),
    metadata: ref(ListMeta),
    items: list(ref(definition), 'Its items.'),
  });

function schemaOf(field: Schema, refPrefix: string): Json {
  const { description } = field;
  switch (field.type) {
    case 'object': {
      const $ref = `${refPrefix}${field.definition!.name}`;
      // What the definition says of itself is not said twice.
      const said = description === field.definition!.description ? {} : { description };
      const plain = refPrefix.startsWith('#/definitions') ? { $ref, ...said } : { allOf: [{ $ref }], default: {}, ...said };
      return { ...plain, ...(field.retainKeys === true ? { 'x-kubernetes-patch-strategy': 'retainKeys' } : {}) };
    }
    case 'map':
      return {
        type: 'object',
        description,
        additionalProperties: schemaOf(field.items!, refPrefix),
        ...(field.atomic === true ? { 'x-kubernetes-map-type': 'atomic' } : {}),
      };
    case 'list':
      return { type: 'array', description, items: schemaOf(field.items!, refPrefix), ...listExtensions(field) };
    case 'intOrString':
      return refPrefix.startsWith('#/definitions')
        ? { type: 'string', format: 'int-or-string', description }
        : { oneOf: [{ type: 'integer' }, { type: 'string' }], format: 'int-or-string', description };
    case 'quantity':
      return refPrefix.startsWith('#/definitions')
        ? { type: 'string', description }
        : { oneOf: [{ type: 'string' }, { type: 'number' }], description };
    case 'any':
      return { type: 'object', description, 'x-kubernetes-preserve-unknown-fields': true };
    default:
      return {
        type: field.type,
        description,
        ...(field.format === undefined ? {} : { format: field.format }),
        ...(field.words === undefined ? {} : { enum: field.words }),
      };
  }
}

function listExtensions({ list: rules, retainKeys }: Schema): Json {
  const { type, keys, mergeKey } = rules!;
  const found: Json = { 'x-kubernetes-list-type': type };
  if (type === 'map') found['x-kubernetes-list-map-keys'] = keys;
  if (mergeKey === undefined) return found;
  found['x-kubernetes-patch-strategy'] = retainKeys === true ? 'merge,retainKeys' : 'merge';
  if (mergeKey !== '') found['x-kubernetes-patch-merge-key'] = mergeKey;
  return found;
}
