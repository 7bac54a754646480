/**
 * Entries that packets hold which wait for something: their words stay, deleted or not, and nobody else gets their place
 * (`nf_conntrack_get`).
 */
export class Held {
  /** By entry, how many packets. */
  readonly #packets = new Map<number, number>();
  /** Of these, never confirmed ones whose first packet has ended: whoever holds them may confirm them yet. */
  readonly #ownerless = new Set<number>();

  has(i: number): boolean {
    return this.#packets.size > 0 && this.#packets.has(i);
  }

  add(i: number): void {
    this.#packets.set(i, (this.#packets.get(i) ?? 0) + 1);
  }

  /** The packet that an entry was made for has ended, and others hold it. */
  orphan(i: number): void {
    this.#ownerless.add(i);
  }

  /** One packet less. @returns true when it was the last of an entry that nobody else will give back */
  remove(i: number): boolean {
    const left = this.#packets.get(i)! - 1;
    if (left > 0) {
      this.#packets.set(i, left);
      return false;
    }
    this.#packets.delete(i);
    return this.#ownerless.delete(i);
  }
}
