/** Node ports of Services, and the port for their health checks (k/k `pkg/registry/core/service/portallocator`, `storage/alloc.go`). */
import type { Random } from '../../base/random.ts';
import { FieldErrors } from '../objects/field-errors.ts';
import { Services } from '../resources/index.ts';
import type { Service, ServiceSpec } from '../schema/networking.ts';
import type { Draft } from '../store/object.ts';
import type { Admission, Operation, Reservation, ResourceType } from '../store/resource-type.ts';
import { invalid } from '../store/status.ts';
import type { Store } from '../store/store.ts';
import { lowerBand, NumberRange } from './ip-range.ts';

const FIRST = 30_000;
const COUNT = 2768;
export const NODE_PORT_RANGE = `${FIRST}-${FIRST + COUNT - 1}`;

export class NodePorts implements Admission<Service> {
  readonly name = 'NodePorts';
  readonly #range: NumberRange;

  constructor(random: Random) {
    this.#range = new NumberRange(FIRST, COUNT, lowerBand(COUNT), random);
  }

  restore(store: Store): void {
    for (const { spec } of store.list(Services).items) for (const port of portsOf(spec)) this.#range.take(port);
  }

  handles(type: ResourceType): boolean {
    return type.kind === 'Service';
  }

  admit(operation: Operation, draft: Draft<Service>, old: Service | undefined, type: ResourceType<Service>): Reservation | undefined {
    const before = portsOf(old?.spec);
    if (operation === 'delete') return this.#reserve([], before);
    const taken: number[] = [];
    const refuse = (path: string, value: number, message: string): never => {
      for (const number of taken) this.#range.free(number);
      const errors = new FieldErrors();
      errors.invalid(path, value, message);
      throw invalid(type, draft.metadata.name ?? '', errors.all);
    };
    const take = (number: number, path: string): void => {
      if (before.includes(number) || taken.includes(number)) return;
      if (!this.#range.has(number))
        refuse(path, number, `provided port is not in the valid range. The range of valid ports is ${NODE_PORT_RANGE}`);
      if (!this.#range.take(number)) refuse(path, number, 'provided port is already allocated');
      taken.push(number);
    };
    const draw = (path: string): number => {
      const number = this.#range.draw();
      if (number === undefined) refuse(path, 0, 'range is full');
      taken.push(number!);
      return number!;
    };
    this.#allocate(draft.spec!, take, draw);
    const kept = portsOf(draft.spec as ServiceSpec);
    return this.#reserve(
      taken,
      before.filter(number => !kept.includes(number)),
    );
  }

  #allocate(spec: Draft<ServiceSpec>, take: (number: number, path: string) => void, draw: (path: string) => number): void {
    const wants = spec.type === 'NodePort' || (spec.type === 'LoadBalancer' && spec.allocateLoadBalancerNodePorts !== false);
    const ports = spec.ports ?? [];
    const allowed = spec.type === 'NodePort' || spec.type === 'LoadBalancer';
    if (allowed) for (const [i, port] of ports.entries()) if ((port.nodePort ?? 0) !== 0) take(port.nodePort!, `spec.ports[${i}].nodePort`);
    if (wants)
      for (const [i, port] of ports.entries()) {
        if ((port.nodePort ?? 0) !== 0) continue;
        // The same port by another protocol gets the same number, as DNS over UDP and TCP has it.
        const twin = ports.find(other => other.port === port.port && other.protocol !== port.protocol && (other.nodePort ?? 0) !== 0);
        port.nodePort = twin?.nodePort ?? draw(`spec.ports[${i}].nodePort`);
      }
    if (spec.type !== 'LoadBalancer' || spec.externalTrafficPolicy !== 'Local') return;
    if ((spec.healthCheckNodePort ?? 0) !== 0) take(spec.healthCheckNodePort!, 'spec.healthCheckNodePort');
    else spec.healthCheckNodePort = draw('spec.healthCheckNodePort');
  }

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

function portsOf(spec: ServiceSpec | undefined): number[] {
  const ports = (spec?.ports ?? []).map(port => port.nodePort ?? 0);
  return [...new Set([...ports, spec?.healthCheckNodePort ?? 0])].filter(number => number !== 0);
}
