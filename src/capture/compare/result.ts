/** What a comparison of two runs says. */
import type { CapturedFrame } from '../captured-frame.ts';
import type { NatEntry } from '../flow-table.ts';
import type { FieldValue } from '../sighting.ts';

export const planes = ['userspace', 'kernel'] as const;
export type Plane = (typeof planes)[number];

/** One run of an exercise, as its captures show it. */
export interface Run {
  /** By hop. A hop that was captured and saw nothing has an empty list; one that was not captured is absent. */
  hops: ReadonlyMap<string, readonly CapturedFrame[]>;
  /** MAC addresses that the topology pins, by their name: `node1/eth0`. Others may differ between runs. */
  macs?: ReadonlyMap<string, string>;
  /** What conntrack knew, where it helps to tell flows apart. */
  nat?: readonly NatEntry[];
}

export type DifferenceValue = FieldValue | null;

export interface Difference {
  hop: string;
  /** In words: `tcp 203.0.113.9:40000 > 192.168.56.11:30080, original`. */
  flow: string;
  /** `ipv4.ttl`; `packet`, `hop`, `flow` or `order` when a whole thing is missing, too much or elsewhere. */
  field: string;
  /** null: not there. */
  userspace: DifferenceValue;
  kernel: DifferenceValue;
  /** Of a probe: when the kernel run showed what the userspace run did not, since 1970. Tells which of many differences came first. */
  timeNs?: string;
  /** The hop where the same difference was found first: a consequence of it, most likely. */
  repeats?: string;
}

export interface Ignored {
  /** `tcp.seq` */
  what: string;
  why: string;
  /** How often it was met, and left out or compared only for consistency. */
  userspace: number;
  kernel: number;
}

export interface Comparison {
  kind: 'probe' | 'conversation';
  same: boolean;
  /** In order of the path. */
  differences: Difference[];
  ignored: Ignored[];
  /** How much stands behind `same`. */
  compared: { hops: number; flows: number; packets: number; fields: number };
}

/** Collects what the two comparisons find. */
export class Findings {
  readonly differences: Difference[] = [];
  readonly compared = { hops: 0, flows: 0, packets: 0, fields: 0 };
  readonly #ignored = new Map<string, Ignored>();
  readonly #first = new Map<string, string>();

  differ(hop: string, flow: string, field: string, userspace: DifferenceValue, kernel: DifferenceValue, timeNs?: bigint): void {
    const key = JSON.stringify([flow, field, userspace, kernel]);
    const before = this.#first.get(key);
    if (before === undefined) this.#first.set(key, hop);
    this.differences.push({
      hop,
      flow,
      field,
      userspace,
      kernel,
      ...(timeNs === undefined ? {} : { timeNs: String(timeNs) }),
      ...(before === undefined || before === hop ? {} : { repeats: before }),
    });
  }
  ignore(what: string, why: string, userspace: number, kernel: number): void {
    const i = this.#ignored.get(what) ?? { what, why, userspace: 0, kernel: 0 };
    i.userspace += userspace;
    i.kernel += kernel;
    this.#ignored.set(what, i);
  }
  /** Nothing seen is not the same: a comparison of two empty captures finds that. */
  result(kind: Comparison['kind']): Comparison {
    if (this.compared.packets === 0 && this.differences.length === 0) this.differ('', '', 'packet', null, null);
    const ignored = [...this.#ignored.values()].filter(i => i.userspace + i.kernel > 0);
    return { kind, same: this.differences.length === 0, differences: this.differences, ignored, compared: this.compared };
  }
}
