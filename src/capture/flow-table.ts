/**
 * Which tuples are one flow: address translation gives a flow other addresses and ports at each hop. Tuples are joined when one packet
 * was seen with both, or when a conntrack entry says so. What holds for a tuple holds for its reverse, so a flow has two directions.
 */
import { reverse, type Tuple } from './sighting.ts';

/** As `conntrack -L` prints an entry: the tuple of the first packet, and that of the answer. */
export interface NatEntry {
  original: Tuple;
  reply: Tuple;
}

const keyOf = (t: Tuple): string => `${t.protocol}|${t.src}:${t.srcPort}>${t.dst}:${t.dstPort}`;

export class FlowTable {
  /** Union and find over directed tuples. */
  readonly #parent = new Map<string, string>();
  /** Sightings keep their tuple object, which is asked for again and again. */
  readonly #keys = new WeakMap<Tuple, string>();
  readonly #seenNs = new Map<string, bigint>();

  constructor(entries: readonly NatEntry[] = []) {
    for (const e of entries) this.join(e.original, reverse(e.reply));
  }

  /** The tuples belong to one packet's way, in the same direction. */
  join(a: Tuple, b: Tuple): void {
    this.#union(this.#key(a), this.#key(b));
    this.#union(this.#key(reverse(a)), this.#key(reverse(b)));
  }
  /** A packet with this tuple was seen: the direction that was seen first is the original one. */
  see(t: Tuple, timeNs: bigint): void {
    const key = this.#key(t);
    const before = this.#seenNs.get(key);
    if (before === undefined || timeNs < before) this.#seenNs.set(key, timeNs);
  }

  /** The same text for every tuple of one flow and direction. */
  directionKey(t: Tuple): string {
    return this.#root(this.#key(t));
  }
  /** The same text for every tuple of one flow. */
  flowKey(t: Tuple): string {
    const a = this.#root(this.#key(t));
    const b = this.#root(this.#key(reverse(t)));
    return [a, b].sort()[0]!;
  }

  /** Is `t` in the direction of the flow's first packet? Call when all packets were seen. */
  isOriginal(t: Tuple): boolean {
    const there = this.#firstSeen().get(this.directionKey(t));
    const back = this.#firstSeen().get(this.directionKey(reverse(t)));
    if (there === undefined) return false;
    return back === undefined || there <= back;
  }

  #first: Map<string, bigint> | undefined;
  #firstSeen(): Map<string, bigint> {
    if (this.#first) return this.#first;
    this.#first = new Map();
    for (const [key, timeNs] of this.#seenNs) {
      const root = this.#root(key);
      const before = this.#first.get(root);
      if (before === undefined || timeNs < before) this.#first.set(root, timeNs);
    }
    return this.#first;
  }

  #key(t: Tuple): string {
    const known = this.#keys.get(t);
    if (known !== undefined) return known;
    const key = keyOf(t);
    this.#keys.set(t, key);
    if (!this.#parent.has(key)) {
      const back = keyOf(reverse(t));
      this.#parent.set(key, key);
      this.#parent.set(back, back);
    }
    return key;
  }
  #root(key: string): string {
    let root = key;
    while (this.#parent.get(root) !== root) root = this.#parent.get(root)!;
    for (let k = key; k !== root; ) {
      const next = this.#parent.get(k)!;
      this.#parent.set(k, root);
      k = next;
    }
    return root;
  }
  #union(a: string, b: string): void {
    const ra = this.#root(a);
    const rb = this.#root(b);
    if (ra !== rb) this.#parent.set(rb, ra);
    this.#first = undefined;
  }
}
