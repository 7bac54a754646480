import { describe, expect, test } from 'vitest';
import { formatMac, parseMac } from '../../src/base/address.ts';
import { DropReason } from '../../src/base/drop-reason.ts';
import * as ethernet from '../../src/wire/ethernet.ts';
import { expectEncoded, expectRandomBytesBorne } from './support/codec.ts';
import { arpRequest, hex, tcpSyn } from './support/real-frames.ts';

describe('the Ethernet header', () => {
  test('is read from a real frame', () => {
    const h = ethernet.decode(tcpSyn);
    expect([formatMac(h.dst), formatMac(h.src), h.type]).toEqual(['02:00:00:00:00:0b', '02:00:00:00:00:0a', ethernet.EtherType.Ipv4]);
    expect(ethernet.type(arpRequest, 0)).toBe(ethernet.EtherType.Arp);
  });

  test('is written back as it was', () => {
    expectEncoded((b, at) => ethernet.encode(ethernet.decode(tcpSyn), b, at), tcpSyn.subarray(0, ethernet.HEADER_LEN));
  });

  test('is refused when it is cut', () => {
    for (let end = 0; end < ethernet.HEADER_LEN; end++) expect(ethernet.check(0, end)).toBe(DropReason.PktTooSmall);
    expect(ethernet.check(3, 3 + ethernet.HEADER_LEN)).toBe(DropReason.None);
  });

  test('knows broadcast from multicast from unicast', () => {
    expect([ethernet.isBroadcast(arpRequest, 0), ethernet.isGroup(arpRequest, 0)]).toEqual([true, true]);
    expect([ethernet.isBroadcast(tcpSyn, 0), ethernet.isGroup(tcpSyn, 0)]).toEqual([false, false]);
    const multicast = parseMac('01:00:5e:00:00:fb');
    expect([ethernet.isBroadcast(multicast, 0), ethernet.isGroup(multicast, 0)]).toEqual([false, true]);
  });

  test('takes addresses out of another frame in place', () => {
    const b = Uint8Array.from(tcpSyn);
    ethernet.setDst(b, 0, tcpSyn, ethernet.srcAt(0));
    ethernet.setSrc(b, 0, tcpSyn, ethernet.dstAt(0));
    expect(hex(b.subarray(0, 14))).toBe('02000000000a02000000000b0800');
  });

  test('bears random bytes', () => {
    expectRandomBytesBorne(
      (_b, at, end) => ethernet.check(at, end),
      (b, at) => ethernet.decode(b, at),
      [tcpSyn],
    );
  });
});
