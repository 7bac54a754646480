/**
 * Following the changes of one kind. A watcher is a place in the table's ring of changes and a filter: it is told that there is something, and takes
 * it when it can. One that does not take in time finds that the past is gone (`Expired`), and costs nothing until then.
 */
import type { ApiObject } from './object.ts';
import { expired } from './status.ts';
import type { Change, Table } from './table.ts';

export interface WatchEvent<T extends ApiObject = ApiObject> {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly object: T;
  /** What it was before; absent for ADDED. */
  readonly old?: T;
  readonly revision: number;
  /** Those who watch the same change share it, so that its text can be made once. */
  readonly change?: Change<T>;
}

export class Watcher<T extends ApiObject = ApiObject> {
  readonly #table: Table;
  readonly #matches: (object: ApiObject) => boolean;
  /** Objects that were there at the start, still to be told as ADDED. */
  #initial: Iterator<ApiObject> | undefined;
  #sequence: number;
  /** Called once after something came, until `take` was called. Set by the store. */
  readonly wake: () => void;
  readonly pinned: boolean;
  isWoken = false;
  isStopped = false;

  constructor(
    table: Table,
    from: { sequence: number; initial: Iterable<ApiObject> | undefined },
    matches: (object: ApiObject) => boolean,
    wake: () => void,
    pinned: boolean,
  ) {
    this.#table = table;
    this.#matches = matches;
    this.#sequence = from.sequence;
    this.#initial = from.initial?.[Symbol.iterator]();
    this.wake = wake;
    this.pinned = pinned;
  }

  get sequence(): number {
    return this.#sequence;
  }

  /**
   * The next events, in order; [] when there is nothing more.
   *
   * @throws ApiError Expired when changes were lost: list again. The watcher is stopped then.
   */
  take(most = Number.POSITIVE_INFINITY): WatchEvent<T>[] {
    this.isWoken = false;
    const events: WatchEvent<T>[] = [];
    while (this.#initial !== undefined && events.length < most) {
      const { value, done } = this.#initial.next();
      if (done === true) this.#initial = undefined;
      else events.push({ type: 'ADDED', object: value as T, revision: Number(value.metadata.resourceVersion) });
    }
    while (events.length < most && this.#sequence < this.#table.end && !this.isStopped) {
      if (this.#table.isForgotten(this.#sequence)) {
        this.isStopped = true;
        throw expired('too old resource version: the changes in between are no longer kept');
      }
      const event = this.#seen(this.#table.change(this.#sequence++)! as Change<T>);
      if (event !== undefined) events.push(event);
    }
    if (this.pinned) this.#table.trim();
    return events;
  }

  /** Is there nothing more at this moment? */
  get isIdle(): boolean {
    return this.#initial === undefined && this.#sequence >= this.#table.end;
  }

  /** An object that begins to match a selector is new to this watcher; one that no longer matches is gone. */
  #seen(change: Change<T>): WatchEvent<T> | undefined {
    const { object, old, revision } = change;
    const is = change.type !== 'DELETED' && this.#matches(object);
    const was = old !== undefined && this.#matches(old);
    if (is && !was) return { type: 'ADDED', object, revision, change };
    if (is) return { type: 'MODIFIED', object, old: old as T, revision, change };
    return was ? { type: 'DELETED', object, old: old as T, revision, change } : undefined;
  }
}
