/**
 * NAT of one node (`net/netfilter/nf_nat_core.c`, `nf_nat_proto.c`, `nf_nat_masquerade.c`). At each of its four hooks a packet goes:
 *
 *     if (nat.consults(p, hook)) { run the nat chain; if (!nat.initialized(p.ct, manipOf(hook))) nat.bindNull(p.ct, manipOf(hook)) }
 *     verdict = nat.translate(p, hook)
 *
 * So the chains are asked once per flow, by its first packet, and a flow that no rule takes is bound to what it is already.
 */
import { DropReason } from '../../base/drop-reason.ts';
import { CtInfo, type Packet } from '../../packet/packet.ts';
import { Hook, Verdict } from '../../packet/verdict.ts';
import * as checksum from '../../wire/checksum.ts';
import * as icmp from '../../wire/icmp.ts';
import * as ipv4 from '../../wire/ipv4.ts';
import type { Core } from '../core.ts';
import { DST, ENTRY, KEY, MASQ_MASK, MASQ_SHIFT, MAX_MASQ, PORTS, REPLY, SRC, STATUS } from '../layout.ts';
import { dirOf, Ips } from '../status.ts';
import { invertPorts } from '../tuple.ts';
import { setup } from './bind.ts';
import { manipulate } from './manip.ts';
import { Manip, Range, RangeFlag } from './range.ts';

/** HOOK2MANIP: the source changes on the way out and in, the destination before routing. */
export const manipOf = (hook: Hook): Manip => (hook === Hook.Postrouting || hook === Hook.Input ? Manip.Src : Manip.Dst);

const range = new Range();

export class Nat {
  readonly #core: Core;

  constructor(core: Core) {
    this.#core = core;
  }

