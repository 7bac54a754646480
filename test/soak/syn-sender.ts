/**
 * SYNs from sources that nobody has used before, at a steady rate: a packet socket, frames made once and changed in place. Run inside the
 * namespace whose `eth0` they leave by.
 *
 *     node test/soak/syn-sender.ts '{"rate":20000,"seconds":10,"dstMac":"...","to":["10.96.0.10:9"]}'
 */
import { parseIpv4, parseMac } from '../../src/base/address.ts';
import { PacketSocket } from '../../src/device/packet-socket.ts';
import { arena } from '../../src/os/memory.ts';
import { Packet } from '../../src/packet/packet.ts';
import { setU16, setU32 } from '../../src/wire/bytes.ts';
import * as checksum from '../../src/wire/checksum.ts';
import * as ipv4 from '../../src/wire/ipv4.ts';

interface Order {
  rate: number;
  seconds: number;
  dstMac: string;
  /** Destinations in turn, `ADDRESS:PORT`. */
  to: string[];
}

const FRAME = 64;
const LENGTH = 54;
const BATCH = 256;
/** 198.18.0.0/15, for benchmarks of devices (RFC 2544): 131,072 addresses. */
const SOURCES = 0xc6120000;

const order = JSON.parse(process.argv[2]!) as Order;
const to = order.to.map(where => {
  const [address, port] = where.split(':');
  return { address: parseIpv4(address!), port: Number(port) };
});
const device = new PacketSocket('eth0', { frames: 16 });
const memory = arena(BATCH * FRAME);
const packets = Array.from({ length: BATCH }, (_, i) => {
  const p = new Packet();
  p.borrow(memory, i * FRAME, i * FRAME, i * FRAME + LENGTH, (i + 1) * FRAME);
  memory.bytes.set(parseMac(order.dstMac), i * FRAME);
  memory.bytes.set(device.mac, i * FRAME + 6);
  setU16(memory.bytes, i * FRAME + 12, 0x0800);
  return p;
});

/** SYN number `n`: an address for each, and another port when they have gone round. */
function fill(i: number, n: number): void {
  const b = memory.bytes;
  const at = i * FRAME + 14;
  const l4 = at + 20;
  const src = (SOURCES + (n & 0x1ffff)) | 0;
  const { address, port } = to[n % to.length]!;
  ipv4.write(b, at, 0, LENGTH - 14, n & 0xffff, 0, 64, ipv4.Protocol.Tcp, src, address);
  setU16(b, l4, 1024 + ((n >>> 17) & 0x7fff));
  setU16(b, l4 + 2, port);
  setU32(b, l4 + 4, Math.imul(n, 0x9e3779b1) >>> 0);
  setU32(b, l4 + 8, 0);
  b[l4 + 12] = 0x50;
  b[l4 + 13] = 2;
  setU16(b, l4 + 14, 64_240);
  setU32(b, l4 + 16, 0);
  const sum = checksum.pseudoHeader(src, address, ipv4.Protocol.Tcp, 20);
  setU16(b, l4 + 16, checksum.finish(checksum.add(sum, b, l4, l4 + 20)));
}

const total = order.rate * order.seconds;
const nap = new Int32Array(new SharedArrayBuffer(4));
const startMs = performance.now();
let sent = 0;
while (sent < total) {
  const due = Math.min(total, Math.floor(((performance.now() - startMs) * order.rate) / 1000));
  for (let n = Math.min(BATCH, due - sent), i = 0; i < n; i++) {
    fill(i, sent++);
    device.transmit(packets[i]!);
  }
  device.flush();
  // Also when it is behind, because the machine was busy: the rate is steady, and no burst takes the receiver by surprise.
  Atomics.wait(nap, 0, 0, 1);
}
const seconds = (performance.now() - startMs) / 1000;
const { txPackets, txDropped } = device.counters;
device.close();
process.stdout.write(`RESULT ${JSON.stringify({ sent: txPackets, dropped: txDropped, perSecond: Math.round(txPackets / seconds) })}\n`);
