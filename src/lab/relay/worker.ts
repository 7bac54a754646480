/** The links on which things go wrong: frames from one end of each to the other, late, twice or not at all. */
import { parentPort, workerData } from 'node:worker_threads';
import { monotonicClock } from '../../base/clock.ts';
import { SeededRandom } from '../../base/random.ts';
import { FaultLine } from '../../device/fault/fault-line.ts';
import { PacketSocket } from '../../device/packet-socket.ts';
import { arena } from '../../os/memory.ts';
import { enterNetns } from '../../os/netns.ts';
import { PollSet } from '../../os/poll-set.ts';
import { Packet } from '../../packet/packet.ts';
import type { RelayMessage, RelayStart } from './protocol.ts';

const BATCH = 64;
/** A thread that waits cannot be ended: the daemon's end waits for it. */
const IDLE_MS = 100;

const { netns, relays, seed } = workerData as RelayStart;
const say = (message: RelayMessage): void => parentPort!.postMessage(message);

/** One direction. */
interface Way {
  readonly from: PacketSocket;
  readonly to: PacketSocket;
  readonly line: FaultLine;
}

function open(): Way[] {
  const socket = (name: string): PacketSocket => new PacketSocket(name, { promiscuous: true, frames: 512 });
  const random = new SeededRandom(seed);
  return relays.flatMap(({ ends, faults }) => {
    const [a, b] = [socket(ends[0]), socket(ends[1])];
    const line = () => new FaultLine(faults, new SeededRandom(random.u32()), arena(FaultLine.bytesFor(faults)));
    return [
      { from: a, to: b, line: line() },
      { from: b, to: a, line: line() },
    ];
  });
}

function loop(ways: readonly Way[]): never {
  const polls = new PollSet(ways.length);
  const places = ways.map(way => polls.add(way.from.fd));
  const batch = Array.from({ length: BATCH }, () => new Packet());
  const out = Array.from({ length: BATCH }, () => new Packet());
  for (;;) {
    let next = Number.POSITIVE_INFINITY;
    for (const { line } of ways) next = Math.min(next, line.nextMs);
    polls.wait(Math.min(IDLE_MS, Math.max(0, next - monotonicClock.nowMs())));
    for (let i = 0; i < ways.length; i++) if (polls.ready(places[i]!)) takeIn(ways[i]!, batch);
    for (const way of ways) giveOut(way, out);
  }
}

function takeIn({ from, line }: Way, batch: readonly Packet[]): void {
  const n = from.receive(batch);
  const now = monotonicClock.nowMs();
  for (let i = 0; i < n; i++) line.offer(batch[i]!.bytes, batch[i]!.start, batch[i]!.end, now);
  from.release();
}

function giveOut({ to, line }: Way, out: readonly Packet[]): void {
  const now = monotonicClock.nowMs();
  let n = 0;
  while (n < out.length && line.take(out[n]!, now)) to.transmit(out[n++]!);
  if (n === 0) return;
  to.flush();
  line.release();
}

try {
  enterNetns(netns);
  const ways = open();
  say({ kind: 'ready' });
  loop(ways);
} catch (error) {
  say({ kind: 'failed', message: error instanceof Error ? error.message : String(error) });
}
