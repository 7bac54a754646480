import { parseIpv4 } from '../../src/base/address.ts';
import { Manip, RangeFlag } from '../../src/conntrack/nat/range.ts';
import type { Packet } from '../../src/packet/packet.ts';
import { Hook, Verdict } from '../../src/packet/verdict.ts';
import { POD, SERVICE, type Tcp, type Udp, type world } from './packets.ts';

export type World = ReturnType<typeof world>;
export type Binding = (w: World, p: Packet) => void;
export const none: Binding = () => {};
export const both = RangeFlag.MapIps | RangeFlag.ProtoSpecified;

export const dnat =
  (to: string, port: number): Binding =>
  (w, p) =>
    void w.ct.nat.bind(p.ct, Manip.Dst, both, parseIpv4(to), parseIpv4(to), port, port);
export const snat =
  (to: string, flags = 0, low = 0, high = low): Binding =>
  (w, p) =>
    void w.ct.nat.bind(
      p.ct,
      Manip.Src,
      RangeFlag.MapIps | flags | (low ? RangeFlag.ProtoSpecified : 0),
      parseIpv4(to),
      parseIpv4(to),
      low,
      high,
    );

/** PREROUTING and POSTROUTING of a packet, as a router does them. @returns false when it was dropped */
export function route(w: World, p: Packet, dst: Binding = none, src: Binding = none): boolean {
  if (w.ct.track(p, Hook.Prerouting) !== Verdict.Accept) return false;
  for (const [hook, manip, rule] of [[Hook.Prerouting, Manip.Dst, dst] as const, [Hook.Postrouting, Manip.Src, src] as const]) {
    if (w.ct.nat.consults(p, hook)) {
      rule(w, p);
      if (!w.ct.nat.initialized(p.ct, manip)) w.ct.nat.bindNull(p.ct, manip);
    }
    if (w.ct.nat.translate(p, hook) !== Verdict.Accept) return false;
  }
  return w.ct.confirm(p) === Verdict.Accept;
}

export const flow: Udp & Tcp = { src: POD, sport: 40_000, dst: SERVICE, dport: 53 };
