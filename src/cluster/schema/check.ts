/**
 * A value from outside, read by its schema: a copy with the fields that are known, without nulls, each of the right type. What is unknown is
 * listed, what has a wrong type is refused, in the words of Kubernetes' decoder.
 */
import type { Definition, Schema } from './schema.ts';

export class DecodeError extends Error {}

export interface Decoded {
  readonly value: Record<string, unknown>;
  /** `unknown field "spec.prots"`, each once. */
  readonly unknown: readonly string[];
}

/** @throws DecodeError */
export function decode(input: unknown, definition: Definition): Decoded {
  const unknown = new Set<string>();
  const value = object(input, definition, '', unknown);
  return { value, unknown: [...unknown].map(path => `unknown field ${JSON.stringify(path)}`) };
}

const names: Readonly<Record<Schema['type'], string>> = {
  string: 'string',
  integer: 'int32',
  number: 'float64',
  boolean: 'bool',
  intOrString: 'intstr.IntOrString',
  quantity: 'resource.Quantity',
  object: 'struct',
  map: 'map[string]string',
  list: 'slice',
  any: 'object',
};

function wrong(input: unknown, schema: Schema, path: string): DecodeError {
  const type = Array.isArray(input) ? 'array' : typeof input === 'boolean' ? 'bool' : typeof input;
  const shown = type === 'number' ? `number ${String(input)}` : type;
  const wanted = schema.type === 'object' ? (schema.definition?.name.split('.').at(-1) ?? 'struct') : (schema.format ?? names[schema.type]);
  return new DecodeError(`json: cannot unmarshal ${shown} into Go struct field ${path.replace(/\[\d+\]/g, '')} of type ${wanted}`);
}

function object(input: unknown, definition: Definition, path: string, unknown: Set<string>): Record<string, unknown> {
  if (typeof input !== 'object' || input === null || Array.isArray(input))
    throw new DecodeError(
      `json: cannot unmarshal ${Array.isArray(input) ? 'array' : typeof input} into Go struct field ${path === '' ? definition.name.split('.').at(-1) : path}`,
    );
  const copy: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(input)) {
    const at = path === '' ? name : `${path}.${name}`;
    const schema = Object.hasOwn(definition.fields, name) ? definition.fields[name] : undefined;
    if (schema === undefined) unknown.add(at);
    else if (field !== null && field !== undefined) copy[name] = read(field, schema, at, unknown);
  }
  return copy;
}

const LIMITS: Readonly<Record<string, number>> = { int32: 2 ** 31, int64: 2 ** 63 };

function read(input: unknown, schema: Schema, path: string, unknown: Set<string>): unknown {
  switch (schema.type) {
    case 'string':
      if (typeof input === 'string') return input;
      break;
    case 'integer': {
      const limit = LIMITS[schema.format ?? 'int64']!;
      if (typeof input === 'number' && Number.isInteger(input) && input >= -limit && input < limit) return input;
      break;
    }
    case 'number':
      if (typeof input === 'number') return input;
      break;
    case 'boolean':
      if (typeof input === 'boolean') return input;
      break;
    case 'intOrString':
      if (typeof input === 'string' || (typeof input === 'number' && Number.isInteger(input))) return input;
      break;
    case 'quantity':
      // The API shows amounts as text.
      if (typeof input === 'string' || typeof input === 'number') return String(input);
      break;
    case 'any':
      return input;
    case 'object':
      if (typeof input === 'object' && !Array.isArray(input)) return object(input, schema.definition!, path, unknown);
      break;
    case 'map':
      if (typeof input === 'object' && !Array.isArray(input)) return map(input as object, schema.items!, path, unknown);
      break;
    case 'list':
      // A null in a list is the empty value of its type; nothing here has a use for one.
      if (Array.isArray(input))
        return input.filter(item => item !== null).map((item, i) => read(item, schema.items!, `${path}[${i}]`, unknown));
      break;
    default:
      return schema.type satisfies never;
  }
  throw wrong(input, schema, path);
}

function map(input: object, items: Schema, path: string, unknown: Set<string>): Record<string, unknown> {
  const copy: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(input)) {
    if (key === '__proto__') continue;
    // A null value of a map of text is empty text.
    copy[key] = item === null ? '' : read(item, items, `${path}.${key}`, unknown);
  }
  return copy;
}
