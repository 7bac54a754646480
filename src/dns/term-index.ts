/** Items by their key, and by any number of terms that each has: an EndpointSlice by its Service and its addresses. */
export class TermIndex<T> {
  readonly #items = new Map<string, { readonly item: T; readonly terms: readonly string[] }>();
  readonly #byTerm = new Map<string, Map<string, T>>();

  get keys(): string[] {
    return [...this.#items.keys()];
  }

  get(key: string): T | undefined {
    return this.#items.get(key)?.item;
  }

  /** In the order in which they came; what is replaced keeps its place among the items of a term it had before. */
  with(term: string): readonly T[] {
    const found = this.#byTerm.get(term);
    return found === undefined ? [] : [...found.values()];
  }

  set(key: string, item: T, terms: readonly string[]): void {
    const before = this.#items.get(key)?.terms ?? [];
    for (const term of before) if (!terms.includes(term)) this.#drop(term, key);
    this.#items.set(key, { item, terms });
    for (const term of terms) {
      const others = this.#byTerm.get(term);
      if (others === undefined) this.#byTerm.set(term, new Map([[key, item]]));
      else others.set(key, item);
    }
  }

  delete(key: string): void {
    for (const term of this.#items.get(key)?.terms ?? []) this.#drop(term, key);
    this.#items.delete(key);
  }

  #drop(term: string, key: string): void {
    const others = this.#byTerm.get(term);
    others?.delete(key);
    if (others?.size === 0) this.#byTerm.delete(term);
  }
}
