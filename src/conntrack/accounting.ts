/** Packets and bytes of each direction, and first and last moment: in arrays of their own, made when the sysctl is first switched on. */
const NONE = new Float64Array(0);

export class Accounting {
  /** By entry << 1 | direction. */
  packets = NONE;
  bytes = NONE;
  /** Milliseconds since 1970, by entry. 0 = not yet. */
  started = NONE;
  stopped = NONE;
  readonly #capacity: number;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  start(i: number): void {
    if (this.packets === NONE) {
      this.packets = new Float64Array(this.#capacity * 2);
      this.bytes = new Float64Array(this.#capacity * 2);
    }
    this.packets[i << 1] = 0;
    this.packets[(i << 1) | 1] = 0;
    this.bytes[i << 1] = 0;
    this.bytes[(i << 1) | 1] = 0;
  }

  add(i: number, dir: number, bytes: number): void {
    this.packets[(i << 1) | dir]!++;
    this.bytes[(i << 1) | dir]! += bytes;
  }

  begin(i: number, wallMs: number): void {
    if (this.started === NONE) {
      this.started = new Float64Array(this.#capacity);
      this.stopped = new Float64Array(this.#capacity);
    }
    this.started[i] = wallMs;
    this.stopped[i] = 0;
  }

  stamp(i: number, wallMs: number): void {
    this.stopped[i] = wallMs;
  }
}
