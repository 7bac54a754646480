/**
 * What the network has told of the way to an address: the largest packet that gets there (RFC 1191; the exceptions of `net/ipv4/route.c`). A fixed number of
 * places: an address that shares its place with another one makes it forget.
 */
import type { Ipv4 } from '../base/address.ts';
import type { Clock } from '../base/clock.ts';

const PLACES = 256;
/** `net.ipv4.route.mtu_expires` and `min_pmtu`. */
const EXPIRES_MS = 600_000;
const MIN_PMTU = 552;

export class PathMtu {
  readonly #clock: Clock;
  readonly #address = new Int32Array(PLACES);
  readonly #mtu = new Uint16Array(PLACES);
  readonly #untilMs = new Float64Array(PLACES);

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @param device MTU of the interface towards `address` @returns bytes, not more than `device` */
  towards(address: Ipv4, device: number): number {
    const at = placeOf(address);
    if (this.#mtu[at] === 0 || this.#address[at] !== address || this.#mtu[at]! >= device) return device;
    if (this.#clock.nowMs() < this.#untilMs[at]!) return this.#mtu[at]!;
    this.#mtu[at] = 0;
    return device;
  }

  /** Somebody on the way has said so. It can only become less; less than 552 nobody is believed. */
  learn(address: Ipv4, mtu: number, device: number): void {
    if (mtu > this.towards(address, device)) return;
    const at = placeOf(address);
    this.#address[at] = address;
    this.#mtu[at] = Math.max(mtu, MIN_PMTU);
    this.#untilMs[at] = this.#clock.nowMs() + EXPIRES_MS;
  }
}

const placeOf = (address: Ipv4): number => Math.imul(address, 0x9e3779b1) >>> 24;
