/** Is a tuple that NAT would like to use in use by another flow (`nf_nat_used_tuple` and its kin, `net/netfilter/nf_nat_core.c`)? */
import { Protocol } from '../../wire/ipv4.ts';
import type { Core } from '../core.ts';
import { DST, END, ENTRY, KEY, KEY_TUPLE, KEY_ZONE_SHIFT, PORTS, REPLY, SRC, STATE_SHIFT, STATUS, zoneOf } from '../layout.ts';
import { Ips } from '../status.ts';
import { TcpState } from '../tcp/states.ts';
import { Tuple } from '../tuple.ts';

/** NF_NAT_MAX_ATTEMPTS, and the number of tries from which entries in TIME_WAIT have to give way. */
export const MAX_ATTEMPTS = 128;
const HARDER_THRESHOLD = MAX_ATTEMPTS / 4;

const reply = new Tuple();

/** Would the answers to `tuple`, sent on by entry `i`, belong to another entry? */
export function isUsed(core: Core, tuple: Tuple, i: number): boolean {
  reply.invert(tuple);
  return taken(core, reply, i);
}

/** `nf_conntrack_tuple_taken`. An entry with the same original tuple is the same flow: `confirm` will merge the two. */
function taken(core: Core, t: Tuple, i: number): boolean {
  const { table } = core;
  const words = table.words;
  const b = i * ENTRY;
  const key = words[b + KEY]! & KEY_TUPLE;
  const absent = core.absentReply;
  if (absent.is(table, t.src, t.dst, t.ports, key)) return false;
  const hash = core.hash(t, zoneOf(key, 1));
  let handle = -1;
  let others = false;
  for (;;) {
    handle = table.find(t.src, t.dst, t.ports, key, hash, handle);
    if (handle < 0) {
      if (!others) absent.note(table, t.src, t.dst, t.ports, key, hash);
      return false;
    }
    others = true;
    const j = handle >> 1;
    if (core.expiresMs(j) <= 0) {
      core.kill(j);
      handle = -1;
      continue;
    }
    const o = j * ENTRY;
    const sameFlow =
      words[o + SRC] === words[b + SRC] &&
      words[o + DST] === words[b + DST] &&
      words[o + PORTS] === words[b + PORTS] &&
      zoneOf(words[o + KEY]!, 0) === zoneOf(key, 0);
    if (!sameFlow) {
      core.stats.found++;
      return true;
    }
  }
}

const USES_NAT = Ips.NatMask | Ips.SeqAdjust;

/**
 * `nf_nat_used_tuple_new`: as `isUsed` for a tuple that NAT leaves as it is. Where two UDP packets of one flow crossed and each made
 * an entry, the tuple counts as free: changing the port would break the flow, and `confirm` merges them.
 */
export function isUsedUnchanged(core: Core, tuple: Tuple, i: number): boolean {
  if (!isUsed(core, tuple, i)) return false;
  const words = core.table.words;
  const b = i * ENTRY;
  if (tuple.proto !== Protocol.Udp || (words[b + STATUS]! & USES_NAT) !== 0) return true;
  const zone = (words[b + KEY]! & KEY_TUPLE) >>> KEY_ZONE_SHIFT;
  let handle = core.lookupZones(tuple, zone);
  if (handle < 0) {
    reply.invert(tuple);
    handle = core.lookupZones(reply, zone);
    if (handle < 0) return false;
  }
  const o = (handle >> 1) * ENTRY;
  if ((words[o + STATUS]! & USES_NAT) !== 0) return true;
  return !(
    words[o + SRC] === words[b + REPLY + SRC] &&
    words[o + DST] === words[b + REPLY + DST] &&
    words[o + PORTS] === words[b + REPLY + PORTS]
  );
}

/**
 * `nf_nat_used_tuple_harder`: in the last tries for a TCP port, an entry with a rewritten source that is in TIME_WAIT or CLOSE is
 * evicted when the new connection's number is past its own.
 */
export function isUsedHarder(core: Core, tuple: Tuple, i: number, attemptsLeft: number): boolean {
  const words = core.table.words;
  const b = i * ENTRY;
  if (attemptsLeft > HARDER_THRESHOLD || tuple.proto !== Protocol.Tcp || ((words[b + STATUS]! >>> STATE_SHIFT) & 15) !== TcpState.SynSent) {
    return isUsed(core, tuple, i);
  }
  reply.invert(tuple);
  const handle = core.lookupZones(reply, (words[b + KEY]! & KEY_TUPLE) >>> KEY_ZONE_SHIFT);
  if (handle < 0) return false;
  if ((handle & 1) === 0) return true;
  const j = handle >> 1;
  const status = words[j * ENTRY + STATUS]!;
  if (((status >>> STATE_SHIFT) & 15) < TcpState.TimeWait) return true;
  if ((status & (Ips.FixedTimeout | Ips.Dying | Ips.SrcNat)) !== Ips.SrcNat) return true;

  if (((words[i * ENTRY + END]! - words[j * ENTRY + END]!) | 0) <= 0) return true;
  core.kill(j);
  return false;
}
