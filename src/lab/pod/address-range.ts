/** Addresses of a node's pods, given one after another (CNI plugin `host-local`): one that was just given back rests until the range has gone round. */
import { formatIpv4, parseCidr } from '../../base/address.ts';
import { LabError } from '../../base/errors.ts';

export class AddressRange {
  /** `10.244.1.1` of 10.244.1.0/24. */
  readonly gateway: string;
  readonly prefix: number;
  readonly #cidr: string;
  readonly #taken: Set<string>;
  readonly #first: number;
  readonly #count: number;
  #last: number;

  /** @param taken addresses that others have */
  constructor(cidr: string, taken: Iterable<string> = []) {
    const { address, prefix, mask } = parseCidr(cidr);
    this.#cidr = cidr;
    this.#taken = new Set(taken);
    this.prefix = prefix;
    this.#first = (address & mask) + 2; // .0 is the network's, .1 the gateway's
    this.gateway = formatIpv4(this.#first - 1);
    this.#count = Math.max(0, 2 ** (32 - prefix) - 3); // and the last one is for broadcasts
    this.#last = this.#count - 1;
  }

  /** @throws LabError BAD_INPUT when none is left */
  take(): string {
    for (let i = 1; i <= this.#count; i++) {
      const index = (this.#last + i) % this.#count;
      const address = formatIpv4(this.#first + index);
      if (this.#taken.has(address)) continue;
      this.#last = index;
      this.#taken.add(address);
      return address;
    }
    throw new LabError('BAD_INPUT', `no IP addresses available in range set: ${this.#cidr}: ${this.#count} pods are on this node`);
  }

  give(address: string): void {
    this.#taken.delete(address);
  }
}
