/** Addresses of Services: drawn, or taken as asked (k/k `pkg/registry/core/service/ipallocator`). */
import { formatIpv4, parseCidr, tryParseIpv4 } from '../../base/address.ts';
import type { Random } from '../../base/random.ts';
import { FieldErrors } from '../objects/field-errors.ts';
import { Services } from '../resources/index.ts';
import type { Service, ServiceSpec } from '../schema/networking.ts';
import type { Draft } from '../store/object.ts';
import type { Admission, Operation, Reservation, ResourceType } from '../store/resource-type.ts';
import { invalid } from '../store/status.ts';
import type { Store } from '../store/store.ts';
import { lowerBand, NumberRange } from './ip-range.ts';

export class ClusterIps implements Admission<Service> {
  readonly name = 'ClusterIPs';
  readonly #range: NumberRange;
  readonly #cidr: string;

  /** @param cidr `10.96.0.0/16`: `--service-cluster-ip-range` */
  constructor(cidr: string, random: Random) {
    const { address, prefix } = parseCidr(cidr);
    const size = 2 ** (32 - prefix);
    this.#cidr = cidr;
    // Neither the network's own address nor the last one is a Service's.
    this.#range = new NumberRange((address >>> 0) + 1, size - 2, lowerBand(size), random);
  }

  /** What is there already: of a store that was kept on disk. */
  restore(store: Store): void {
    for (const { spec } of store.list(Services).items) for (const address of addressesOf(spec)) this.#range.take(address);
  }

  handles(type: ResourceType): boolean {
    return type.kind === 'Service';
  }

  admit(operation: Operation, draft: Draft<Service>, old: Service | undefined, type: ResourceType<Service>): Reservation | undefined {
    if (operation === 'delete') return this.#reserve([], addressesOf(old?.spec));
    const before = addressesOf(old?.spec);
    const spec = draft.spec!;
    if (spec.type === 'ExternalName' || spec.clusterIP === 'None') return this.#reserve([], before);
    const asked = spec.clusterIPs?.length ? spec.clusterIPs : spec.clusterIP ? [spec.clusterIP] : [];
    const taken: number[] = [];
    const refuse = (address: string, message: string): never => {
      for (const number of taken) this.#range.free(number);
      const errors = new FieldErrors();
      errors.invalid('spec.clusterIPs', [address], message);
      throw invalid(type, draft.metadata.name ?? '', errors.all);
    };
    for (const address of asked) {
      const number = toNumber(address);
      if (number === undefined || before.includes(number)) continue; // what is no address is refused by validation
      if (!this.#range.has(number))
        refuse(
          address,
          `failed to allocate IP ${address}: the provided IP (${address}) is not in the valid range. The range of valid IPs is ${this.#cidr}`,
        );
      if (!this.#range.take(number)) refuse(address, `failed to allocate IP ${address}: provided IP is already allocated`);
      taken.push(number);
    }
    if (asked.length === 0) {
      const number = this.#range.draw();
      if (number === undefined) refuse('', 'failed to allocate a serviceIP: range is full');
      taken.push(number!);
      spec.clusterIP = formatIpv4(number! | 0);
      spec.clusterIPs = [spec.clusterIP];
    }
    const kept = addressesOf(spec as ServiceSpec);
    return this.#reserve(
      taken,
      before.filter(number => !kept.includes(number)),
    );
  }

  /** @param taken are given back when nothing came of it @param left are given back when it did */
  #reserve(taken: readonly number[], left: readonly number[]): Reservation {
    return {
      commit: () => {
        for (const number of left) this.#range.free(number);
      },
      revert: () => {
        for (const number of taken) this.#range.free(number);
      },
    };
  }
}

const toNumber = (address: string): number | undefined => {
  const parsed = tryParseIpv4(address);
  return parsed === undefined ? undefined : parsed >>> 0;
};

function addressesOf(spec: ServiceSpec | undefined): number[] {
  const all = spec?.clusterIPs?.length ? spec.clusterIPs : [spec?.clusterIP ?? ''];
  return all.map(toNumber).filter(number => number !== undefined);
}
