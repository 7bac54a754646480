import { formatMac } from '../../../../src/base/address.ts';
import { LabError } from '../../../../src/base/errors.ts';
import { PacketSocket } from '../../../../src/device/packet-socket.ts';
import { PollSet } from '../../../../src/os/poll-set.ts';
import type { Packet } from '../../../../src/packet/packet.ts';
import { allocated } from '../allocated.ts';
import { frame, numberOf, packetOf, segment, transportSum } from '../frames.ts';
import { batchOf, collect, equal, farSh, farSocket, sh, wire } from '../world.ts';

const BROADCAST = [255, 255, 255, 255, 255, 255];
const MULTICAST = [1, 0, 0x5e, 0, 0, 5];
const OTHER = [2, 0, 0, 0, 0, 0x99];

/** One frame there, what is seen of it, and the same bytes back. */
export function thereAndBack(options: { offload: boolean; qdiscBypass?: boolean }) {
  wire('far0', 'near0');
  const far = farSocket('far0');
  const near = new PacketSocket('near0', options);
  const sent = frame({ dst: near.mac, src: far.mac, number: 7 });
  far.transmit(packetOf(sent));
  far.flush();
  const batch = batchOf(8);
  const received = collectKept(near, batch);
  const p = batch[0]!;
  const asSent = equal(p.bytes.subarray(p.start, p.end), sent);
  const headroom = p.start - p.floor;
  // In place: swap the addresses where the frame stands.
  p.bytes.copyWithin(p.start, p.start + 6, p.start + 12);
  p.bytes.set(near.mac, p.start + 6);
  const taken = near.transmit(p);
  near.flush();
  near.release();
  const back = collect(far, 1);
  return {
    received,
    asSent,
    headroom,
    taken,
    back: back.map(s => [formatMac(s.bytes) === formatMac(far.mac), formatMac(s.bytes, 6) === formatMac(near.mac), numberOf(s.bytes)]),
    near: near.counters,
    xdp: near.xdp,
  };
}

function collectKept(device: PacketSocket, batch: Packet[]): number {
  const end = performance.now() + 2000;
  let n = 0;
  while (n === 0 && performance.now() < end) n = device.receive(batch);
  return n;
}

export function addressing() {
  wire('far0', 'near0');
  const far = farSocket('far0');
  const near = new PacketSocket('near0');
  const dsts = [near.mac, BROADCAST, MULTICAST, OTHER];
  for (const dst of dsts) far.transmit(packetOf(frame({ dst, src: far.mac })));
  far.flush();
  const quiet = collect(near, 4, 200).map(s => s.type);
  return quiet;
}

/** Does the device see its own frames? */
export function ownFrames() {
  wire('far0', 'near0');
  const near = new PacketSocket('near0');
  near.transmit(packetOf(frame({ dst: BROADCAST, src: near.mac })));
  near.flush();
  return { seen: collect(near, 1, 200).length, counters: near.counters };
}

/** Many times round a small ring, each frame once and in order, none changed. */
export function wrap({ offload, frames, total, burst }: { offload: boolean; frames: number; total: number; burst: number }) {
  wire('far0', 'near0');
  const far = farSocket('far0', { sendBatch: 16 });
  const near = new PacketSocket('near0', { offload, frames });
  let wrong = 0;
  let next = 0;
  for (let i = 0; i < total; i += burst) {
    const expected: Uint8Array[] = [];
    for (let k = 0; k < burst; k++) {
      const f = frame({ dst: near.mac, src: far.mac, number: i + k, payload: 20 + ((i + k) % 1300) });
      expected.push(f);
      far.transmit(packetOf(f));
    }
    far.flush();
    for (const seen of collect(near, burst)) {
      if (!equal(seen.bytes, expected[next % burst]!)) wrong++;
      next++;
    }
  }
  return { ring: near.frames, received: next, wrong, dropped: near.counters.rxDropped, sent: far.counters.txPackets };
}

/** More than the ring holds, nobody looks: the rest is counted, and afterwards all goes on. */
export function overflow({ extra }: { extra: number }) {
  wire('far0', 'near0');
  const far = farSocket('far0');
  const near = new PacketSocket('near0', { frames: 32 });
  const send = (n: number) => {
    for (let i = 0; i < n; i++) far.transmit(packetOf(frame({ dst: near.mac, src: far.mac, number: i })));
    far.flush();
  };
  send(near.frames + extra);
  const batch = batchOf(1000);
  const first = near.receive(batch);
  const heldBack = near.receive(batch); // all slots are borrowed: nothing may come
  near.release();
  const rest = near.receive(batch);
  near.release();
  send(5);
  return { ring: near.frames, first, heldBack, rest, later: collect(near, 5).length, dropped: near.counters.rxDropped };
}

