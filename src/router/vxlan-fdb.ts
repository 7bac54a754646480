/**
 * Forwarding database of a VXLAN device: behind which node a MAC is (`vxlan_find_mac` and `vxlan_snoop`,
 * `drivers/net/vxlan/vxlan_core.c`). Peers are permanent, as flannel writes them; with learning, the sender of each frame that comes out of
 * the tunnel is remembered for a while.
 */
import type { Ipv4 } from '../base/address.ts';
import { same } from '../wire/bytes.ts';

/** `ageing` of a device that was made without another one. */
const AGEING_MS = 300_000;
/** The kernel has no limit unless it is given one (`maxaddress`); a flood of made-up senders must not take the memory. */
const MOST_LEARNED = 8192;

interface Learned {
  node: Ipv4;
  usedMs: number;
}

export class VxlanFdb {
  readonly #learning: boolean;
  /** The entry for the zero MAC: where frames for a MAC go that nobody knows. */
  readonly remotes: readonly Ipv4[];
  #macs: readonly Uint8Array[] = [];
  #nodes: readonly Ipv4[] = [];
  /** By the MAC as a number of 48 bits. */
  readonly #learned = new Map<number, Learned>();

  constructor(o: { learning: boolean; remotes: readonly Ipv4[] }) {
    this.#learning = o.learning;
    this.remotes = o.remotes;
  }

  /** Permanent entries, replaced as a whole. */
  setPeers(peers: readonly { mac: Uint8Array; node: Ipv4 }[]): void {
    this.#macs = peers.map(p => p.mac);
    this.#nodes = peers.map(p => p.node);
  }

  /** @returns the node behind a MAC, 0 when nobody is known to be. */
  nodeOf(b: Uint8Array, macAt: number, nowMs: number): Ipv4 {
    for (let i = 0; i < this.#macs.length; i++) if (same(b, macAt, this.#macs[i]!, 0, 6)) return this.#nodes[i]!;
    if (!this.#learning) return 0;
    const key = keyOf(b, macAt);
    const known = this.#learned.get(key);
    if (known === undefined) return 0;
    if (nowMs - known.usedMs > AGEING_MS) {
      this.#learned.delete(key);
      return 0;
    }
    known.usedMs = nowMs;
    return known.node;
  }

  /** A frame with this sender came from `node`. @returns false for one that is to be dropped: a permanent entry says otherwise */
  heard(b: Uint8Array, macAt: number, node: Ipv4, nowMs: number): boolean {
    if (!this.#learning) return true;
    for (let i = 0; i < this.#macs.length; i++) if (same(b, macAt, this.#macs[i]!, 0, 6)) return this.#nodes[i] === node;
    const key = keyOf(b, macAt);
    const known = this.#learned.get(key);
    if (known !== undefined) {
      known.node = node;
      known.usedMs = nowMs;
    } else if (this.#learned.size < MOST_LEARNED || this.#forget(nowMs)) {
      this.#learned.set(key, { node, usedMs: nowMs });
    }
    return true;
  }

  /** For eyes: `bridge fdb` in data. */
  *entries(): Generator<{ mac: Uint8Array; node: Ipv4; permanent: boolean }> {
    for (const node of this.remotes) yield { mac: new Uint8Array(6), node, permanent: true };
    for (let i = 0; i < this.#macs.length; i++) yield { mac: this.#macs[i]!, node: this.#nodes[i]!, permanent: true };
    for (const [key, { node }] of this.#learned) {
      const mac = Uint8Array.from({ length: 6 }, (_, i) => Math.floor(key / 2 ** (8 * (5 - i))) & 0xff);
      yield { mac, node, permanent: false };
    }
  }

  /** @returns whether an aged entry made room */
  #forget(nowMs: number): boolean {
    const before = this.#learned.size;
    for (const [key, { usedMs }] of this.#learned) if (nowMs - usedMs > AGEING_MS) this.#learned.delete(key);
    return this.#learned.size < before;
  }
}

const keyOf = (b: Uint8Array, at: number): number =>
  ((b[at]! << 8) | b[at + 1]!) * 0x1_0000_0000 + (((b[at + 2]! << 24) | (b[at + 3]! << 16) | (b[at + 4]! << 8) | b[at + 5]!) >>> 0);
