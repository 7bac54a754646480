/**
 * A kind of object that the store keeps, and what is special about it. One value for each kind, made once (`cluster/resources`): it says the
 * kind's names, its defaults, what is refused in it, and how it is deleted. The store asks it; it never asks the store.
 */
import type { FieldErrors } from '../objects/field-errors.ts';
import type { Definition } from '../schema/schema.ts';
import type { ApiObject, Draft } from './object.ts';

export interface ResourceType<T extends ApiObject = ApiObject> {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  /** The plural, as in paths: `endpointslices`. */
  readonly resource: string;
  readonly singular: string;
  readonly kind: string;
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
  readonly scope: 'namespaced' | 'cluster';
  /** A warning to whoever uses it. */
  readonly deprecation?: string;
  /** Its fields. Absent: whatever it carries is kept. */
  readonly definition?: Definition;
  /** What is wrong with a name; [] when nothing is. */
  readonly nameRule?: (name: string) => string[];
  /** Paths that a field selector may name, beside metadata.name and metadata.namespace. */
  readonly selectable?: readonly string[];
  /** Has it a `status` that is written apart from the rest? */
  readonly hasStatus?: boolean;
  /** Does `metadata.generation` count the changes of what is neither metadata nor status? */
  readonly hasGeneration?: boolean;
  /** Where `scale` finds the count of replicas; absent: there is no such subresource. */
  readonly hasScale?: boolean;

  /** Fills in what the API server fills in. Called before every validation; must change nothing when called again. */
  defaults?(draft: Draft<T>): void;
  /** A new object: what a client may not set is taken away, what it starts with is set. */
  prepareForCreate?(draft: Draft<T>): void;
  /** A changed object: what a client may not change is put back. */
  prepareForUpdate?(draft: Draft<T>, old: T): void;
  validate?(object: T, errors: FieldErrors): void;
  /** What may not change. `validate` is asked as well. */
  validateUpdate?(object: T, old: T, errors: FieldErrors): void;
  validateStatusUpdate?(object: T, old: T, errors: FieldErrors): void;
  /**
   * Seconds that the object stays, with a deletionTimestamp, before it goes. Absent: it goes at once.
   * @param requested what the request asked for
   */
  gracePeriodSeconds?(object: T, requested: number | undefined): number;
  /** What holds a deleted object back beside `metadata.finalizers`: a Namespace's `spec.finalizers`. */
  isHeld?(object: T): boolean;
  /** Why it may not be deleted; undefined: it may. */
  mayDelete?(object: T): string | undefined;
  /** Old ones go when new ones come: after a time, and the oldest when there are too many. */
  readonly expires?: { readonly afterMs: number; readonly most: number };
  /** Called on the draft when it gets its deletionTimestamp: a Namespace becomes Terminating. */
  markDeleted?(draft: Draft<T>): void;
}

export type Operation = 'create' | 'update' | 'delete';

/** Something that was taken for a write (an address, a port): kept when the write happened, given back when it did not. */
export interface Reservation {
  commit(): void;
  revert(): void;
}

/**
 * Asked at every write of a kind, also of a controller, after defaults and before validation: it may change the draft (allocate a cluster IP),
 * refuse the write by throwing an `ApiError`, and reserve. Each reservation is ended exactly once: `commit` after the object was stored or removed,
 * `revert` when something failed or the write was a dry run. On `delete` the draft is a copy of the object that goes: what is done to it is lost.
 */
export interface Admission<T extends ApiObject = ApiObject> {
  /** For messages and for order in lists. */
  readonly name: string;
  handles(type: ResourceType): boolean;
  admit(operation: Operation, draft: Draft<T>, old: T | undefined, type: ResourceType<T>): Reservation | undefined;
}

/** `apps/v1`, `v1` */
export const apiVersionOf = (type: ResourceType): string => (type.group === '' ? type.version : `${type.group}/${type.version}`);
/** The name under which the store keeps it: `deployments.apps`, `pods`. */
export const typeName = (type: ResourceType): string => (type.group === '' ? type.resource : `${type.resource}.${type.group}`);
