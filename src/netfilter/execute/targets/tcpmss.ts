/** `-j TCPMSS`: `tcpmss_mangle_packet`, `net/netfilter/xt_TCPMSS.c`: makes the largest segment of a connection smaller, never larger. */
import type { Packet } from '../../../packet/packet.ts';
import { Verdict } from '../../../packet/verdict.ts';
import { setU16, setU32, u16 } from '../../../wire/bytes.ts';
import * as checksum from '../../../wire/checksum.ts';
import * as ipv4 from '../../../wire/ipv4.ts';
import * as tcp from '../../../wire/tcp.ts';
import type { Rule } from '../../ruleset.ts';
import type { Execution } from '../execution.ts';
import { CONTINUE } from '../execution.ts';
import type { TargetExtension, TargetOf } from '../extension.ts';

const MSS_LEN = 4;
/** IPv4 and TCP header. */
const HEADERS = ipv4.HEADER_LEN + tcp.HEADER_LEN;
/** What a peer assumes when the option is missing (RFC 9293 section 3.7.1). */
const DEFAULT_MSS = 536;
const CLAMP = 0;

/** Operand: MSS, 0 for clamp-to-pmtu. */
function changeMss(x: Execution, p: Packet, code: Int32Array, at: number): number {
  if (x.fragment !== 0) return CONTINUE;
  const b = p.bytes;
  const l4 = x.l4;
  const length = x.transport >= tcp.HEADER_LEN ? tcp.headerLength(b, l4) : 0;
  if (length < tcp.HEADER_LEN || length > x.transport) return Verdict.Drop;
  let mss = code[at + 1]!;
  if (mss === CLAMP) {
    const mtu = x.env.pathMtu(p);
    if (mtu <= HEADERS) return Verdict.Drop;
    mss = mtu - HEADERS;
  }
  const option = findMss(b, l4 + tcp.HEADER_LEN, l4 + length);
  if (option >= 0) {
    const old = u16(b, option + 2);
    if (old > mss) write(p, l4, option + 2, mss);
    return CONTINUE;
  }
  // Nothing is added to a SYN with data, nor where the header is full, nor where the frame has no room.
  if (x.transport > length || length >= tcp.MAX_HEADER_LEN || p.end + MSS_LEN > p.ceiling) return CONTINUE;
  addOption(p, l4, Math.min(mss, DEFAULT_MSS));
  x.transport += MSS_LEN;
  return CONTINUE;
}

function findMss(b: Uint8Array, at: number, end: number): number {
  for (let i = at; i <= end - MSS_LEN; ) {
    if (b[i] === tcp.Option.Mss && b[i + 1] === MSS_LEN) return i;
    i += b[i]! < 2 ? 1 : b[i + 1]! || 1;
  }
  return -1;
}

/** A word at `at`, which may stand at an odd offset, with the checksum. */
function write(p: Packet, l4: number, at: number, value: number): void {
  const b = p.bytes;
  let from = u16(b, at);
  let to = value;
  if (((at - l4) & 1) === 1) {
    from = ((from & 0xff) << 8) | (from >> 8);
    to = ((to & 0xff) << 8) | (to >> 8);
  }
  setU16(b, at, value);
  // A partial checksum holds the pseudo-header alone: what is in the segment is summed later.
  if (p.csumStart !== l4) tcp.setChecksum(b, l4, checksum.update16(tcp.checksum(b, l4), from, to));
}

/** As the first option: the others move up by four bytes. */
function addOption(p: Packet, l4: number, mss: number): void {
  const b = p.bytes;
  const options = l4 + tcp.HEADER_LEN;
  const oldLength = p.end - l4;
  b.copyWithin(options + MSS_LEN, options, p.end);
  setU32(b, options, (tcp.Option.Mss << 24) | (MSS_LEN << 16) | mss);
  p.end += MSS_LEN;
  const offset = l4 + 12;
  const before = u16(b, offset);
  b[offset] = b[offset]! + (1 << 4);
  const sum = tcp.checksum(b, l4);
  // The pseudo-header's length changes in either form of the checksum.
  if (p.csumStart === l4) {
    tcp.setChecksum(b, l4, ~checksum.update16(~sum & 0xffff, oldLength, oldLength + MSS_LEN) & 0xffff);
  } else {
    let s = checksum.update16(sum, oldLength, oldLength + MSS_LEN);
    s = checksum.update16(s, 0, (tcp.Option.Mss << 8) | MSS_LEN);
    s = checksum.update16(s, 0, mss);
    tcp.setChecksum(b, l4, checksum.update16(s, before, u16(b, offset)));
  }
  ipv4.setTotalLength(b, p.l3, ipv4.totalLength(b, p.l3) + MSS_LEN);
}

/** The kernel takes the rule only with `--syn`, or flags that ask for SYN (`xt_find_syn_match`). */
function asksForSyn(rule: Rule): boolean {
  return rule.matches.some(m => m.kind === 'tcp' && m.flags !== undefined && !m.flags.not && (m.flags.value & tcp.Flag.Syn) !== 0);
}

export const tcpmss: TargetExtension<TargetOf<'TCPMSS'>> = {
  acts: [changeMss],
  refuse: (_t, rule) => (asksForSyn(rule) ? undefined : 'TCPMSS works only on SYN packets: add --syn'),
  emit: (t, out) => out.act(changeMss, t.mss === 'clamp-to-pmtu' ? CLAMP : t.mss),
};
