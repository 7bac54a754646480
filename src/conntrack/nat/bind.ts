/** Deciding, once per flow, what its addresses and ports become (`nf_nat_setup_info`, `get_unique_tuple`, `nf_nat_core.c`). */
import type { Core } from '../core.ts';
import { DST, ENTRY, KEY, KEY_TUPLE, PORTS, REPLY, SRC, STATUS, zoneOf } from '../layout.ts';
import { Ips } from '../status.ts';
import { invertPorts, Tuple } from '../tuple.ts';
import { jhashAddress, scale, swap32 } from './jhash.ts';
import { choosePort, portInRange } from './ports.ts';
import { Manip, RANDOM_ALL, type Range, RangeFlag } from './range.ts';
import { isUsed, isUsedUnchanged } from './taken.ts';

const current = new Tuple();
const chosen = new Tuple();

/** Gives the flow its translation. The entry must not be confirmed; the answer's tuple is changed so that answers will be found. */
export function setup(core: Core, i: number, range: Range, manip: Manip): void {
  const words = core.table.words;
  const b = i * ENTRY;
  // What the packet looks like now: the inverse of the answer, with what an earlier manipulation made of it.
  current.proto = words[b + KEY]! & 0xff;
  current.src = words[b + REPLY + DST]!;
  current.dst = words[b + REPLY + SRC]!;
  current.ports = invertPorts(words[b + REPLY + PORTS]!, current.proto);
  chooseTuple(core, i, range, manip);
  let status = words[b + STATUS]!;
  if (!chosen.equals(current)) {
    words[b + REPLY + SRC] = chosen.dst;
    words[b + REPLY + DST] = chosen.src;
    words[b + REPLY + PORTS] = invertPorts(chosen.ports, chosen.proto);
    status |= manip === Manip.Src ? Ips.SrcNat : Ips.DstNat;
  }
  words[b + STATUS] = status | (manip === Manip.Src ? Ips.SrcNatDone : Ips.DstNatDone);
  if (manip === Manip.Src && (status & Ips.SrcNat) !== 0) core.bySource.insert(i);
}

/** `get_unique_tuple`: `chosen` becomes what `current` is to be translated to. */
function chooseTuple(core: Core, i: number, range: Range, manip: Manip): void {
  const random = (range.flags & RANDOM_ALL) !== 0;
  if (manip === Manip.Src && !random) {
    if (inRange(current, range)) {
      if (!isUsedUnchanged(core, current, i)) {
        chosen.copy(current);
        return;
      }
    } else if (findSource(core, i, range) && !isUsed(core, chosen, i)) {
      return;
    }
  }
  chosen.copy(current);
  chooseAddress(core, i, range, manip);
  if (!random) {
    if ((range.flags & RangeFlag.ProtoSpecified) === 0) {
      if (!isUsed(core, chosen, i)) return;
    } else if (
      (range.flags & RangeFlag.ProtoOffset) === 0 &&
      portInRange(chosen, manip, range) &&
      (range.minPort === range.maxPort || !isUsed(core, chosen, i))
    ) {
      return;
    }
  }
  choosePort(core, chosen, range, manip, i);
}

/** `nf_in_range`: does the source as it stands meet the range? */
function inRange(t: Tuple, range: Range): boolean {
  if ((range.flags & RangeFlag.MapIps) !== 0) {
    const src = t.src >>> 0;
    if (src < range.minAddr >>> 0 || src > range.maxAddr >>> 0) return false;
  }
  return (range.flags & RangeFlag.ProtoSpecified) === 0 || portInRange(t, Manip.Src, range);
}

/** `find_appropriate_src`: the source that another flow of the same socket has, if it fits: `chosen` becomes it. */
function findSource(core: Core, i: number, range: Range): boolean {
  const words = core.table.words;
  const key = words[i * ENTRY + KEY]! & KEY_TUPLE;
  const list = core.bySource;
  for (let j = list.first(list.bucket(current.src, current.ports, key)); j >= 0; j = list.next(j)) {
    const o = j * ENTRY;
    if (words[o + SRC] !== current.src || words[o + PORTS]! >>> 16 !== current.ports >>> 16) continue;
    const other = words[o + KEY]!;
    if ((other & 0xff) !== current.proto || zoneOf(other, 0) !== zoneOf(key, 0)) continue;
    chosen.proto = current.proto;
    chosen.src = words[o + REPLY + DST]!;
    chosen.dst = current.dst;
    chosen.ports = (invertPorts(words[o + REPLY + PORTS]!, current.proto) & 0xffff_0000) | (current.ports & 0xffff);
    if (inRange(chosen, range)) return true;
  }
  return false;
}

/**
 * `find_best_ips_proto`: one address of the range, by a hash of source and destination, so that a server sees a client always from the
 * same address; of the source alone when the range is persistent. The same choice as the kernel makes.
 */
function chooseAddress(core: Core, i: number, range: Range, manip: Manip): void {
  if ((range.flags & RangeFlag.MapIps) === 0) return;
  let address = range.minAddr;
  if (range.minAddr !== range.maxAddr) {
    const key = core.table.words[i * ENTRY + KEY]!;
    const initial = (range.flags & RangeFlag.Persistent) !== 0 ? 0 : swap32(chosen.dst) ^ ((key >>> 8) & 0xffff);
    const h = jhashAddress(swap32(chosen.src), initial);
    address = ((range.minAddr >>> 0) + scale(h, (range.maxAddr >>> 0) - (range.minAddr >>> 0) + 1)) | 0;
  }
  if (manip === Manip.Src) chosen.src = address;
  else chosen.dst = address;
}
