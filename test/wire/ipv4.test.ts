import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatIpv4, parseIpv4 } from '../../src/base/address.ts';
import { DropReason } from '../../src/base/drop-reason.ts';
import * as checksum from '../../src/wire/checksum.ts';
import * as ipv4 from '../../src/wire/ipv4.ts';
import { expectEncoded, expectRandomBytesBorne, expectTruncationsRefused } from './support/codec.ts';
import { L3, L4, portUnreachable, tcpSyn, vxlanUdp } from './support/real-frames.ts';

const packet = tcpSyn.subarray(L3);
const sealed = (b: Uint8Array): Uint8Array => {
  ipv4.rewriteChecksum(b, 0);
  return b;
};
const changed = (at: number, value: number): Uint8Array => {
  const b = Uint8Array.from(packet);
  b[at] = value;
  return b;
};

describe('the IPv4 header', () => {
  test('is read from a real packet', () => {
    const h = ipv4.decode(packet);
    expect(h).toMatchObject({
      tos: 0,
      totalLength: 60,
      identification: 0x447a,
      dontFragment: true,
      moreFragments: false,
      ttl: 64,
      protocol: 6,
    });
    expect([formatIpv4(h.src), formatIpv4(h.dst), h.options.length]).toEqual(['192.168.56.11', '192.168.56.12', 0]);
    expect(ipv4.tos(portUnreachable, L3)).toBe(0xc0);
    expect(ipv4.dontFragment(vxlanUdp, L3)).toBe(false);
  });

  test('is written back as it was, checksum included', () => {
    for (const frame of [tcpSyn, portUnreachable, vxlanUdp]) {
      expectEncoded((b, at) => ipv4.encode(ipv4.decode(frame, L3), b, at), frame.subarray(L3, L4));
    }
  });

  const options = fc.uint8Array({ maxLength: 40 }).map(o => o.subarray(0, o.length & ~3));
  const header = fc.record({
    tos: fc.nat(255),
    totalLength: fc.integer({ min: 60, max: 65535 }),
    identification: fc.nat(65535),
    dontFragment: fc.boolean(),
    moreFragments: fc.boolean(),
    fragmentOffset: fc.nat(8191).map(o => o * 8),
    ttl: fc.nat(255),
    protocol: fc.nat(255),
    src: fc.integer(),
    dst: fc.integer(),
    options,
  });

  test('comes back from a round trip, options and fragment fields included', () => {
    fc.assert(
      fc.property(header, h => {
        const b = new Uint8Array(70_000).fill(0xa5);
        const end = ipv4.encode(h, b, 4);
        expect(end).toBe(4 + 20 + h.options.length);
        expect(ipv4.check(b, 4, b.length)).toBe(DropReason.None);
        expect(ipv4.decode(b, 4)).toEqual(h);
        expect(ipv4.isFragment(b, 4)).toBe(h.moreFragments || h.fragmentOffset > 0);
        expect(b[3]).toBe(0xa5);
        expect(b[end]).toBe(0xa5);
      }),
      { numRuns: 50 },
    );
  });

  test('is refused when it or its payload is cut', () => expectTruncationsRefused(ipv4.check, packet));

  test('may be followed by padding', () => {
    const padded = new Uint8Array(packet.length + 6).fill(0xa5);
    padded.set(packet);
    expect(ipv4.check(padded, 0, padded.length)).toBe(DropReason.None);
  });

  test('is refused for the reason that the kernel gives, in its order', () => {
    expect(ipv4.check(changed(0, 0x65), 0, packet.length)).toBe(DropReason.IpInHdr); // version 6
    expect(ipv4.check(changed(0, 0x44), 0, packet.length)).toBe(DropReason.IpInHdr); // 16 bytes of header
    expect(ipv4.check(changed(0, 0x4f), 0, 40)).toBe(DropReason.IpInHdr); // 60 bytes, of which 40 are there
    expect(ipv4.check(changed(8, 63), 0, packet.length)).toBe(DropReason.IpCsum);
    expect(ipv4.check(sealed(changed(3, 200)), 0, packet.length)).toBe(DropReason.PktTooSmall); // longer than what came
    expect(ipv4.check(sealed(changed(3, 19)), 0, packet.length)).toBe(DropReason.IpInHdr); // shorter than its header
  });

  const setters: readonly [string, (b: Uint8Array, v: number) => void, (b: Uint8Array) => number, number][] = [
    ['source', (b, v) => ipv4.setSrc(b, 0, v | 0), b => ipv4.src(b, 0) >>> 0, 0xffff_ffff],
    ['destination', (b, v) => ipv4.setDst(b, 0, v | 0), b => ipv4.dst(b, 0) >>> 0, 0xffff_ffff],
    ['TTL', (b, v) => ipv4.setTtl(b, 0, v), b => ipv4.ttl(b, 0), 0xff],
    ['TOS', (b, v) => ipv4.setTos(b, 0, v), b => ipv4.tos(b, 0), 0xff],
    ['total length', (b, v) => ipv4.setTotalLength(b, 0, v), b => ipv4.totalLength(b, 0), 0xffff],
    ['identification', (b, v) => ipv4.setIdentification(b, 0, v), b => ipv4.identification(b, 0), 0xffff],
    ['fragment word', (b, v) => ipv4.setFragmentWord(b, 0, v), b => ipv4.fragmentWord(b, 0), 0xffff],
  ];
  for (const [name, set, get, max] of setters) {
    test(`keeps its checksum right when the ${name} is set`, () => {
      fc.assert(
        fc.property(fc.nat(max), value => {
          const b = packet.slice(0, 20);
          set(b, value);
          expect(get(b)).toBe(value);
          expect(checksum.holds(0, b, 0, 20)).toBe(true);
          const full = Uint8Array.from(b);
          ipv4.rewriteChecksum(full, 0);
          expect(ipv4.headerChecksum(b, 0)).toBe(ipv4.headerChecksum(full, 0));
        }),
      );
    });
  }

  test('gives fragment offsets in bytes', () => {
    const b = packet.slice(0, 20);
    ipv4.setFragmentWord(b, 0, ipv4.MF | 185);
    expect([ipv4.fragmentOffset(b, 0), ipv4.moreFragments(b, 0), ipv4.isFragment(b, 0)]).toEqual([1480, true, true]);
    ipv4.setFragmentWord(b, 0, ipv4.DF);
    expect([ipv4.fragmentOffset(b, 0), ipv4.isFragment(b, 0)]).toEqual([0, false]);
  });

  test('has addresses as int32', () => expect(ipv4.src(packet, 0)).toBe(parseIpv4('192.168.56.11')));

  test('bears random bytes', () => {
    const read = (b: Uint8Array, at: number, end: number): void => {
      expect(at + ipv4.headerLength(b, at)).toBeLessThanOrEqual(end);
      expect(ipv4.totalLength(b, at)).toBeGreaterThanOrEqual(ipv4.headerLength(b, at));
      ipv4.decode(b, at);
    };
    expectRandomBytesBorne(ipv4.check, read, [packet]);
  });
});
