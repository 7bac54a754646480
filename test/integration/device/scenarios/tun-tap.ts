import { LabError } from '../../../../src/base/errors.ts';
import { PacketSocket } from '../../../../src/device/packet-socket.ts';
import { openTap, type TapOptions } from '../../../../src/device/tap.ts';
import { openTun } from '../../../../src/device/tun.ts';
import type { TunTap } from '../../../../src/device/tun-tap.ts';
import { PollSet } from '../../../../src/os/poll-set.ts';
import { links } from '../../../../src/os/rtnetlink.ts';
import { allocated } from '../allocated.ts';
import { frame, numberOf, packetOf, segment, transportSum } from '../frames.ts';
import { batchOf, collect, equal, sh } from '../world.ts';

const BROADCAST = [255, 255, 255, 255, 255, 255];
const OTHER = [2, 0, 0, 0, 0, 0x99];

const quiet = () => sh('sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1');

/** A TAP and a packet socket on its interface, the tester's end. */
function tapAndTester(options: Partial<TapOptions> = {}): [TunTap, PacketSocket] {
  quiet();
  const tap = openTap({ name: 'tap0', ...options });
  return [tap, new PacketSocket('tap0', { offload: options.offload ?? false })];
}

export function tapThereAndBack({ offload }: { offload: boolean }) {
  const [tap, tester] = tapAndTester({ offload });
  const sent = [tap.mac, BROADCAST, OTHER].map((dst, number) => frame({ dst, src: tester.mac, number }));
  for (const f of sent) tester.transmit(packetOf(f));
  tester.flush();
  const received = collect(tap, 3);
  for (let i = 0; i < 3; i++) tap.transmit(packetOf(frame({ dst: tester.mac, src: tap.mac, number: 10 + i }), i === 0 ? 0 : 64));
  const back = collect(tester, 3);
  return {
    same: received.map((s, i) => equal(s.bytes, sent[i]!)),
    types: received.map(s => s.type),
    headroom: Math.min(...received.map(s => s.headroom)),
    back: back.map(s => numberOf(s.bytes)),
    endsDiffer: !equal(tap.mac, tester.mac),
    counters: tap.counters,
  };
}

export function segments({ count }: { count: number }) {
  const [tap, tester] = tapAndTester({ offload: true });
  const batch = batchOf(8);
  let same = 0;
  const fields = new Set<string>();
  for (let i = 0; i < count; i++) {
    const p = segment({ dst: tap.mac, src: tester.mac, number: i, payload: 65535 - 54 }, 1448);
    const sent = p.bytes.slice(p.start, p.end);
    tester.transmit(p);
    tester.flush();
    const n = tap.receive(batch);
    for (let k = 0; k < n; k++) {
      const got = batch[k]!;
      fields.add([got.gsoType, got.gsoSize, got.csumStart - got.start, got.csumOffset].join());
      tap.transmit(got); // as it stands in the slot, vnet header and all
    }
    tap.release();
    for (const seen of collect(tester, 1)) {
      if (equal(seen.bytes, sent)) same++;
      fields.add([seen.gsoType, seen.gsoSize, seen.csumStart, seen.csumOffset].join());
    }
  }
  return { same, fields: [...fields], dropped: tap.counters.rxDropped + tap.counters.txDropped };
}

/** A segment cannot be said without the virtio-net header. */
export function segmentWithoutHeader() {
  const [tap, tester] = tapAndTester();
  const taken = tap.transmit(segment({ dst: tester.mac, src: tap.mac, payload: 20_000 }, 1400));
  return { taken, dropped: tap.counters.txDropped, arrived: collect(tester, 1, 100).length };
}

export function wrap({ offload }: { offload: boolean }) {
  const [tap, tester] = tapAndTester({ offload, slots: 8 });
  let wrong = 0;
  let next = 0;
  const kept: Uint8Array[] = [];
  for (let i = 0; i < 300; i++) {
    const f = frame({ dst: tap.mac, src: tester.mac, number: i, payload: 20 + ((i * 37) % 1300) });
    kept.push(f);
    tester.transmit(packetOf(f));
    if (i % 30 !== 29) continue;
    tester.flush();
    for (const seen of collect(tap, 30)) if (!equal(seen.bytes, kept[next++]!)) wrong++;
  }
  // Borrowed slots are not given twice.
  for (let i = 0; i < 12; i++) tester.transmit(packetOf(frame({ dst: tap.mac, src: tester.mac, number: i })));
  tester.flush();
  const batch = batchOf(32);
  const held = [tap.receive(batch), tap.receive(batch)];
  tap.release();
  return { received: next, wrong, held, rest: tap.receive(batch) };
}

/** Nobody reads: what the queue has no room for is counted. */
export function queueFull() {
  const [tap, tester] = tapAndTester();
  sh('ip link set tap0 txqueuelen 100');
  for (let i = 0; i < 150; i++) tester.transmit(packetOf(frame({ dst: tap.mac, src: tester.mac, number: i })));
  tester.flush();
  const received = collect(tap, 150, 100).length;
  return { received, dropped: [tap.counters.rxDropped, tap.counters.rxDropped] };
}

