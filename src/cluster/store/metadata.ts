/** What the API server does with `metadata`: names it makes, fields only it may set, and what it refuses (apimachinery `pkg/api/validation/objectmeta.go`). */
import type { Random } from '../../base/random.ts';
import type { FieldErrors } from '../objects/field-errors.ts';
import { dns1123Label, dns1123Subdomain } from '../objects/names.ts';
import type { Draft, Metadata } from './object.ts';
import { sameJson } from './object.ts';
import type { ResourceType } from './resource-type.ts';

/** Letters and digits of generated names: none that make words or look alike (apimachinery `pkg/util/rand`). */
const SUFFIX_LETTERS = 'bcdfghjklmnpqrstvwxz2456789';
const SUFFIX_LENGTH = 5;
/** Of a name that gets a suffix. */
const LONGEST_BASE = 63 - SUFFIX_LENGTH;
const MOST_ANNOTATION_BYTES = 256 * 1024;

export function randomSuffix(random: Random, length = SUFFIX_LENGTH): string {
  let text = '';
  for (let i = 0; i < length; i++) text += SUFFIX_LETTERS[random.below(SUFFIX_LETTERS.length)];
  return text;
}

/** Version 4 (RFC 9562). */
export function newUid(random: Random): string {
  const words = [random.u32(), (random.u32() & 0xffff0fff) | 0x4000, (random.u32() & 0x3fffffff) | 0x80000000, random.u32()];
  const hex = words.map(word => (word >>> 0).toString(16).padStart(8, '0')).join('');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** A namespaced object without a namespace is in `default`. */
export const objectNamespace = ({ namespace }: Metadata, type: ResourceType): string =>
  type.scope === 'cluster' ? '' : namespace === undefined || namespace === '' ? 'default' : namespace;

/** Fields that a client may not set in a new object. */
export function clearIdentity(meta: Draft<Metadata>): void {
  delete meta.uid;
  delete meta.resourceVersion;
  delete meta.generation;
  delete meta.creationTimestamp;
  delete meta.deletionTimestamp;
  delete meta.deletionGracePeriodSeconds;
  delete (meta as { selfLink?: string }).selfLink;
}

/** The same fields in a changed object stay what they were. */
export function keepIdentity(meta: Draft<Metadata>, old: Metadata): void {
  clearIdentity(meta);
  for (const field of [
    'uid',
    'generation',
    'creationTimestamp',
    'deletionTimestamp',
    'deletionGracePeriodSeconds',
    'generateName',
  ] as const)
    if (old[field] !== undefined) (meta as Record<string, unknown>)[field] = old[field];
}

export function setName(meta: Draft<Metadata>, random: Random): void {
  if ((meta.name ?? '') === '' && (meta.generateName ?? '') !== '')
    meta.name = meta.generateName!.slice(0, LONGEST_BASE) + randomSuffix(random);
}

export function validateMetadata(meta: Metadata, type: ResourceType, errors: FieldErrors): void {
  if ((meta.name ?? '') === '') errors.required('metadata.name', 'name or generateName is required');
  else if (type.nameRule !== undefined) for (const detail of type.nameRule(meta.name!)) errors.invalid('metadata.name', meta.name, detail);
  if (meta.namespace !== undefined)
    for (const detail of dns1123Label(meta.namespace)) errors.invalid('metadata.namespace', meta.namespace, detail);
  validateLabels(meta.labels, 'metadata.labels', errors);
  validateAnnotations(meta.annotations, errors);
  validateOwners(meta, errors);
  for (const [i, finalizer] of (meta.finalizers ?? []).entries())
    for (const detail of qualifiedName(finalizer)) errors.invalid(`metadata.finalizers[${i}]`, finalizer, detail);
}

export function validateLabels(labels: Readonly<Record<string, string>> | undefined, path: string, errors: FieldErrors): void {
  for (const [key, value] of Object.entries(labels ?? {})) {
    for (const detail of qualifiedName(key)) errors.invalid(path, key, detail);
    for (const detail of labelValue(value)) errors.invalid(path, value, detail);
  }
}

function validateAnnotations(annotations: Metadata['annotations'], errors: FieldErrors): void {
  let bytes = 0;
  for (const [key, value] of Object.entries(annotations ?? {})) {
    for (const detail of qualifiedName(key.toLowerCase())) errors.invalid('metadata.annotations', key, detail);
    bytes += Buffer.byteLength(key) + Buffer.byteLength(value);
  }
  if (bytes > MOST_ANNOTATION_BYTES) errors.tooLong('metadata.annotations', MOST_ANNOTATION_BYTES);
}

function validateOwners({ ownerReferences = [] }: Metadata, errors: FieldErrors): void {
  const path = 'metadata.ownerReferences';
  let controllers = 0;
  for (const [i, owner] of ownerReferences.entries()) {
    for (const field of ['apiVersion', 'kind', 'name', 'uid'] as const)
      if ((owner[field] ?? '') === '') errors.invalid(`${path}[${i}].${field}`, owner[field] ?? '', 'must not be empty');
    if (owner.controller === true && ++controllers === 2)
      errors.invalid(path, ownerReferences, 'Only one reference can have Controller set to true');
  }
}

export function validateMetadataUpdate(meta: Metadata, old: Metadata, errors: FieldErrors): void {
  if (old.deletionTimestamp === undefined) return;
  const added = (meta.finalizers ?? []).filter(name => !(old.finalizers ?? []).includes(name));
  if (added.length > 0)
    errors.forbidden(
      'metadata.finalizers',
      `no new finalizers can be added if the object is being deleted, found new finalizers []string{${added.map(name => JSON.stringify(name)).join(', ')}}`,
    );
}

/** Says that a field may not change, if it did. */
export function immutable(value: unknown, old: unknown, path: string, errors: FieldErrors): void {
  if (!sameJson(value ?? null, old ?? null)) errors.invalid(path, value, 'field is immutable');
}

const NAME = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]';
const LABEL_VALUE = `(${NAME})?`;
const [namePattern, labelValuePattern] = [new RegExp(`^${NAME}$`), new RegExp(`^${LABEL_VALUE}$`)];

/** The key of a label, an annotation or a finalizer: `app`, `example.com/app`. */
export function qualifiedName(text: string): string[] {
  const parts = text.split('/');
  const found: string[] = [];
  const rule = `a qualified name must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '${NAME}')`;
  if (parts.length > 2) return [`${rule} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`];
  const name = parts.at(-1)!;
  if (parts.length === 2) {
    if (parts[0] === '') found.push('prefix part must be non-empty');
    else found.push(...dns1123Subdomain(parts[0]!).map(detail => `prefix part ${detail}`));
  }
  if (name === '') found.push('name part must be non-empty');
  else if (name.length > 63) found.push('name part must be no more than 63 characters');
  if (!namePattern.test(name))
    found.push(
      `name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '${NAME}')`,
    );
  return found;
}

export function labelValue(text: string): string[] {
  const found = text.length > 63 ? ['must be no more than 63 characters'] : [];
  if (!labelValuePattern.test(text))
    found.push(
      `a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '${LABEL_VALUE}')`,
    );
  return found;
}
