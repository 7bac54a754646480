/**
 * Sees what passes the interface hops while it passes, so that a step ends when what it expects has been seen, not after a pause that
 * is long enough on somebody's machine. Evidence is the capture; this only says when to go on.
 */
import { CaptureSet } from '../../device/capture-set.ts';
import { PacketType } from '../../packet/packet.ts';
import { linkTypeOf } from '../hop-point.ts';
import { netnsPath } from '../shell.ts';
import { frameOf, type Sight, sightOf } from '../sight.ts';
import type { Hop } from '../topology/model.ts';

const LOOK_MS = 3;
/** Headers, and all of a small packet. */
const LOOK_BYTES = 512;
const RING_BYTES = 4 << 20;

export class Watcher {
  readonly #set: CaptureSet;
  readonly #hops: readonly Hop[];
  /** By hop, in order of arrival. */
  readonly #seen = new Map<string, Sight[]>();
  #every = false;

  /** @throws LabError DEVICE, NETNS_EPERM, OS */
  constructor(hops: readonly Hop[]) {
    this.#hops = hops.filter(hop => !hop.logical);
    this.#set = new CaptureSet(
      this.#hops.map(hop => ({ netns: netnsPath(hop.namespace), interface: hop.interface, promiscuous: true, ringBytes: RING_BYTES })),
    );
    this.forget();
  }

  /** A new step begins. @param every TCP segments that neither open nor close as well: a probe is one, and a download has many that nobody waits for */
  forget(every = false): void {
    this.#drain();
    this.#every = every;
    for (const hop of this.#hops) this.#seen.set(hop.name, []);
  }

  /** What the hop has shown since `forget`; nothing for a hop that is no interface in this run. */
  at(hop: string): readonly Sight[] {
    return this.#seen.get(hop) ?? [];
  }
  canSee(hop: string): boolean {
    return this.#seen.has(hop);
  }

  /** @returns whether `condition` became true within `timeoutMs`. */
  async until(condition: () => boolean, timeoutMs: number): Promise<boolean> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      this.#drain();
      if (condition()) return true;
      if (performance.now() > deadline) return false;
      await new Promise(resolve => setTimeout(resolve, LOOK_MS));
    }
  }

  /** Keeps the rings from filling while something else is awaited. */
  async during<T>(work: Promise<T>): Promise<T> {
    const timer = setInterval(() => this.#drain(), LOOK_MS);
    try {
      return await work;
    } finally {
      clearInterval(timer);
      this.#drain();
    }
  }

  close(): void {
    this.#set.close();
  }

  #drain(): void {
    for (const [i, socket] of this.#set.sockets.entries()) {
      const seen = this.#seen.get(this.#hops[i]!.name);
      socket.drain(frame => {
        if (seen === undefined) return;
        const bytes = frame.bytes.slice(frame.start, Math.min(frame.end, frame.start + LOOK_BYTES));
        const sight = sightOf(frameOf(bytes, frame.type === PacketType.Outgoing ? 'out' : 'in', linkTypeOf(this.#hops[i]!)));
        if (sight !== undefined && (this.#every || sight.flags === undefined || /SYN|FIN|RST/.test(sight.flags))) seen.push(sight);
      });
    }
  }
}

/** Has every TCP connection that was opened here been closed, by a FIN from both ends or by a reset? */
export function allClosed(sights: readonly Sight[]): boolean {
  const open = new Map<string, number>();
  for (const { src, dst, flags = '' } of sights) {
    const flow = src < dst ? `${src} ${dst}` : `${dst} ${src}`;
    if (flags.includes('SYN')) open.set(flow, open.get(flow) ?? 0);
    if (flags.includes('RST')) open.set(flow, 3);
    if (flags.includes('FIN')) open.set(flow, (open.get(flow) ?? 0) | (src < dst ? 1 : 2));
  }
  return [...open.values()].every(ends => ends === 3);
}
