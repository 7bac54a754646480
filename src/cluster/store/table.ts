/**
 * The objects of one kind, in order of their keys, with the changes that led there. Keys are `namespace/name`, or `name` in the cluster's own
 * scope. Changes are kept in a ring: whoever follows has a place in it, nothing is queued for anybody. The past falls out at the far end.
 */
import type { ApiObject } from './object.ts';
import { SortedKeys } from './sorted-keys.ts';

export interface Change<T extends ApiObject = ApiObject> {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  /** Of the whole store: no two changes share one. */
  readonly revision: number;
  readonly key: string;
  /** As it is after the change; of a deleted object its last state, with the revision of the deletion. */
  readonly object: T;
  readonly old: T | undefined;
}

export const keyOf = (namespace: string | undefined, name: string): string =>
  namespace === undefined || namespace === '' ? name : `${namespace}/${name}`;

export class Table {
  readonly #objects = new Map<string, ApiObject>();
  readonly #keys = new SortedKeys();
  #changes: (Change | undefined)[] = [];
  /** Sequence number of the oldest change that is kept, and where it stands in `#changes`. */
  #first = 0;
  #start = 0;
  #lost: number;
  readonly #most: number;
  /** Lowest place that must stay: those who follow inside this process read all of it in the next turn of the loop. */
  readonly #pinned: () => number;

  /**
   * @param most    changes that are kept
   * @param lost    revision up to which the past is not known
   */
  constructor(most: number, lost: number, pinned: () => number) {
    this.#most = most;
    this.#lost = lost;
    this.#pinned = pinned;
  }

  get size(): number {
    return this.#objects.size;
  }
  get(key: string): ApiObject | undefined {
    return this.#objects.get(key);
  }

  apply(change: Change): void {
    const { key, type, object } = change;
    if (type === 'DELETED') {
      this.#objects.delete(key);
      this.#keys.delete(key);
    } else {
      this.#objects.set(key, object);
      this.#keys.add(key);
    }
    this.#changes.push(change);
    this.trim();
  }

  /** The past up to a revision is not known: what is there came from elsewhere. */
  forgetUpTo(revision: number): void {
    this.#lost = Math.max(this.#lost, revision);
  }
  *entries(): Generator<[key: string, object: ApiObject]> {
    for (const key of this.#keys.range('')) yield [key, this.#objects.get(key)!];
  }

  /** Lets the oldest changes go; called again when those who hold them have read them. */
  trim(): void {
    if (this.end - this.#first > this.#most) this.#forget();
  }
  #forget(): void {
    const keep = Math.min(this.end - this.#most, this.#pinned());
    while (this.#first < keep) {
      this.#lost = this.#changes[this.#start]!.revision;
      this.#changes[this.#start++] = undefined;
      this.#first++;
    }
    // The room at the front is given back when it is as large as what is kept: each change moves once, on average.
    if (this.#start <= this.#most) return;
    this.#changes = this.#changes.slice(this.#start);
    this.#start = 0;
  }

  /** One past the sequence number of the newest change. */
  get end(): number {
    return this.#first + this.#changes.length - this.#start;
  }
  /** Undefined when it has fallen out of the ring. */
  change(sequence: number): Change | undefined {
    return sequence < this.#first ? undefined : this.#changes[this.#start + sequence - this.#first];
  }
  isForgotten(sequence: number): boolean {
    return sequence < this.#first;
  }
  /** Can what came after `revision` still be told? */
  knows(revision: number): boolean {
    return revision >= this.#lost;
  }
  /** Sequence number of the first change after `revision`. */
  after(revision: number): number {
    let [low, high] = [this.#first, this.end];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.change(middle)!.revision <= revision) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /**
   * Objects whose key is in [from, to), as they were at `revision`, in order of their keys.
   *
   * @param revision must be known; undefined: as they are now
   */
  *range(from: string, to: string | undefined, revision?: number): Generator<[key: string, object: ApiObject]> {
    const then = revision === undefined ? undefined : this.#before(revision);
    const keys = then === undefined || then.size === 0 ? this.#keys.range(from, to) : this.#keysBefore(then, from, to);
    for (const key of keys) {
      const object = then?.has(key) ? then.get(key) : this.#objects.get(key);
      if (object !== undefined) yield [key, object];
    }
  }

  /** How many objects there are now whose key is in [from, to). */
  count(from: string, to: string | undefined): number {
    return this.#keys.count(from, to);
  }

  /** What has changed since, with the state before: undefined for what was not there. */
  #before(revision: number): Map<string, ApiObject | undefined> {
    const then = new Map<string, ApiObject | undefined>();
    for (let sequence = this.end - 1; sequence >= this.#first; sequence--) {
      const change = this.change(sequence)!;
      if (change.revision <= revision) break;
      then.set(change.key, change.old);
    }
    return then;
  }
  #keysBefore(then: ReadonlyMap<string, unknown>, from: string, to: string | undefined): string[] {
    const keys = [...this.#keys.range(from, to)];
    for (const key of then.keys()) if (key >= from && (to === undefined || key < to) && !this.#objects.has(key)) keys.push(key);
    return keys.sort((a, b) => (a < b ? -1 : 1));
  }
}
