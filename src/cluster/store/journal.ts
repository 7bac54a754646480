/** Where a store writes what it did before anybody sees it, so that it is there after the process died. */
import type { ApiObject } from './object.ts';

export interface JournalRecord {
  /** `deployments.apps` */
  readonly type: string;
  readonly key: string;
  readonly revision: number;
  readonly operation: 'put' | 'delete';
  /** As it is after the operation; of a deleted object its last state. */
  readonly object: ApiObject;
}

export interface Journal {
  /** @throws when it cannot be written: then the write did not happen. */
  append(record: JournalRecord): void;
}
