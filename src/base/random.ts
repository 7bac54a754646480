/** Randomness is an argument: the same seed gives the same run. */
export interface Random {
  /** Uniform over 0..0xffffffff. */
  u32(): number;
  /** Uniform over 0..n-1, n from 1 to 2^32. */
  below(n: number): number;
}

/** xoshiro128** (Blackman and Vigna, 2018): 128 bits of state, filled from one seed by splitmix32. Not for secrets. */
export class SeededRandom implements Random {
  readonly #s = new Int32Array(4);
  constructor(seed: number) {
    let z = seed | 0;
    for (let i = 0; i < 4; i++) {
      z = (z + 0x9e3779b9) | 0;
      let t = z ^ (z >>> 16);
      t = Math.imul(t, 0x21f0aaad);
      t ^= t >>> 15;
      t = Math.imul(t, 0x735a2d97);
      this.#s[i] = t ^ (t >>> 15);
    }
  }
  u32(): number {
    const s = this.#s;
    const s1 = s[1]!;
    let r = Math.imul(s1, 5);
    r = (r << 7) | (r >>> 25);
    r = Math.imul(r, 9);
    const t = s1 << 9;
    s[2]! ^= s[0]!;
    s[3]! ^= s1;
    s[1]! ^= s[2]!;
    s[0]! ^= s[3]!;
    s[2]! ^= t;
    s[3] = (s[3]! << 11) | (s[3]! >>> 21);
    return r >>> 0;
  }
  below(n: number): number {
    return Math.floor((this.u32() / 0x1_0000_0000) * n);
  }
}

/** A generator seeded by the system. */
export function systemRandom(): Random {
  const seed = new Uint32Array(1);
  crypto.getRandomValues(seed);
  return new SeededRandom(seed[0]!);
}
