/** Which entries a command of conntrack(8) means. */
import { Ips } from '../status.ts';
import type { EntryView } from './view.ts';

export interface NatFilter {
  address?: number;
  port?: number;
}
export interface Filter {
  family?: 'ipv4' | 'ipv6';
  protocol?: number;
  origSrc?: { address: number; mask: number };
  origDst?: { address: number; mask: number };
  replySrc?: { address: number; mask: number };
  replyDst?: { address: number; mask: number };
  maskSrc?: number;
  maskDst?: number;
  origSrcPort?: number;
  origDstPort?: number;
  replySrcPort?: number;
  replyDstPort?: number;
  icmpType?: number;
  icmpCode?: number;
  icmpId?: number;
  state?: number;
  /** All of these bits. */
  status?: number;
  mark?: { value: number; mask: number };
  zone?: number;
  origZone?: number;
  replyZone?: number;
  srcNat?: NatFilter;
  dstNat?: NatFilter;
  anyNat?: NatFilter;
}

const same = (want: number | undefined, got: number): boolean => want === undefined || want === got;
const inside = (want: { address: number; mask: number } | undefined, got: number, mask: number | undefined): boolean =>
  want === undefined || ((want.address ^ got) & want.mask & (mask ?? -1)) === 0;

export function matches(f: Filter, e: EntryView): boolean {
  const ports = e.original.ports;
  const reply = e.reply.ports;
  return (
    f.family !== 'ipv6' &&
    same(f.protocol, e.protocol) &&
    inside(f.origSrc, e.original.src, f.maskSrc) &&
    inside(f.origDst, e.original.dst, f.maskDst) &&
    inside(f.replySrc, e.reply.src, undefined) &&
    inside(f.replyDst, e.reply.dst, undefined) &&
    same(f.origSrcPort, ports >>> 16) &&
    same(f.origDstPort, ports & 0xffff) &&
    same(f.replySrcPort, reply >>> 16) &&
    same(f.replyDstPort, reply & 0xffff) &&
    same(f.icmpId, ports >>> 16) &&
    same(f.icmpType, (ports >>> 8) & 0xff) &&
    same(f.icmpCode, ports & 0xff) &&
    same(f.state, e.state) &&
    (f.status === undefined || (e.status & f.status) === f.status) &&
    (f.mark === undefined || (e.mark & f.mark.mask) >>> 0 === f.mark.value) &&
    same(f.zone, e.zoneDirections === 3 ? e.zone : 0) &&
    same(f.origZone, (e.zoneDirections & 1) !== 0 ? e.zone : 0) &&
    same(f.replyZone, (e.zoneDirections & 2) !== 0 ? e.zone : 0) &&
    (f.srcNat === undefined || hasSrcNat(f.srcNat, e)) &&
    (f.dstNat === undefined || hasDstNat(f.dstNat, e)) &&
    (f.anyNat === undefined || hasSrcNat(f.anyNat, e) || hasDstNat(f.anyNat, e))
  );
}

/**
 * `--src-nat [ip[:port]]`: the source is rewritten, to that address and port where they are named. As the tool sees it: by comparing
 * the tuples, and an ICMP entry's identifier with the type and code that stand where a port would, so that it nearly always differs.
 */
const hasSrcNat = (n: NatFilter, e: EntryView): boolean =>
  (e.status & Ips.SrcNatDone) !== 0 &&
  (e.reply.dst !== e.original.src || (e.reply.ports & 0xffff) !== e.original.ports >>> 16) &&
  same(n.address, e.reply.dst) &&
  same(n.port, e.reply.ports & 0xffff);
const hasDstNat = (n: NatFilter, e: EntryView): boolean =>
  (e.status & Ips.DstNatDone) !== 0 &&
  (e.reply.src !== e.original.dst || e.reply.ports >>> 16 !== (e.original.ports & 0xffff)) &&
  same(n.address, e.reply.src) &&
  same(n.port, e.reply.ports >>> 16);
