/** An object that a client sent, made ready for the store: of the right kind and name, with known fields only. */
import { DecodeError, decode } from '../cluster/schema/check.ts';
import type { ApiObject } from '../cluster/store/object.ts';
import { apiVersionOf, type ResourceType } from '../cluster/store/resource-type.ts';
import { badRequest } from '../cluster/store/status.ts';
import type { ResourceRequest } from './request.ts';

export const fieldValidations = ['Ignore', 'Warn', 'Strict'] as const;
export type FieldValidation = (typeof fieldValidations)[number];

/** What is done with unknown fields; unless something is said, they are warned of. */
export function fieldValidation(query: URLSearchParams): FieldValidation {
  const value = query.get('fieldValidation') ?? '';
  if (value === '') return 'Warn';
  if ((fieldValidations as readonly string[]).includes(value)) return value as FieldValidation;
  throw badRequest(
    `Invalid value: ${JSON.stringify(value)}: fieldValidation: Unsupported value: ${JSON.stringify(value)}: supported values: "", "Ignore", "Strict", "Warn"`,
  );
}

/** @param warnings gets one line for each unknown field, with `Warn` */
export function incomingObject(
  value: Record<string, unknown>,
  { type, namespace, name }: ResourceRequest,
  mode: FieldValidation,
  warnings: string[],
): ApiObject {
  const expected = apiVersionOf(type);
  const { apiVersion = expected, kind = type.kind } = value;
  if (apiVersion !== expected)
    throw badRequest(`the API version in the data (${String(apiVersion)}) does not match the expected API version (${expected})`);
  if (kind !== type.kind)
    throw badRequest(
      `${String(kind)} in version ${JSON.stringify(type.version)} cannot be handled as a ${type.kind}: no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(expected)}`,
    );
  const object = checked(value, type, mode, warnings);
  const metadata = { ...object.metadata };
  if (namespace !== undefined && metadata.namespace !== undefined && metadata.namespace !== '' && metadata.namespace !== namespace)
    throw badRequest(`the namespace of the provided object does not match the namespace sent on the request`);
  if (name !== '' && metadata.name !== undefined && metadata.name !== '' && metadata.name !== name)
    throw badRequest(`the name of the object (${metadata.name}) does not match the name on the URL (${name})`);
  if (namespace !== undefined) metadata.namespace = namespace;
  if (name !== '') metadata.name = name;
  return { ...object, apiVersion: expected, kind: type.kind, metadata };
}

/** A copy with known fields, without nulls. */
export function checked(value: Record<string, unknown>, type: ResourceType, mode: FieldValidation, warnings: string[]): ApiObject {
  if (type.definition === undefined) return value as unknown as ApiObject;
  const handled = `${type.kind} in version ${JSON.stringify(type.version)} cannot be handled as a ${type.kind}`;
  try {
    const { value: object, unknown } = decode(value, type.definition);
    if (unknown.length > 0 && mode === 'Strict') throw badRequest(`${handled}: strict decoding error: ${unknown.join(', ')}`);
    if (mode === 'Warn') warnings.push(...unknown);
    return { metadata: {}, ...object } as unknown as ApiObject;
  } catch (error) {
    if (error instanceof DecodeError) throw badRequest(`${handled}: ${error.message}`);
    throw error;
  }
}
