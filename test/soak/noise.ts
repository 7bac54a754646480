/**
 * Random frames onto `eth0` of this namespace, so many packets a second, until it is ended: what no socket would send.
 *
 *     node test/soak/noise.ts '{"rate":500,"seed":1,"between":{...}}'
 */
import { PacketSocket } from '../../src/device/packet-socket.ts';
import { arena } from '../../src/os/memory.ts';
import { Packet } from '../../src/packet/packet.ts';
import type { Between } from '../router/random-traffic.ts';
import { RandomTraffic } from '../router/random-traffic.ts';

export interface NoiseOrder {
  rate: number;
  seed: number;
  between: Between;
}

const TICK_MS = 10;
const order = JSON.parse(process.argv[2]!) as NoiseOrder;
const device = new PacketSocket('eth0', { frames: 16 });
const traffic = new RandomTraffic(order.seed);
const p = new Packet();
const startMs = performance.now();
let sent = 0;

/** A frame is given to the kernel at once, so that one piece of memory does for all. */
const memory = arena(2048);
function send(frame: Uint8Array): void {
  if (frame.length < 14 || frame.length > 1514) return;
  memory.bytes.set(frame);
  p.borrow(memory, 0, 0, frame.length, memory.bytes.length);
  device.transmit(p);
  device.flush();
}

setInterval(() => {
  const due = ((performance.now() - startMs) * order.rate) / 1000;
  for (; sent < due; sent++) for (const frame of traffic.frames(order.between)) send(frame);
}, TICK_MS);
process.once('SIGTERM', () => {
  process.stdout.write(`RESULT ${JSON.stringify(device.counters)}\n`, () => process.exit(0));
});
