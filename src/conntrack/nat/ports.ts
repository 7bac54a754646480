/** Choice of the port, or ICMP identifier (`nf_nat_l4proto_unique_tuple`, `net/netfilter/nf_nat_core.c`). */
import { Protocol } from '../../wire/ipv4.ts';
import type { Core } from '../core.ts';
import type { Tuple } from '../tuple.ts';
import { Manip, RANDOM_ALL, type Range, RangeFlag } from './range.ts';
import { isUsedHarder, MAX_ATTEMPTS } from './taken.ts';

/** Rounds get shorter by half and end below this. */
const MIN_ATTEMPTS = 16;

export const hasPorts = (proto: number): boolean => proto === Protocol.Tcp || proto === Protocol.Udp || proto === Protocol.Sctp;

/** Port that the manipulation changes; the identifier of ICMP is the same from both sides. */
export const portOf = (t: Tuple, manip: Manip): number =>
  manip === Manip.Src || t.proto === Protocol.Icmp ? t.ports >>> 16 : t.ports & 0xffff;

function setPort(t: Tuple, manip: Manip, port: number): void {
  t.ports = manip === Manip.Src || t.proto === Protocol.Icmp ? (port << 16) | (t.ports & 0xffff) : (t.ports & 0xffff_0000) | port;
}

/** `l4proto_in_range`. */
export function portInRange(t: Tuple, manip: Manip, range: Range): boolean {
  if (t.proto !== Protocol.Icmp && !hasPorts(t.proto)) return true;
  const port = portOf(t, manip);
  return port >= range.minPort && port <= range.maxPort;
}

/**
 * Changes the port of `tuple` to one that no other flow has. Without a range a source port stays in its class: 1-511, 600-1023,
 * 1024-65535 (the kernel's "loose convention": below 512 ports carry credentials). Tries up to 128 ports from a random one on, then
 * shorter runs from other random ones; when all fail the last stays, and `confirm` will drop the packet.
 */
export function choosePort(core: Core, tuple: Tuple, range: Range, manip: Manip, i: number): void {
  const specified = (range.flags & RangeFlag.ProtoSpecified) !== 0;
  let min = range.minPort;
  let size = range.maxPort - range.minPort + 1;
  if (tuple.proto === Protocol.Icmp) {
    if (!specified) {
      min = 0;
      size = 65_536;
    }
  } else if (!hasPorts(tuple.proto)) {
    return;
  } else if (specified) {
    if (range.maxPort < range.minPort) {
      min = range.maxPort;
      size = range.minPort - range.maxPort + 1;
    }
  } else {
    if (manip === Manip.Dst) return; // a destination port is never changed unasked
    const port = portOf(tuple, manip);
    min = port < 512 ? 1 : port < 1024 ? 600 : 1024;
    size = port < 512 ? 511 : port < 1024 ? 424 : 64_512;
  }

  let offset = 0;
  if ((range.flags & RangeFlag.ProtoOffset) !== 0) offset = (portOf(tuple, manip) - range.basePort) & 0xffff;
  else if ((range.flags & RANDOM_ALL) !== 0 || manip !== Manip.Dst) offset = core.random.below(0x1_0000);

  let attempts = Math.min(size, MAX_ATTEMPTS);
  for (;;) {
    for (let n = 0; n < attempts; n++) {
      setPort(tuple, manip, min + (offset % size));
      if (!isUsedHarder(core, tuple, i, attempts - n)) return;
      offset = (offset + 1) & 0xffff;
    }
    if (attempts >= size || attempts < MIN_ATTEMPTS) return;
    attempts >>= 1;
    offset = core.random.below(0x1_0000);
  }
}