/** A frame larger than a slot is not passed on cut. */
export function tooLarge() {
  wire('far0', 'near0');
  const far = farSocket('far0', { offload: true });
  const near = new PacketSocket('near0');
  for (let i = 0; i < 40; i++) far.transmit(segment({ dst: near.mac, src: far.mac, number: i, payload: 30_000 }, 1400));
  far.transmit(packetOf(frame({ dst: near.mac, src: far.mac, number: 99 })));
  far.flush();
  return { numbers: collect(near, 2, 200).map(s => numberOf(s.bytes)), dropped: near.counters.rxDropped };
}

/** Segments of nearly 64 KiB in, through the ring in place, out to another wire, as they were. */
export function segments({ count, frameSize }: { count: number; frameSize?: number }) {
  wire('far0', 'near0');
  wire('far1', 'near1');
  const [far0, far1] = [farSocket('far0', { offload: true }), farSocket('far1', { offload: true })];
  const [near0, near1] = [
    new PacketSocket('near0', { offload: true, frames: 20, ...(frameSize === undefined ? {} : { frameSize }) }),
    new PacketSocket('near1', { offload: true, frames: 20 }),
  ];
  const batch = batchOf(64);
  let same = 0;
  const fields = new Set<string>();
  for (let i = 0; i < count; i++) {
    const p = segment({ dst: near0.mac, src: far0.mac, number: i, payload: 65535 - 54 }, 1448);
    const sent = p.bytes.slice(p.start, p.end);
    far0.transmit(p);
    far0.flush();
    const n = collectKept(near0, batch);
    for (let k = 0; k < n; k++) near1.transmit(batch[k]!);
    near1.flush();
    near0.release();
    for (const seen of collect(far1, 1)) {
      if (equal(seen.bytes, sent)) same++;
      fields.add([seen.gsoType, seen.gsoSize, seen.csumStart, seen.csumOffset, seen.tailroom >= 0].join());
    }
  }
  return { same, fields: [...fields], drops: [near0, near1, far0, far1].map(d => d.counters.rxDropped + d.counters.txDropped) };
}

/** Segments beside the ring and frames in it come in the order in which they were sent. */
export function mixed({ total, burst }: { total: number; burst: number }) {
  wire('far0', 'near0');
  const far = farSocket('far0', { offload: true });
  const near = new PacketSocket('near0', { offload: true });
  const numbers: number[] = [];
  const lengths = new Set<number>();
  for (let i = 0; i < total; i += burst) {
    for (let k = i; k < i + burst; k++) {
      const to = { dst: near.mac, src: far.mac, number: k };
      far.transmit(k % 3 === 0 ? packetOf(frame(to)) : segment({ ...to, payload: 20_000 + k }, 1448));
      if (k % 10 === 9) far.flush();
    }
    far.flush();
    for (const seen of collect(near, burst)) {
      numbers.push(numberOf(seen.bytes));
      lengths.add(seen.bytes.length);
    }
  }
  return { inOrder: numbers.every((n, i) => n === i), received: numbers.length, lengths: lengths.size, dropped: near.counters.rxDropped };
}

/** The kernel takes the tag out on the way up; the frame must have it again. */
export function vlan({ offload }: { offload: boolean }) {
  wire('far0', 'near0');
  const far = farSocket('far0');
  const near = new PacketSocket('near0', { offload });
  const sent = frame({ dst: near.mac, src: far.mac, vlan: 0x6123, number: 3 });
  far.transmit(packetOf(sent));
  far.flush();
  return collect(near, 1).map(s => ({ same: equal(s.bytes, sent), headroom: s.headroom >= 124 }));
}

/** A datagram of a real socket over a veth with offload on leaves its checksum unfinished. */
export function unfinished({ offloadIn, offloadOut }: { offloadIn: boolean; offloadOut: boolean }) {
  wire('far0', 'near0');
  wire('far1', 'near1');
  const near0 = new PacketSocket('near0', { offload: offloadIn });
  const near1 = new PacketSocket('near1', { offload: offloadOut });
  const far1 = farSocket('far1', { offload: true });
  farSh(
    `ip addr add 10.9.0.1/24 dev far0; ip neigh add 10.9.0.2 lladdr ${formatMac(near0.mac)} dev far0; echo hello > /dev/udp/10.9.0.2/53`,
  );
  const batch = batchOf(8);
  collectKept(near0, batch);
  const p = batch[0]!;
  const marked = [p.csumStart - p.start, p.csumOffset];
  near1.transmit(p);
  near1.flush();
  near0.release();
  return { marked, out: collect(far1, 1).map(s => ({ marked: s.csumStart !== 0, right: transportSum(s.bytes) === 0xffff })) };
}

/** A frame that the kernel refuses is dropped alone. */
export function refused({ qdiscBypass }: { qdiscBypass: boolean }) {
  wire('far0', 'near0');
  const far = farSocket('far0');
  const near = new PacketSocket('near0', { qdiscBypass });
  for (const [number, payload] of [
    [1, 100],
    [2, 5000],
    [3, 100],
  ] as const) {
    near.transmit(packetOf(frame({ dst: far.mac, src: near.mac, number, payload })));
  }
  near.flush();
  return { arrived: collect(far, 2).map(s => numberOf(s.bytes)), sent: near.counters.txPackets, dropped: near.counters.txDropped };
}