  /** Is it decided what this side of the flow becomes (`nf_nat_initialized`)? */
  initialized(i: number, manip: Manip): boolean {
    return (this.#core.table.words[i * ENTRY + STATUS]! & (manip === Manip.Dst ? Ips.DstNatDone : Ips.SrcNatDone)) !== 0;
  }

  /** Must the nat chain of this hook be run: has the flow's first packet come, and nothing been decided? */
  consults(p: Packet, hook: Hook): boolean {
    if (p.ct < 0 || p.ctinfo === CtInfo.Established || p.ctinfo === CtInfo.EstablishedReply) return false;
    if (p.ctinfo !== CtInfo.New && isIcmp(p)) return false; // a RELATED error goes the way of its flow
    return !this.initialized(p.ct, manipOf(hook));
  }

  /**
   * `nf_nat_setup_info`: decides for one side of a flow. Does nothing for a confirmed entry.
   *
   * @param flags   `RangeFlag` bits
   * @param minAddr int32; the range is inclusive, and compared unsigned
   * @param minPort port, or ICMP identifier
   */
  bind(i: number, manip: Manip, flags: number, minAddr: number, maxAddr: number, minPort: number, maxPort: number, basePort = 0): Verdict {
    const status = this.#core.table.words[i * ENTRY + STATUS]!;
    if ((status & Ips.Confirmed) !== 0) return Verdict.Accept;
    if (this.initialized(i, manip)) return Verdict.Drop;
    range.flags = flags;
    range.minAddr = minAddr;
    range.maxAddr = maxAddr;
    range.minPort = minPort;
    range.maxPort = maxPort;
    range.basePort = basePort;
    setup(this.#core, i, range, manip);
    return Verdict.Accept;
  }

  /** `nf_nat_alloc_null_binding`: the address stays; the source port too, unless another flow's answers would look the same. */
  bindNull(i: number, manip: Manip): Verdict {
    const words = this.#core.table.words;
    const address = words[i * ENTRY + REPLY + (manip === Manip.Src ? DST : SRC)]!;
    return this.bind(i, manip, RangeFlag.MapIps, address, address, 0, 0);
  }

  /**
   * MASQUERADE (`nf_nat_masquerade_ipv4`): to the address `newSrc` of the out-interface `oif`, which the entry remembers.
   * A source of 0.0.0.0 stays (a DHCP client that has no address yet).
   */
  masquerade(i: number, oif: number, newSrc: number, flags: number, minPort: number, maxPort: number): Verdict {
    const words = this.#core.table.words;
    const b = i * ENTRY;
    if (words[b + SRC] === 0) return Verdict.Accept;
    if (oif > MAX_MASQ) throw new RangeError(`interface ${oif}: masquerading remembers interfaces up to ${MAX_MASQ}`);
    words[b + STATUS] = (words[b + STATUS]! & ~MASQ_MASK) | (oif << MASQ_SHIFT);
    return this.bind(i, Manip.Src, flags | RangeFlag.MapIps, newSrc, newSrc, minPort, maxPort);
  }

  /** NETMAP: the bits under `mask` become those of `address`, of the side that the hook changes (`xt_NETMAP.c`). */
  netmap(p: Packet, hook: Hook, address: number, mask: number): Verdict {
    const manip = manipOf(hook);
    const old = manip === Manip.Src ? ipv4.src(p.bytes, p.l3) : ipv4.dst(p.bytes, p.l3);
    const to = (old & ~mask) | (address & mask);
    return this.bind(p.ct, manip, RangeFlag.MapIps, to, to, 0, 0);
  }

  /** `nf_nat_packet`: what was decided is done to the packet. Errors are translated as the packet that they quote. */
  translate(p: Packet, hook: Hook): Verdict {
    const i = p.ct;
    if (i < 0) return Verdict.Accept;
    const status = this.#core.table.words[i * ENTRY + STATUS]!;
    const dir = dirOf(p.ctinfo);
    const manip = manipOf(hook);
    if ((p.ctinfo === CtInfo.Related || p.ctinfo === CtInfo.Related + 3) && isIcmp(p)) return this.#error(p, i, status, dir, manip);
    // `nf_nat_oif_changed`: the flow leaves by another interface than the one whose address it was given.
    const masquerade = status >>> MASQ_SHIFT;
    if (masquerade !== 0 && hook === Hook.Postrouting && dir === 0 && masquerade !== p.oif) {
      this.#core.account(p, i, dir);
      this.#core.kill(i);
      return refuse(p);
    }
    if (!applies(status, dir, manip)) return Verdict.Accept;
    return this.#apply(p, i, dir, manip) ? Verdict.Accept : refuse(p);
  }

  /** Made to look like the inverse of the other direction. */
  #apply(p: Packet, i: number, dir: number, manip: Manip): boolean {
    const words = this.#core.table.words;
    const b = i * ENTRY;
    const other = b + (1 - dir) * REPLY;
    const proto = ipv4.protocol(p.bytes, p.l3);
    const ports = invertPorts(words[other + PORTS]!, words[b + KEY]! & 0xff);
    const port = manip === Manip.Src || proto === ipv4.Protocol.Icmp ? ports >>> 16 : ports & 0xffff;
    const address = manip === Manip.Src ? words[other + DST]! : words[other + SRC]!;
    return manipulate(p.bytes, p.l3, p.l4, p.end, proto, manip, address, port, p.csumStart !== 0 && p.csumStart === p.l4);
  }

  /** `nf_nat_icmp_reply_translation`: the quoted packet becomes what its sender sent, and the error goes back to that sender. */
  #error(p: Packet, i: number, status: number, dir: number, manip: Manip): Verdict {
    const b = p.bytes;
    const at = p.l4;
    const l3 = at + icmp.HEADER_LEN;
    if (l3 + ipv4.HEADER_LEN > p.end || !checksum.holds(0, b, at, p.end)) return refuse(p);
    if (icmp.type(b, at) === icmp.Type.Redirect) {
      // A redirect names a gateway of the other side: of no use behind NAT.
      if ((status & Ips.NatDoneMask) !== Ips.NatDoneMask || (status & Ips.NatMask) !== 0) return refuse(p);
    }
    if (!applies(status, dir, manip)) return Verdict.Accept;
    const words = this.#core.table.words;
    const other = i * ENTRY + (1 - dir) * REPLY;
    const proto = words[i * ENTRY + KEY]! & 0xff;
    const l4 = l3 + ipv4.headerLength(b, l3);
    const ports = words[other + PORTS]!;
    const inner = manip === Manip.Src ? Manip.Dst : Manip.Src;
    const address = inner === Manip.Src ? words[other + SRC]! : words[other + DST]!;
    const port = inner === Manip.Src || proto === ipv4.Protocol.Icmp ? ports >>> 16 : ports & 0xffff;
    if (!manipulate(b, l3, l4, p.end, proto, inner, address, port, false)) return refuse(p);
    icmp.setChecksum(b, at, 0);
    icmp.setChecksum(b, at, checksum.of(b, at, p.end));
    return this.#apply(p, i, dir, manip) ? Verdict.Accept : refuse(p);
  }

  /**
   * Forgets flows that were masqueraded behind interface `oif`: it went down, or lost `address` (`nf_nat_masquerade.c`).
   * @returns how many.
   */
  forgetMasquerade(oif: number, address?: number): number {
    const { table } = this.#core;
    let n = 0;
    for (let i = 0; i < table.touched; i++) {
      const b = i * ENTRY;
      if (!table.live(i) || table.words[b + STATUS]! >>> MASQ_SHIFT !== oif) continue;
      if (address !== undefined && table.words[b + REPLY + DST] !== address) continue;
      this.#core.kill(i);
      n++;
    }
    return n;
  }
}

const isIcmp = (p: Packet): boolean => ipv4.protocol(p.bytes, p.l3) === ipv4.Protocol.Icmp;

/** Does this side of this direction change? In the reply direction the sides change places. */
function applies(status: number, dir: number, manip: Manip): boolean {
  const source = manip === Manip.Src ? dir === 0 : dir === 1;
  return (status & (source ? Ips.SrcNat : Ips.DstNat)) !== 0;
}

function refuse(p: Packet): Verdict {
  p.reason = DropReason.NetfilterDrop;
  return Verdict.Drop;
}
