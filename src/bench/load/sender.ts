/**
 * The sender's thread: frames of an arena, in batches to an AF_XDP socket on the client's interface, or to a packet socket where there is none, past the queueing
 * discipline. It exports nothing: `generator.ts` starts it.
 */
import { parentPort, workerData } from 'node:worker_threads';
import type { DeviceCounters } from '../../device/device.ts';
import { PACKET_QDISC_BYPASS, SOL_PACKET } from '../../device/packet-option.ts';
import { SendQueue } from '../../device/send-queue.ts';
import { TransmitQueue } from '../../device/transmit-queue.ts';
import { XdpQueue } from '../../device/xdp-queue.ts';
import { pinThread } from '../../os/affinity.ts';
import { check } from '../../os/errno.ts';
import { InterfaceControl } from '../../os/interface.ts';
import { AF_PACKET, bindSocket, SOCK_RAW } from '../../os/libc.ts';
import { arena } from '../../os/memory.ts';
import { enterNetns } from '../../os/netns.ts';
import { openSocket, setIntOption } from '../../os/socket.ts';
import { Packet } from '../../packet/packet.ts';
import { aim, FRAME_LEN, writeFrame } from './frames.ts';
import type { Burst, BurstResult, SenderStart } from './sender-protocol.ts';

const BATCH = 64;
const SLOT = 64;
/** Established flows are numbered from 0, new ones from here. */
const FIRST_FRESH = 100_000;
/** Numbers of flows: 240 client addresses of 64,000 ports. */
const FLOWS = 240 * 64_000;

const { netns, interface: name, processor, shape, ...shared } = workerData as SenderStart;
const stop = new Int32Array(shared.stop);
if (processor !== null) pinThread(processor);
enterNetns(netns);
const counters: DeviceCounters = { rxPackets: 0, rxBytes: 0, txPackets: 0, txBytes: 0, rxDropped: 0, txDropped: 0 };
const queue = openQueue();
const memory = arena(BATCH * SLOT);
const packets = Array.from({ length: BATCH }, (_, i) => {
  const p = new Packet();
  p.borrow(memory, i * SLOT, i * SLOT, i * SLOT + FRAME_LEN, (i + 1) * SLOT);
  writeFrame(memory.bytes, i * SLOT, shape);
  return p;
});
let fresh = FIRST_FRESH;

function openQueue(): TransmitQueue {
  const control = new InterfaceControl();
  const ifindex = control.ifindex(name);
  const mtu = control.mtu(name);
  control.close();
  return new TransmitQueue(new SendQueue(openSocketOn(ifindex), false, BATCH, counters), XdpQueue.open(ifindex, name, counters), mtu);
}

/** Protocol 0: nothing is received. struct sockaddr_ll: 0 family (16), 2 protocol (16), 4 ifindex (int32). */
function openSocketOn(ifindex: number): number {
  const fd = openSocket(AF_PACKET, SOCK_RAW, 0, `AF_PACKET for "${name}"`);
  setIntOption(fd, SOL_PACKET, PACKET_QDISC_BYPASS, 1, 'PACKET_QDISC_BYPASS', name);
  const address = arena(20);
  const view = new DataView(address.bytes.buffer);
  view.setUint16(0, AF_PACKET, true);
  view.setInt32(4, ifindex, true);
  check(bindSocket(fd, address.base, 20), 'bind AF_PACKET', `"${name}"`, 'DEVICE');
  return fd;
}

function nextFresh(): number {
  fresh = fresh + 1 === FLOWS ? FIRST_FRESH : fresh + 1;
  return fresh;
}

function send({ flows, freshEvery, rate, milliseconds, most }: Burst): BurstResult {
  const { txPackets: sentBefore, txDropped: droppedBefore } = counters;
  const start = performance.now();
  let tried = 0;
  let flow = 0;
  let sinceFresh = 0;
  // Frames of established flows that fit into the arena are written once.
  const still = freshEvery === 0 && BATCH % flows === 0;
  if (still) for (let i = 0; i < BATCH; i++) aim(memory.bytes, i * SLOT, shape, i % flows);
  for (;;) {
    const elapsed = performance.now() - start;
    if (elapsed >= milliseconds || tried >= most || Atomics.load(stop, 0) !== 0) break;
    let n = BATCH;
    if (rate > 0) {
      const due = Math.floor((elapsed * rate) / 1000) - tried;
      if (due <= 0) continue;
      if (due < n) n = due;
    }
    if (n > most - tried) n = most - tried;
    for (let i = 0; i < n; i++) {
      if (!still) {
        if (freshEvery !== 0 && ++sinceFresh >= freshEvery) {
          sinceFresh = 0;
          aim(memory.bytes, i * SLOT, shape, nextFresh());
        } else {
          aim(memory.bytes, i * SLOT, shape, flow);
          flow = flow + 1 >= flows ? 0 : flow + 1;
        }
      }
      while (!queue.add(packets[i]!)) queue.flush();
    }
    queue.flush();
    tried += n;
  }
  return {
    sent: counters.txPackets - sentBefore,
    refused: counters.txDropped - droppedBefore,
    milliseconds: performance.now() - start,
  };
}

parentPort!.on('message', (burst: Burst) => parentPort!.postMessage(send(burst)));
parentPort!.postMessage(null);
