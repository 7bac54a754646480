/** A packet copied to a slot of the arena, with all its state: to wait for a neighbour, or because it needs more room in front. */
import { DropReason } from '../base/drop-reason.ts';
import type { Packet } from '../packet/packet.ts';
import { copy, copyLong } from '../wire/bytes.ts';
import * as ethernet from '../wire/ethernet.ts';
import { type Plane, Step } from './plane.ts';

/** Go on with a copy at `step`. */
export function copyOut(plane: Plane, p: Packet, step: Step): Step {
  const moved = copyToArena(plane, p);
  if (moved === null) return plane.drop(p, DropReason.NoMemory);
  plane.later(moved, step);
  return Step.Done;
}

/** `kept`, in its slot, waits for its neighbour's answer; whoever has waited longest makes room. */
export function waitFor(plane: Plane, kept: Packet, entry: number): void {
  const pushedOut = plane.neighbours.wait(entry, kept);
  if (pushedOut === null) return;
  endWait(plane, pushedOut);
  plane.drop(pushedOut, DropReason.NeighQueuefull);
  plane.spend(pushedOut);
}

/** What waited in the bridge has held its connection. Call it before the packet ends, which takes the connection from it. */
export function endWait(plane: Plane, p: Packet): void {
  if (!p.bridgedDnat) return;
  p.bridgedDnat = false;
  plane.hooks.letGo(p.ct);
}

/** @returns null when no slot is free. */
export function copyToArena(plane: Plane, p: Packet): Packet | null {
  const length = p.end - p.l3;
  const kept = plane.arena.take(ethernet.HEADER_LEN + length);
  if (kept === null) return null;
  kept.l3 = kept.start + ethernet.HEADER_LEN;
  kept.l4 = kept.l3 + (p.l4 - p.l3);
  // The link header comes along where there is one: the bridge keeps its sender's MAC.
  if (p.l3 - p.start >= ethernet.HEADER_LEN) copy(p.bytes, p.l3 - ethernet.HEADER_LEN, kept.bytes, kept.start, ethernet.HEADER_LEN);
  copyLong(p.bytes, p.l3, kept.bytes, kept.l3, length);
  kept.inherit(p);
  return kept;
}
