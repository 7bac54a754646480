/**
 * The packet loop of one node: wait, receive a batch, take each packet along its path to the end, flush, give the batch back. It runs
 * to completion on its own thread and never waits for another one.
 */
import { PollSet } from '../os/poll-set.ts';
import { Packet } from '../packet/packet.ts';
import type { Interface } from '../router/interface.ts';
import { frameIn, runWaiting, socketIn } from '../router/path.ts';
import type { Plane } from '../router/plane.ts';
import { HEADER_LEN } from '../wire/ethernet.ts';
import type { BatchClock } from './batch-clock.ts';

/** Frames that are taken at once: few enough that their headers stay in the first-level cache. */
const BATCH = 64;
/** One packet may take two or three: a segment of 64 KiB in datagrams with a header for each piece. */
const FEW_LARGE = 4;
/** The longest wait: neighbour timers are looked at this often while nothing arrives. */
const IDLE_MS = 100;
/** Timers are looked at this often under load. */
const TIMER_MS = 20;

export interface LoopParts {
  plane: Plane;
  clock: BatchClock;
  ports: readonly Interface[];
  /** Routes from elsewhere: `hear` reads what was told and says whether routes have changed, `apply` puts them in force. */
  routes?: { readonly fd: number; hear(): boolean; apply(): void };
  /** Readable when `onWake` has something to do. */
  wakeFd: number;
  /** @returns false to end the loop. */
  onWake(): boolean;
  /** Once per batch, before its first packet: expiry of connections. */
  sweep(): void;
  /** A device has gone, or has come back: `message` names it. The others go on. */
  onDevice(message: string): void;
  /** The connections of a batch are looked for together, so that the memory answers all of them at once. `linkBytes` stand before IPv4. */
  prefetch(batch: readonly Packet[], n: number, linkBytes: number): void;
}

export function runLoop({ plane, clock, ports, routes, wakeFd, onWake, sweep, prefetch, onDevice }: LoopParts): void {
  const batch = Array.from({ length: BATCH }, () => new Packet());
  const polls = new PollSet(ports.length + 3);
  const wakePlace = polls.add(wakeFd);
  const socketPlace = polls.add(plane.sockets?.fd ?? -1);
  const routesPlace = polls.add(routes?.fd ?? -1);
  const places = ports.map(port => polls.add(port.device!.fd));
  const gone = new Set<Interface>();
  let busy = false;
  let timersAtMs = 0;
  let routesChanged = false;
  for (;;) {
    polls.wait(busy ? 0 : IDLE_MS);
    clock.tick();
    sweep();
    if (polls.ready(wakePlace) && !onWake()) return;
    busy = false;
    if (polls.ready(routesPlace) && routes!.hear()) routesChanged = true;
    if (polls.ready(socketPlace) && takeSockets(plane, batch, prefetch)) busy = true;
    for (let i = 0; i < places.length; i++) if (polls.ready(places[i]!) && takeFrames(plane, ports[i]!, batch, prefetch)) busy = true;
    if (clock.nowMs() - timersAtMs >= TIMER_MS) {
      timersAtMs = clock.nowMs();
      plane.neighbours.tick();
      watchDevices(ports, gone, onDevice);
      if (routesChanged) {
        // A daemon that tells of thousands tells them one by one: they are taken over a few times a second.
        routesChanged = false;
        routes!.apply();
      }
      runWaiting(plane);
      plane.flush();
    }
  }
}

/** Looked at with the timers, a few times a second: says once what has gone, and once that it is back. */
function watchDevices(ports: readonly Interface[], gone: Set<Interface>, onDevice: (message: string) => void): void {
  for (const port of ports) {
    const failure = port.device!.failure;
    if (failure !== undefined && !gone.has(port)) {
      gone.add(port);
      onDevice(`${failure.message}; the other devices go on`);
    } else if (failure === undefined && gone.delete(port)) {
      onDevice(`"${port.name}" is back`);
    }
  }
}

type Prefetch = LoopParts['prefetch'];

/** One batch of a port, from its device along the path to the devices it leaves by. @returns whether more is likely to wait. */
export function takeFrames(plane: Plane, port: Interface, batch: readonly Packet[], prefetch: Prefetch): boolean {
  const device = port.device!;
  const n = device.receive(batch);
  if (n > 1) prefetch(batch, n, HEADER_LEN);
  for (let i = 0; i < n; i++) {
    frameIn(plane, batch[i]!, port);
    // What was sent gives its slots back: a batch of segments into a tunnel takes more than there are.
    if (plane.arena.freeLarge < FEW_LARGE) plane.flush();
  }
  if (n > 0) plane.flush();
  device.release();
  return n === batch.length;
}

function takeSockets(plane: Plane, batch: readonly Packet[], prefetch: Prefetch): boolean {
  const device = plane.sockets!;
  const n = device.receive(batch);
  if (n > 1) prefetch(batch, n, 0);
  for (let i = 0; i < n; i++) {
    socketIn(plane, batch[i]!);
    if (plane.arena.freeLarge < FEW_LARGE) plane.flush();
  }
  if (n > 0) plane.flush();
  device.release();
  return n === batch.length;
}
