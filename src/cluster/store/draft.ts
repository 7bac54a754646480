/** Parts of the store's work that need no store: which objects are meant, and what becomes of a draft. */
import type { ApiObject, Draft } from './object.ts';
import { draftOf, sameJson } from './object.ts';
import { type DeleteOptions, FOREGROUND_FINALIZER, ORPHAN_FINALIZER, propagationPolicies, type Selection } from './options.ts';
import type { ResourceType } from './resource-type.ts';
import { type Matches, parseFieldSelector, parseLabelSelector } from './selectors.ts';
import { badRequest, conflict } from './status.ts';

type AnyFields = Record<string, unknown>;

export function throwLater(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}

export const prefixOf = (namespace: string | undefined): string => (namespace === undefined || namespace === '' ? '' : `${namespace}/`);

/** Undefined: everything. */
export function selection(type: ResourceType, { labelSelector = '', fieldSelector = '' }: Selection): Matches | undefined {
  const [byLabel, byField] = [parseLabelSelector(labelSelector), parseFieldSelector(fieldSelector, type)];
  if (labelSelector === '' && fieldSelector === '') return undefined;
  return object => byLabel(object) && byField(object);
}

export function keepField<T extends ApiObject>(draft: Draft<T>, from: T | Draft<T>, field: string): void {
  const value = (from as unknown as AnyFields)[field];
  if (value === undefined) delete (draft as unknown as AnyFields)[field];
  else (draft as unknown as AnyFields)[field] = draftOf(value);
}

/** Do two objects differ in metadata and status at most? */
export function sameDesire(a: ApiObject, b: ApiObject): boolean {
  const wish = ({ metadata: _, status: __, ...rest }: AnyFields) => rest;
  return sameJson(wish(a as unknown as AnyFields), wish(b as unknown as AnyFields));
}

export const isHeld = <T extends ApiObject>(type: ResourceType<T>, object: T): boolean =>
  (object.metadata.finalizers?.length ?? 0) > 0 || type.isHeld?.(object) === true;

export function addPropagationFinalizer(draft: Draft<ApiObject>, policy: DeleteOptions['propagationPolicy']): void {
  if (policy === undefined) return;
  if (!propagationPolicies.includes(policy)) throw badRequest(`invalid propagationPolicy ${JSON.stringify(policy)}`);
  const kept = (draft.metadata.finalizers ?? []).filter(name => name !== ORPHAN_FINALIZER && name !== FOREGROUND_FINALIZER);
  if (policy !== 'Background') kept.push(policy === 'Orphan' ? ORPHAN_FINALIZER : FOREGROUND_FINALIZER);
  if (kept.length > 0) draft.metadata.finalizers = kept;
  else delete draft.metadata.finalizers;
}

/** @throws ApiError Conflict when another object is meant than the one that is there */
export function requirePreconditions(type: ResourceType, { metadata }: ApiObject, { preconditions }: DeleteOptions): void {
  for (const [field, label] of [
    ['uid', 'UID'],
    ['resourceVersion', 'ResourceVersion'],
  ] as const) {
    const wanted = preconditions?.[field];
    if (wanted === undefined || wanted === metadata[field]) continue;
    throw conflict(
      type,
      metadata.name!,
      `Precondition failed: ${label} in precondition: ${wanted}, ${label} in object meta: ${metadata[field]}`,
    );
  }
}
