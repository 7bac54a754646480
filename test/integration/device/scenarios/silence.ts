import { LabError } from '../../../../src/base/errors.ts';
import { PacketSocket } from '../../../../src/device/packet-socket.ts';
import { silenceKernel } from '../../../../src/device/silence.ts';
import { openTap } from '../../../../src/device/tap.ts';
import { frame, numberOf, packetOf } from '../frames.ts';
import { collect, equal, farSocket, sh, wire } from '../world.ts';

const BROADCAST = [255, 255, 255, 255, 255, 255];

/** Who has 10.9.0.2? */
function arpRequest(src: Uint8Array): Uint8Array {
  const b = new Uint8Array(60);
  b.set([...BROADCAST, ...src, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1, ...src, 10, 9, 0, 1, 0, 0, 0, 0, 0, 0, 10, 9, 0, 2]);
  return b;
}

/** A TCP SYN from 10.9.0.1 to a closed port of 10.9.0.2. */
function syn(dst: Uint8Array, src: Uint8Array): Uint8Array {
  const b = frame({ dst, src, protocol: 6, payload: 4 });
  b[34 + 13] = 2;
  const sum = ((b[34 + 16]! << 8) | b[34 + 17]!) + 0x10 - 2; // flags were ACK, 0x10: the complement grows by what the sum loses
  const folded = (sum & 0xffff) + (sum >>> 16);
  b.set([folded >> 8, folded & 255], 34 + 16);
  return b;
}

/** Does the kernel answer ARP and a SYN on an interface with an address: before, during and after the silence. Does the router still see them? */
export function answers() {
  wire('far0', 'near0');
  sh(`ip addr add 10.9.0.2/24 dev near0; ip neigh add 10.9.0.1 lladdr 02:00:00:00:00:01 dev near0`);
  const far = farSocket('far0', { promiscuous: true });
  const near = new PacketSocket('near0');
  const ask = () => {
    const asked = [arpRequest(far.mac), syn(near.mac, far.mac)];
    for (const f of asked) far.transmit(packetOf(f));
    far.flush();
    const answered = collect(far, 2, 300).map(s =>
      s.bytes[12] === 8 && s.bytes[13] === 6 ? 'ARP' : (s.bytes[47]! & 4) !== 0 ? 'RST' : 'other',
    );
    const seen = collect(near, 2, 100);
    return { answered, seen: seen.map((s, i) => equal(s.bytes, asked[i]!)) };
  };
  const before = ask();
  const silence = silenceKernel('near0');
  const during = ask();
  // A second one, as after a run that was killed, replaces the first.
  const again = silenceKernel('near0');
  const still = ask().answered;
  again.close();
  again.close();
  const after = ask().answered;
  silence.close();
  return { before, during, still, after, tables: sh('nft list tables').trim() };
}

/** With the bridge itself silenced, a port's frames still reach the TAP port, and the router's frames the other port. */
export function bridge() {
  wire('far0', 'near0');
  sh('ip link add br0 type bridge; ip link set br0 up; ip addr add 10.9.0.2/24 dev br0; ip link set near0 master br0');
  const tap = openTap({ name: 'tap0' });
  sh('ip link set tap0 master br0');
  const far = farSocket('far0');
  const silence = silenceKernel('br0');
  far.transmit(packetOf(arpRequest(far.mac)));
  far.flush();
  const atTap = collect(tap, 1).filter(s => s.bytes[13] === 6).length;
  // ARP only: a bridge with an address also reports by IGMP that it listens to 224.0.0.106 (all snoopers), asked by nobody.
  const arps = () => collect(far, 3, 300).filter(s => s.bytes[12] === 8 && s.bytes[13] === 6).length;
  const answered = arps();
  tap.transmit(packetOf(frame({ dst: far.mac, src: tap.mac, number: 5 })));
  const atFar = collect(far, 4, 200).filter(s => s.bytes[13] === 0 && s.bytes.length === 106 && numberOf(s.bytes) === 5).length;
  silence.close();
  far.transmit(packetOf(arpRequest(far.mac)));
  far.flush();
  const answeredAfter = arps();
  return { atTap, answered, atFar, answeredAfter };
}

/** Close after the interface is gone, and with the thread elsewhere. */
export function interfaceGone() {
  wire('far0', 'near0');
  const silence = silenceKernel('near0');
  sh('ip link del near0');
  silence.close();
  const tables = sh('nft list tables').trim();
  try {
    silenceKernel('near0');
  } catch (error) {
    return { tables, error: error instanceof LabError ? [error.code, error.message] : null };
  }
  return null;
}

export function toolMissing() {
  wire('far0', 'near0');
  process.env.PATH = '/nowhere';
  try {
    silenceKernel('near0');
  } catch (error) {
    return error instanceof LabError ? [error.code, error.message] : null;
  }
  return null;
}
