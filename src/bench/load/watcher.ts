/**
 * A thread that watches what arrives at a server, with the time at which the kernel saw it: a receive ring of its own, so that a gap is the
 * data plane's and not the watcher's. It exports nothing: `watch.ts` starts it.
 */
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import * as option from '../../device/packet-option.ts';
import { RESERVE, RxRing, ringShape } from '../../device/rx-ring.ts';
import { check } from '../../os/errno.ts';
import { InterfaceControl } from '../../os/interface.ts';
import { AF_PACKET, bindSocket, getsockopt, SOCK_RAW } from '../../os/libc.ts';
import { arena } from '../../os/memory.ts';
import { enterNetns } from '../../os/netns.ts';
import { openSocket, setIntOption } from '../../os/socket.ts';
import { u16 } from '../../wire/bytes.ts';
import * as ethernet from '../../wire/ethernet.ts';
import * as ipv4 from '../../wire/ipv4.ts';
import * as udp from '../../wire/udp.ts';
import type { Watched, WatcherRequest, WatcherStart } from './watcher-protocol.ts';

const SLOTS = 16_384;
const FRAME = 256;
/** Of struct tpacket2_hdr. */
const SECONDS = 16;
const NANOSECONDS = 20;
const MOST = 1_000_000;
/** The ring holds more than a second of the traffic. */
const LOOK_EVERY_MS = 10;

const { netns, interface: name, steadyPort } = workerData as WatcherStart;
enterNetns(netns);
const fd = openSocket(AF_PACKET, SOCK_RAW, 0, `AF_PACKET for "${name}"`);
setIntOption(fd, option.SOL_PACKET, option.PACKET_VERSION, option.TPACKET_V2, 'PACKET_VERSION', name);
setIntOption(fd, option.SOL_PACKET, option.PACKET_RESERVE, RESERVE, 'PACKET_RESERVE', name);
setIntOption(fd, option.SOL_PACKET, option.PACKET_IGNORE_OUTGOING, 1, 'PACKET_IGNORE_OUTGOING', name);
const ring = new RxRing(fd, name, ringShape(FRAME, SLOTS));
bind();
const words = new Uint32Array(ring.memory.bytes.buffer);
const still = new Int32Array(new SharedArrayBuffer(4));

/** struct sockaddr_ll: 0 family (16), 2 protocol (16, network order), 4 ifindex (int32). */
function bind(): void {
  const control = new InterfaceControl();
  const address = arena(20);
  const view = new DataView(address.bytes.buffer);
  view.setUint16(0, AF_PACKET, true);
  view.setUint16(2, option.ETH_P_ALL, false);
  view.setInt32(4, control.ifindex(name), true);
  control.close();
  check(bindSocket(fd, address.base, 20), 'bind AF_PACKET', `"${name}"`, 'DEVICE');
}

/** Until `stop` is said. */
function watch(): Watched {
  const steadyMs = new Float64Array(MOST);
  const firstAtMs = new Map<number, number>();
  let n = 0;
  drain(() => {});
  takeDrops();
  parentPort!.postMessage(null); // it watches
  for (;;) {
    // The kernel notes the times: a thread that woke for each packet would take the processor from whoever carries them.
    Atomics.wait(still, 0, 0, LOOK_EVERY_MS);
    drain((at, timeMs) => {
      const l4 = at + ethernet.HEADER_LEN + ipv4.HEADER_LEN;
      if (u16(ring.memory.bytes, at + 12) !== ethernet.EtherType.Ipv4) return;
      const port = udp.dstPort(ring.memory.bytes, l4);
      if (udp.srcPort(ring.memory.bytes, l4) === steadyPort) {
        if (n < MOST) steadyMs[n++] = timeMs;
      } else if (!firstAtMs.has(port)) firstAtMs.set(port, timeMs);
    });
    const said = receiveMessageOnPort(parentPort!)?.message as WatcherRequest | undefined;
    if (said?.kind === 'stop') return { steadyMs: steadyMs.slice(0, n), firstAtMs, lost: takeDrops() };
  }
}

function drain(take: (at: number, timeMs: number) => void): void {
  for (let slot = ring.take(); slot >= 0; slot = ring.take()) {
    take(ring.frame(slot), words[(slot + SECONDS) >>> 2]! * 1000 + words[(slot + NANOSECONDS) >>> 2]! / 1e6);
    if (ring.held >= 256) ring.release();
  }
  ring.release();
}

/** struct tpacket_stats: 0 packets, 4 drops; the kernel counts from zero after each reading. */
function takeDrops(): number {
  const statistics = arena(16);
  const values = new Uint32Array(statistics.bytes.buffer);
  values[2] = 8;
  getsockopt(fd, option.SOL_PACKET, option.PACKET_STATISTICS, statistics.base, statistics.base + 8);
  return values[1]!;
}

parentPort!.on('message', (request: WatcherRequest) => {
  if (request.kind === 'start') parentPort!.postMessage(watch());
});
parentPort!.postMessage(null);