export function options() {
  quiet();
  const kernelMac = Uint8Array.of(2, 0, 0, 0, 1, 1);
  const mac = Uint8Array.of(2, 0, 0, 0, 1, 2);
  const tap = openTap({ name: 'cni-tap%d', mtu: 1450, mac, kernelMac, up: false });
  const link = links().find(l => l.name === tap.name)!;
  const result = {
    name: tap.name,
    mtu: [tap.mtu, link.mtu],
    kernelMac: [...link.mac],
    mac: [...tap.mac],
    up: link.flags & 1,
    ifindex: link.ifindex === tap.ifindex,
  };
  tap.close();
  tap.close();
  return { ...result, left: links().some(l => l.name === tap.name) };
}

/** Real sockets in front of a TUN: a datagram out, and one written back in that the socket gets. */
export function tunSockets({ offload }: { offload: boolean }) {
  quiet();
  const tun = openTun({ name: 'tun0', offload, mtu: 1400 });
  sh('ip addr add 10.9.0.1/24 dev tun0; ip link set lo up');
  sh('echo hello > /dev/udp/10.9.0.2/53');
  const [out] = collect(tun, 1);
  if (!out) return null;
  const b = out.bytes;
  const asFrame = Buffer.concat([Buffer.alloc(12), Buffer.from([8, 0]), b]);
  const partial = out.csumStart;
  const right = transportSum(asFrame) === 0xffff;
  // Turn it round: what the kernel sent to port 53 comes back from there to the ephemeral port.
  const reply = packetOf(
    Uint8Array.of(
      ...b.subarray(0, 12),
      ...b.subarray(16, 20),
      ...b.subarray(12, 16),
      ...b.subarray(22, 24),
      ...b.subarray(20, 22),
      ...b.subarray(24),
    ),
  );
  if (out.csumStart !== 0) {
    reply.csumStart = reply.start + out.csumStart;
    reply.csumOffset = out.csumOffset;
  }
  const before = Number(sh("awk '/^Udp:/ && $2 ~ /[0-9]/ {print $3 + $4}' /proc/thread-self/net/snmp"));
  const taken = tun.transmit(reply);
  // Udp InDatagrams + NoPorts + InErrors: nobody waits any more, so it counts as NoPorts, and as InErrors if its checksum were wrong.
  const after = Number(sh("awk '/^Udp:/ && $2 ~ /[0-9]/ {print $3 + $4}' /proc/thread-self/net/snmp"));
  const errors = Number(sh("awk '/^Udp:/ && $2 ~ /[0-9]/ {print $4}' /proc/thread-self/net/snmp"));
  return { version: b[0]! >> 4, mac: [...tun.mac], partial, right, taken, delivered: after - before, errors };
}

export function lost({ how, kind }: { how: 'delete' | 'down'; kind: 'tap' | 'tun' }) {
  quiet();
  const device = kind === 'tap' ? openTap({ name: 'dev0' }) : openTun({ name: 'dev0' });
  const batch = batchOf(8);
  const ip = frame({ dst: OTHER, src: OTHER }).subarray(kind === 'tap' ? 0 : 14);
  const before = device.transmit(packetOf(ip));
  sh(how === 'delete' ? 'ip link del dev0' : 'ip link set dev0 down');
  for (let i = 0; i < 32; i++) device.receive(batch);
  const failure = device.failure;
  const refused = !device.transmit(packetOf(ip));
  if (how === 'down') sh('ip link set dev0 up');
  // Without another receive: a router that only sends must come back as well.
  let sends = 0;
  while (device.failure !== undefined && sends < 20) {
    device.transmit(packetOf(ip));
    sends++;
  }
  const poll = new PollSet(1);
  poll.add(device.fd);
  if (how === 'down') for (let i = 0; i < 8; i++) device.receive(batch);
  return {
    spins: poll.wait(0),
    before,
    code: failure instanceof LabError ? failure.code : null,
    message: failure?.message,
    refused,
    after: device.failure === undefined && device.transmit(packetOf(ip)),
  };
}

export function allocation({ offload }: { offload: boolean }) {
  const [tap, tester] = tapAndTester({ offload });
  const packets = Array.from({ length: 32 }, (_, i) => packetOf(frame({ dst: tap.mac, src: tester.mac, number: i })));
  const batch = batchOf(32);
  let received = 0;
  const round = () => {
    for (const p of packets) tester.transmit(p);
    tester.flush();
    const n = tap.receive(batch);
    for (let i = 0; i < n; i++) tap.transmit(batch[i]!);
    tap.release();
    tester.receive(batch);
    tester.release();
    received += n;
  };
  for (let i = 0; i < 3000; i++) round();
  received = 0;
  const bytes = allocated(() => {
    for (let i = 0; i < 500; i++) round();
  });
  return { received, bytesPerFrame: bytes / received };
}

export function nameTaken() {
  quiet();
  sh('ip link add taken0 type bridge');
  try {
    openTap({ name: 'taken0' });
  } catch (error) {
    return error instanceof LabError ? { code: error.code, message: error.message } : null;
  }
  return null;
}
