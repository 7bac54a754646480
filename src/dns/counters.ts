/** What a server has seen, by what came of it. */
export class Counters {
  readonly #counts = new Map<string, number>();

  /** @param what `query A`, `response NXDOMAIN`, `malformed pointer`, `dropped response` */
  count(what: string): void {
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + 1);
  }
  of(what: string): number {
    return this.#counts.get(what) ?? 0;
  }
  all(): Record<string, number> {
    return Object.fromEntries([...this.#counts].sort(([a], [b]) => (a < b ? -1 : 1)));
  }
}
