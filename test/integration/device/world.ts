/**
 * Two network namespaces for one scenario: "far" (the process's first one, where the tester's end of each wire is) and "near" (that of the
 * scenario's thread, where the device under test is). Everything is gone with the process.
 */
import { execFileSync } from 'node:child_process';
import type { Device } from '../../../src/device/device.ts';
import { PacketSocket, type PacketSocketOptions } from '../../../src/device/packet-socket.ts';
import { insideNetns } from '../../../src/os/netns.ts';
import { PollSet } from '../../../src/os/poll-set.ts';
import { Packet } from '../../../src/packet/packet.ts';

export const FAR = `/proc/${process.pid}/ns/net`;

export const sh = (script: string): string => execFileSync('bash', ['-e', '-c', script], { encoding: 'utf8', timeout: 20_000 });
export const farSh = (script: string): string => insideNetns(FAR, () => sh(script));
export const farSocket = (name: string, options: PacketSocketOptions = {}): PacketSocket =>
  insideNetns(FAR, () => new PacketSocket(name, options));

/** A veth: `far` on the tester's side, `near` on the other, both up, IPv6 off. */
export function wire(far: string, near: string): void {
  const quiet = 'sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1';
  sh(quiet);
  farSh(quiet);
  sh(`ip link add ${near} type veth peer name ${far} netns ${process.pid}; ip link set ${near} up`);
  farSh(`ip link set ${far} up`);
}

export const batchOf = (n: number): Packet[] => Array.from({ length: n }, () => new Packet());

export interface Seen {
  bytes: Uint8Array;
  type: number;
  csumStart: number;
  csumOffset: number;
  gsoType: number;
  gsoSize: number;
  headroom: number;
  tailroom: number;
}

/** Receive until `count` frames have come, or none for `quietMs`. Copies them. */
export function collect(device: Device, count: number, quietMs = 500): Seen[] {
  const poll = new PollSet(1);
  poll.add(device.fd);
  const batch = batchOf(64);
  const seen: Seen[] = [];
  while (seen.length < count) {
    const n = device.receive(batch);
    for (let i = 0; i < n; i++) seen.push(look(batch[i]!));
    device.release();
    if (n === 0 && poll.wait(quietMs) === 0) break;
    if (n === 0 && device.failure) break;
  }
  return seen;
}

export const look = (p: Packet): Seen => ({
  bytes: p.bytes.slice(p.start, p.end),
  type: p.type,
  csumStart: p.csumStart === 0 ? 0 : p.csumStart - p.start,
  csumOffset: p.csumOffset,
  gsoType: p.gsoType,
  gsoSize: p.gsoSize,
  headroom: p.start - p.floor,
  tailroom: p.ceiling - p.end,
});

export const equal = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;
