/**
 * Values that must differ between two runs and yet must be used in the same way: an ephemeral port, an IP id, a MAC that nobody pinned.
 * Within one scope each value of one run stands for exactly one of the other. So a port that is kept in one run and changed in the
 * other is found, though the numbers themselves never agree.
 */
import type { FieldValue } from '../sighting.ts';

export class Pairing {
  readonly #userspace = new Map<string, FieldValue>();
  readonly #kernel = new Map<string, FieldValue>();

  /** @returns whether the pair agrees with all pairs of the scope before; the first one always does. */
  agree(scope: string, userspace: FieldValue, kernel: FieldValue): boolean {
    const u = `${scope}|${userspace}`;
    const k = `${scope}|${kernel}`;
    if (!this.#userspace.has(u) && !this.#kernel.has(k)) {
      this.#userspace.set(u, kernel);
      this.#kernel.set(k, userspace);
    }
    return this.#userspace.get(u) === kernel && this.#kernel.get(k) === userspace;
  }
}

/** Numbers modulo 2^32 that start anywhere and then count alike: sequence numbers. */
export class Offsets {
  readonly #offset = new Map<string, number>();

  agree(scope: string, userspace: number, kernel: number): boolean {
    const offset = (userspace - kernel) >>> 0;
    const before = this.#offset.get(scope);
    if (before === undefined) this.#offset.set(scope, offset);
    return before === undefined || before === offset;
  }
}
