import { CaptureSocket } from '../../../../src/device/capture-socket.ts';
import { PacketSocket } from '../../../../src/device/packet-socket.ts';
import { arena } from '../../../../src/os/memory.ts';
import { Packet } from '../../../../src/packet/packet.ts';
import { frame, numberOf, packetOf, segment } from '../frames.ts';
import { collect, equal, farSh, farSocket, sh, wire } from '../world.ts';

const CHUNK = 2048;

/** Frames of every length up to the MTU and from every remainder of 4, small memories among them, as they were sent. */
export function everyLength() {
  wire('far0', 'near0');
  const far = farSocket('far0', { frames: 2000 });
  const near = new PacketSocket('near0', { qdiscBypass: true });
  const sent: Uint8Array[] = [];
  for (let payload = 4; payload <= 1472; payload++) {
    const bytes = frame({ dst: far.mac, src: near.mac, number: payload, payload });
    sent.push(bytes);
    near.transmit(packetOf(bytes, 64 + (payload % 7)));
  }
  near.flush();
  const seen = collect(far, sent.length);
  return {
    xdp: near.xdp,
    seen: seen.length,
    wrong: seen.filter((s, i) => !equal(s.bytes, sent[i]!)).length,
    counters: near.counters,
    bytes: sent.reduce((n, b) => n + b.length, 0),
  };
}

/** Finished frames, unfinished ones, segments, and what is too long for a chunk, in the order in which they were sent. */
export function mixed({ total, mtu }: { total: number; mtu: number }) {
  wire('far0', 'near0');
  sh(`ip link set near0 mtu ${mtu}`);
  farSh(`ip link set far0 mtu ${mtu}`);
  const far = farSocket('far0', { offload: true, frames: 2 * total });
  const near = new PacketSocket('near0', { offload: true, qdiscBypass: true });
  let bytes = 0;
  for (let number = 0; number < total; number++) {
    const to = { dst: far.mac, src: near.mac, number };
    const kind = (number * 7) % 11;
    const p =
      kind < 6
        ? packetOf(frame(to))
        : kind < 8
          ? segment({ ...to, payload: 9000 }, 1448)
          : kind < 10
            ? vouchedFor(packetOf(frame({ ...to, payload: 700 })))
            : packetOf(frame({ ...to, payload: Math.min(mtu - 28, CHUNK + 100) }));
    bytes += p.end - p.start;
    near.transmit(p);
    if (number % 50 === 49) near.flush();
  }
  near.flush();
  const seen = collect(far, total);
  return {
    xdp: near.xdp,
    seen: seen.length,
    inOrder: seen.every((s, i) => numberOf(s.bytes) === i),
    segments: seen.filter(s => s.gsoType !== 0).length,
    counters: near.counters,
    bytes,
  };
}

function vouchedFor(p: Packet): Packet {
  p.csumValid = true;
  return p;
}

/** What is noted is copied: its memory may be used again at once. */
export function copies() {
  wire('far0', 'near0');
  const far = farSocket('far0');
  const near = new PacketSocket('near0', { qdiscBypass: true });
  const memory = arena(256);
  const p = new Packet();
  for (let number = 0; number < 100; number++) {
    const bytes = frame({ dst: far.mac, src: near.mac, number });
    memory.bytes.set(bytes, 66);
    p.borrow(memory, 0, 66, 66 + bytes.length, 256);
    near.transmit(p);
  }
  near.flush();
  return collect(far, 100).map(s => numberOf(s.bytes));
}

/** An interface's queue has one AF_XDP socket: the second packet socket sends as before, and a third one has it when the first is closed. */
export function second() {
  wire('far0', 'near0');
  const far = farSocket('far0');
  const options = { qdiscBypass: true };
  const [a, b] = [new PacketSocket('near0', options), new PacketSocket('near0', options)];
  for (const [number, socket] of [a, b].entries()) {
    socket.transmit(packetOf(frame({ dst: far.mac, src: socket.mac, number })));
    socket.flush();
  }
  const numbers = collect(far, 2).map(s => numberOf(s.bytes));
  return { xdp: [a.xdp, b.xdp], numbers, counters: [a.counters.txPackets, b.counters.txPackets] };
}

/** Who captures at the interface sees what is sent, or does not. */
export async function captured({ qdiscBypass }: { qdiscBypass: boolean }) {
  wire('far0', 'near0');
  const near = new PacketSocket('near0', { qdiscBypass });
  const capture = new CaptureSocket('near0');
  near.transmit(packetOf(frame({ dst: near.mac, src: near.mac, number: 5 })));
  near.flush();
  await new Promise(resolve => setTimeout(resolve, 100));
  let seen = 0;
  capture.drain(() => seen++);
  return { xdp: near.xdp, seen };
}

/** Down while frames are noted, up again: what was given up does not come later. */
export function downWhileNoted() {
  wire('far0', 'near0');
  const far = farSocket('far0');
  const near = new PacketSocket('near0', { qdiscBypass: true });
  const note = (from: number, to: number) => {
    for (let number = from; number < to; number++) near.transmit(packetOf(frame({ dst: far.mac, src: near.mac, number })));
  };
  note(0, 20);
  near.flush();
  const before = collect(far, 20).length;
  note(20, 50);
  sh('ip link set near0 down');
  near.flush();
  const down = { dropped: near.counters.txDropped, failed: near.failure !== undefined };
  sh('ip link set near0 up');
  let tries = 0;
  while (!near.transmit(packetOf(frame({ dst: far.mac, src: near.mac, number: 100 }))) && tries++ < 20);
  note(101, 700);
  near.flush();
  const after = collect(far, 600).map(s => numberOf(s.bytes));
  return {
    before,
    down,
    after: [after.length, after[0], after.at(-1), after.every(n => n >= 100)],
    xdp: near.xdp,
    sent: near.counters.txPackets,
  };
}

/** The other end takes no more than 600 bytes: what is longer is dropped by the interface, and counted, and the rest goes on. */
export function droppedByInterface() {
  wire('far0', 'near0');
  farSh('ip link set far0 mtu 600');
  const far = farSocket('far0');
  const near = new PacketSocket('near0', { qdiscBypass: true });
  const small: number[] = [];
  let bytes = 0;
  for (let number = 0; number < 100; number++) {
    const payload = number % 7 === 3 || number > 97 || number === 0 ? 1000 : 100;
    const frameBytes = frame({ dst: far.mac, src: near.mac, number, payload });
    if (payload === 100) {
      small.push(number);
      bytes += frameBytes.length;
    }
    near.transmit(packetOf(frameBytes));
  }
  near.flush();
  const numbers = collect(far, 100).map(s => numberOf(s.bytes));
  return { xdp: near.xdp, same: numbers.join() === small.join(), lost: 100 - small.length, bytes, counters: near.counters };
}
