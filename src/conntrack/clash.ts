/** Confirming an entry, and what to do when another one has its tuple already (`__nf_conntrack_confirm`, `nf_ct_resolve_clash`). */
import { DropReason } from '../base/drop-reason.ts';
import type { Packet } from '../packet/packet.ts';
import { Verdict } from '../packet/verdict.ts';
import { Protocol } from '../wire/ipv4.ts';
import type { Core } from './core.ts';
import { Event } from './events.ts';
import { DST, ENTRY, EXPIRES, KEY, KEY_ACCT, KEY_TSTAMP, KEY_TUPLE, PORTS, REPLY, SRC, STATUS, zoneOf } from './layout.ts';
import { dirOf, Ips } from './status.ts';

/** Life of an entry that is in the hash by its reply tuple alone. */
const CLASH_MS = 1000;

/** Which entry in the table, if any, has the tuple of handle `i << 1 | dir`. */
function rival(core: Core, i: number, dir: number, hash: number, absent: boolean): number {
  if (absent) return -1;
  const words = core.table.words;
  const b = i * ENTRY;
  const t = b + dir * REPLY;
  return core.lookupExcept(words[t + SRC]!, words[t + DST]!, words[t + PORTS]!, words[b + KEY]! & KEY_TUPLE, hash);
}

/** The first packet has come out at the other side: put its entry into the hash. */
export function confirm(core: Core, p: Packet): Verdict {
  const i = p.ct;
  if (dirOf(p.ctinfo) !== 0) return Verdict.Accept;
  const table = core.table;
  const words = table.words;
  const b = i * ENTRY;
  const key = words[b + KEY]! & KEY_TUPLE;
  const original = core.absentOriginal;
  const reply = core.absentReply;
  const absent = original.is(table, words[b + SRC]!, words[b + DST]!, words[b + PORTS]!, key);
  const replyAbsent = reply.is(table, words[b + REPLY + SRC]!, words[b + REPLY + DST]!, words[b + REPLY + PORTS]!, key);
  const hash = absent ? original.hash : table.hashOf(i << 1);
  const replyHash = replyAbsent ? reply.hash : table.hashOf((i << 1) | 1);
  if ((words[b + STATUS]! & Ips.Dying) !== 0) {
    core.stats.insertFailed++;
    return drop(core, p);
  }
  let other = rival(core, i, 0, hash, absent);
  if (other < 0) other = rival(core, i, 1, replyHash, replyAbsent);
  if (other >= 0) return resolve(core, p, other, replyHash);
  if (!table.insert(i << 1, hash)) return tooLong(core, p);
  if (!table.insert((i << 1) | 1, replyHash)) {
    table.remove(i << 1, hash);
    return tooLong(core, p);
  }
  enter(core, i, words[b + EXPIRES]!);
  core.newest.note(table, i);
  if (core.events !== null) core.events.note(i, Event.New);
  return Verdict.Accept;
}

/** From now on the entry is found, and lives for `ms`: counted from the confirmation, not from its first packet. */
function enter(core: Core, i: number, ms: number): void {
  const words = core.table.words;
  const b = i * ENTRY;
  words[b + EXPIRES] = core.now + ms;
  words[b + STATUS]! |= Ips.Confirmed;
  core.due(i, core.now + ms);
  if ((words[b + KEY]! & KEY_TSTAMP) !== 0) core.accounting.begin(i, core.wallClock());
}

function resolve(core: Core, p: Packet, other: number, replyHash: number): Verdict {
  const words = core.table.words;
  const i = p.ct;
  const b = i * ENTRY;
  if ((words[b + KEY]! & 0xff) !== Protocol.Udp) {
    core.stats.drop++;
    core.stats.insertFailed++;
    return drop(core, p);
  }
  if (mergeable(core, i, other >> 1)) return merge(core, p, other >> 1);
  const replyRival = rival(core, i, 1, replyHash, false);
  if (replyRival >= 0) {
    if (mergeable(core, i, replyRival >> 1)) return merge(core, p, replyRival >> 1);
    core.stats.drop++;
    core.stats.insertFailed++;
    return drop(core, p);
  }
  // Only the original tuple is taken: the answer can still be told apart. The entry is found by it alone, and goes at the first one.
  if (!core.table.insert((i << 1) | 1, replyHash)) return tooLong(core, p);
  words[b + STATUS]! |= Ips.FixedTimeout | Ips.NatClash;
  enter(core, i, CLASH_MS);
  core.stats.clashResolve++;
  return Verdict.Accept;
}

/** Are both entries the same flow, seen from the same side or from opposite sides? */
function mergeable(core: Core, i: number, j: number): boolean {
  const words = core.table.words;
  const a = i * ENTRY;
  const b = j * ENTRY;
  const ka = words[a + KEY]!;
  const kb = words[b + KEY]!;
  for (let swap = 0; swap < 2; swap++) {
    let same = true;
    for (let w = 0; w < 6; w++) {
      const at = swap === 0 ? w : (w + REPLY) % 6;
      if (words[a + w] !== words[b + at]) same = false;
    }
    if (same && zoneOf(ka, 0) === zoneOf(kb, swap) && zoneOf(ka, 1) === zoneOf(kb, 1 - swap)) return true;
  }
  return false;
}

function merge(core: Core, p: Packet, j: number): Verdict {
  const i = p.ct;
  if ((core.table.words[i * ENTRY + KEY]! & KEY_ACCT) !== 0) core.account(p, j, dirOf(p.ctinfo));
  core.discard(i);
  p.ct = j;
  core.stats.clashResolve++;
  return Verdict.Accept;
}

function tooLong(core: Core, p: Packet): Verdict {
  core.stats.chainTooLong++;
  core.stats.insertFailed++;
  return drop(core, p);
}

function drop(core: Core, p: Packet): Verdict {
  core.release(p.ct);
  p.ct = -1;
  p.reason = DropReason.ConntrackClash;
  return Verdict.Drop;
}