/** A thousand frames noted, several sends of a full queue each. */
export function largeBatch({ offload, qdiscBypass = false }: { offload: boolean; qdiscBypass?: boolean }) {
  wire('far0', 'near0');
  const far = farSocket('far0', { frames: 4096 });
  const near = new PacketSocket('near0', { offload, qdiscBypass, sendBatch: 64 });
  for (let i = 0; i < 1000; i++) near.transmit(packetOf(frame({ dst: far.mac, src: near.mac, number: i })));
  near.flush();
  const numbers = collect(far, 1000).map(s => numberOf(s.bytes));
  return { count: numbers.length, ordered: numbers.every((n, i) => n === i), counters: near.counters };
}

/** Forward between two wires, delete one in the middle: the other goes on. */
export function deletedUnderLoad({ how, qdiscBypass }: { how: 'delete' | 'down'; qdiscBypass: boolean }) {
  wire('far0', 'near0');
  wire('far1', 'near1');
  const [far0, far1] = [farSocket('far0'), farSocket('far1')];
  const [near0, near1] = [new PacketSocket('near0', { qdiscBypass }), new PacketSocket('near1', { qdiscBypass })];
  const batch = batchOf(64);
  const poll = new PollSet(1);
  poll.add(near0.fd);
  const rounds = (n: number): number => {
    let through = 0;
    for (let r = 0; r < n; r++) {
      for (let i = 0; i < 8; i++) {
        far0.transmit(packetOf(frame({ dst: near0.mac, src: far0.mac })));
        far1.transmit(packetOf(frame({ dst: near1.mac, src: far1.mac })));
      }
      far0.flush();
      far1.flush();
      for (const [from, to] of [
        [near0, near1],
        [near1, near0],
        [near1, near1],
      ] as const) {
        const k = from.receive(batch);
        for (let i = 0; i < k; i++) if (to.transmit(batch[i]!)) through++;
        to.flush();
        from.release();
      }
    }
    return through;
  };
  const before = rounds(20);
  sh(how === 'delete' ? 'ip link del near0' : 'ip link set near0 down');
  rounds(20);
  const failure = near0.failure;
  const batchAfter = near0.receive(batch);
  far1.transmit(packetOf(frame({ dst: near1.mac, src: far1.mac, number: 77 })));
  far1.flush();
  const other = collect(near1, 1).map(s => numberOf(s.bytes));
  const refusing = near0.transmit(packetOf(frame({ dst: far0.mac, src: near0.mac })));
  const spins = poll.wait(0);
  let recovered: unknown;
  if (how === 'down') {
    sh('ip link set near0 up');
    // Without another receive: a router that only sends must come back as well.
    let sends = 0;
    while (near0.failure !== undefined && sends++ < 20) near0.transmit(packetOf(frame({ dst: far0.mac, src: near0.mac })));
    collect(near0, 64, 50);
    far0.receive(batch); // the other end lost its carrier, and is there again
    far0.transmit(packetOf(frame({ dst: near0.mac, src: far0.mac, number: 88 })));
    far0.flush();
    recovered = { failure: near0.failure?.message ?? null, numbers: collect(near0, 1).map(s => numberOf(s.bytes)) };
  }
  const closed = () => {
    for (const d of [near0, near0, near1, far0, far1]) d.close();
    return near0.receive(batch);
  };
  return {
    flowed: before > 100,
    spins,
    code: failure instanceof LabError ? failure.code : null,
    message: failure?.message,
    batchAfter,
    refusing,
    otherFailed: near1.failure !== undefined,
    other,
    recovered,
    afterClose: closed(),
  };
}

/** How much JavaScript memory forwarding takes, garbage included, in bytes per frame. */
export function allocation({ offload, qdiscBypass = false }: { offload: boolean; qdiscBypass?: boolean }) {
  wire('far0', 'near0');
  const far = farSocket('far0', { offload, qdiscBypass });
  const near = new PacketSocket('near0', { offload, qdiscBypass });
  const packets = Array.from({ length: 64 }, (_, i) => packetOf(frame({ dst: near.mac, src: far.mac, number: i })));
  const batch = batchOf(64);
  let received = 0;
  const round = () => {
    for (const p of packets) far.transmit(p);
    far.flush();
    const n = near.receive(batch);
    for (let i = 0; i < n; i++) near.transmit(batch[i]!);
    near.flush();
    near.release();
    far.receive(batch);
    far.release();
    received += n;
  };
  for (let i = 0; i < 4000; i++) round();
  received = 0;
  const bytes = allocated(() => {
    for (let i = 0; i < 1000; i++) round();
  });
  return { received, bytesPerFrame: bytes / received };
}

export function noSuchInterface() {
  try {
    new PacketSocket('absent0');
  } catch (error) {
    return error instanceof LabError ? { code: error.code, message: error.message } : null;
  }
  return null;
}
