/** Objects of kinds that are not kept for ever: which are the oldest, and which of them have to go. */
import type { ApiObject } from './object.ts';
import type { ResourceType } from './resource-type.ts';

export interface Aged {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly createdMs: number;
}

const aged = ({ metadata: { namespace = '', name = '', uid = '', creationTimestamp } }: ApiObject): Aged => ({
  namespace,
  name,
  uid,
  createdMs: Date.parse(creationTimestamp ?? ''),
});

export class Expiry {
  readonly #oldestFirst = new Map<ResourceType, Aged[]>();

  created(type: ResourceType, object: ApiObject): void {
    this.#oldestFirst.get(type)?.push(aged(object));
  }

  /**
   * Those that have to go before a new one comes. Each is named once, and may be gone already.
   *
   * @param all called once for each type, for what was there before
   */
  *due(type: ResourceType, nowMs: number, all: () => readonly ApiObject[]): Generator<Aged> {
    if (type.expires === undefined) return;
    const { afterMs, most } = type.expires;
    let ages = this.#oldestFirst.get(type);
    if (ages === undefined) {
      ages = all()
        .map(aged)
        .sort((a, b) => a.createdMs - b.createdMs);
      this.#oldestFirst.set(type, ages);
    }
    while (ages.length > 0 && (ages[0]!.createdMs < nowMs - afterMs || ages.length >= most)) yield ages.shift()!;
  }
}
