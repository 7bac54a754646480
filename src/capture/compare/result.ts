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
  /** The hop where the same difference was found first: this one is a consequence of it, most likely. */
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

/** One hop of both runs. */
export interface HopCompared {
  hop: string;
  /** Frames of each run that were looked at there. */
  userspace: number;
  kernel: number;
  same: boolean;
  /** The first thing that differs there. */
  first?: Omit<Difference, 'hop'>;
}

export interface Comparison {
  kind: 'probe' | 'conversation';
  same: boolean;
  /** In the order of the path. */
  hops: HopCompared[];
  /** In the order of the run: packet by packet as they set out, each along its way. So the first one is the cause of most others. */
  differences: Difference[];
  ignored: Ignored[];
  /** How much stands behind `same`. */
  compared: { hops: number; flows: number; packets: number; fields: number };
}

/** Collects what the two comparisons find. */
export class Findings {
  readonly compared = { hops: 0, flows: 0, packets: 0, fields: 0 };
  readonly #found: { difference: Difference; place: number }[] = [];
  readonly #ignored = new Map<string, Ignored>();
  readonly #hops: { hop: string; userspace: number; kernel: number }[] = [];

  /** @param place where in the run, see `placeInRun`; what stands at one place keeps its order */
  differ(place: number, hop: string, flow: string, field: string, userspace: DifferenceValue, kernel: DifferenceValue): void {
    this.#found.push({ difference: { hop, flow, field, userspace, kernel }, place });
  }
  ignore(what: string, why: string, userspace: number, kernel: number): void {
    const i = this.#ignored.get(what) ?? { what, why, userspace: 0, kernel: 0 };
    i.userspace += userspace;
    i.kernel += kernel;
    this.#ignored.set(what, i);
  }
  /** A hop was looked at; in the order of the path. */
  hop(hop: string, userspace: number, kernel: number): void {
    this.compared.hops++;
    this.#hops.push({ hop, userspace, kernel });
  }
  /** Nothing seen is not the same: a comparison of two empty captures finds that. */
  result(kind: Comparison['kind']): Comparison {
    if (this.compared.packets === 0 && this.#found.length === 0) this.differ(0, '', '', 'packet', null, null);
    this.#found.sort((a, b) => a.place - b.place);
    const first = new Map<string, string>();
    const differences = this.#found.map(({ difference: d }) => {
      const key = JSON.stringify([d.flow, d.field, d.userspace, d.kernel]);
      const hop = first.get(key) ?? d.hop;
      first.set(key, hop);
      return hop === d.hop ? d : { ...d, repeats: hop };
    });
    const hops = this.#hops.map(counted => {
      const found = differences.find(d => d.hop === counted.hop);
      if (found === undefined) return { ...counted, same: true };
      const { hop: _, ...first } = found;
      return { ...counted, same: false, first };
    });
    const ignored = [...this.#ignored.values()].filter(i => i.userspace + i.kernel > 0);
    return { kind, same: differences.length === 0, hops, differences, ignored, compared: this.compared };
  }
}
