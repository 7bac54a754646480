/** What the calls of the store are told. */
import type { Clock } from '../../base/clock.ts';
import type { Random } from '../../base/random.ts';
import type { Journal } from './journal.ts';
import type { Admission, ResourceType } from './resource-type.ts';

export interface StoreOptions {
  readonly types: readonly ResourceType[];
  /** In the order in which they are asked. */
  readonly admissions?: readonly Admission[];
  /** Milliseconds since 1970. */
  readonly clock: Clock;
  /** For uids and generated names. */
  readonly random: Random;
  /** A namespaced object can only be created in a namespace of this type that is not about to go. Absent: namespaces are just words. */
  readonly namespaces?: ResourceType;
  /** Changes that are kept of each type. */
  readonly history?: number;
  /** Runs it soon, outside of the caller. */
  readonly schedule?: (run: () => void) => void;
  readonly journal?: Journal;
  /** What to do with what a listener threw; the others go on. */
  readonly onListenerError?: (error: unknown) => void;
}

export interface Selection {
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
}
export interface ListOptions extends Selection {
  readonly limit?: number | undefined;
  readonly continue?: string | undefined;
  /** As it was at this revision; undefined: as it is. */
  readonly at?: number | undefined;
}
export interface WriteOptions {
  /** Everything but the write itself. */
  readonly dryRun?: boolean | undefined;
}
export interface UpdateOptions extends WriteOptions {
  /** `status`: only the status is taken. Absent: all but the status. */
  readonly subresource?: 'status' | undefined;
}
export const propagationPolicies = ['Orphan', 'Background', 'Foreground'] as const;
export interface DeleteOptions extends WriteOptions {
  readonly gracePeriodSeconds?: number | undefined;
  readonly preconditions?: { readonly uid?: string | undefined; readonly resourceVersion?: string | undefined } | undefined;
  readonly propagationPolicy?: (typeof propagationPolicies)[number] | undefined;
}

/** Finalizers by which the collector of dependents is told what to do. */
export const ORPHAN_FINALIZER = 'orphan';
export const FOREGROUND_FINALIZER = 'foregroundDeletion';
