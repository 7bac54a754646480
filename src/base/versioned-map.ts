/**
 * A map of which every version stays as it was: `with` makes the next one out of a few changes in time that depends on these alone.
 *
 * The entries stand once, with the version that was asked last; the others hold what they had instead of it, one step after the other
 * (Baker, "Shallow binding makes functional arrays fast", 1991). An old version is as right as the newest one and slower by what lies
 * between them.
 */
export class VersionedMap<K, V extends {}> implements ReadonlyMap<K, V> {
  #map: Map<K, V> | undefined;
  /** What this version has where `#next` has something else; undefined: no entry. */
  #instead: Map<K, V | undefined> | undefined;
  #next: VersionedMap<K, V> | undefined;

  private constructor(map: Map<K, V>) {
    this.#map = map;
  }

  /** @param entries are copied, unless they are such a map already */
  static of<K, V extends {}>(entries: ReadonlyMap<K, V>): VersionedMap<K, V> {
    return entries instanceof VersionedMap ? entries : new VersionedMap(new Map(entries));
  }

  /** @param map is taken over: nobody else may change it */
  static owning<K, V extends {}>(map: Map<K, V>): VersionedMap<K, V> {
    return new VersionedMap(map);
  }

  /** @param changes new values; undefined takes an entry out */
  with(changes: Iterable<readonly [K, V | undefined]>): VersionedMap<K, V> {
    const map = this.#entries();
    const instead = new Map<K, V | undefined>();
    for (const [key, value] of changes) {
      if (!instead.has(key)) instead.set(key, map.get(key));
      if (value === undefined) map.delete(key);
      else map.set(key, value);
    }
    const next = new VersionedMap<K, V>(map);
    this.#becomes(next, instead);
    return next;
  }

  /**
   * What must change to come from here to another version.
   * @returns keys with what this version has for them, undefined for none; undefined when the two have nothing to do with each other
   */
  changesTo(after: ReadonlyMap<K, V>): ReadonlyMap<K, V | undefined> | undefined {
    if (!(after instanceof VersionedMap)) return undefined;
    const target = after as VersionedMap<K, V>;
    target.#entries();
    const changes = new Map<K, V | undefined>();
    let at: VersionedMap<K, V> = this;
    for (; at.#next !== undefined; at = at.#next) {
      for (const [key, value] of at.#instead!) if (!changes.has(key)) changes.set(key, value);
    }
    if (at !== target) return undefined;
    for (const [key, value] of changes) if (target.#map!.get(key) === value) changes.delete(key);
    return changes;
  }

  get size(): number {
    return this.#entries().size;
  }
  get(key: K): V | undefined {
    return this.#entries().get(key);
  }
  has(key: K): boolean {
    return this.#entries().has(key);
  }
  entries(): MapIterator<[K, V]> {
    return this.#entries().entries();
  }
  keys(): MapIterator<K> {
    return this.#entries().keys();
  }
  values(): MapIterator<V> {
    return this.#entries().values();
  }
  [Symbol.iterator](): MapIterator<[K, V]> {
    return this.#entries().entries();
  }
  forEach(visit: (value: V, key: K, map: ReadonlyMap<K, V>) => void): void {
    for (const [key, value] of this.#entries()) visit(value, key, this);
  }

  /** Brings the entries here: each version on the way gives up what the one before it had instead. */
  #entries(): Map<K, V> {
    if (this.#map !== undefined) return this.#map;
    const way: VersionedMap<K, V>[] = [];
    let at: VersionedMap<K, V> = this;
    for (; at.#next !== undefined; at = at.#next) way.push(at);
    for (let version = way.pop(); version !== undefined; version = way.pop()) {
      const map = at.#map!;
      const instead = new Map<K, V | undefined>();
      for (const [key, value] of version.#instead!) {
        instead.set(key, map.get(key));
        if (value === undefined) map.delete(key);
        else map.set(key, value);
      }
      version.#map = map;
      version.#instead = undefined;
      version.#next = undefined;
      at.#becomes(version, instead);
      at = version;
    }
    return at.#map!;
  }

  #becomes(next: VersionedMap<K, V>, instead: Map<K, V | undefined>): void {
    this.#map = undefined;
    this.#instead = instead;
    this.#next = next;
  }
}
