import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DropReason } from '../../src/base/drop-reason.ts';
import * as checksum from '../../src/wire/checksum.ts';
import * as icmp from '../../src/wire/icmp.ts';
import * as ipv4 from '../../src/wire/ipv4.ts';
import { expectEncoded, expectRandomBytesBorne } from './support/codec.ts';
import { hex, L4, portUnreachable, udpDatagram } from './support/real-frames.ts';

const error = portUnreachable.subarray(L4);

describe('the ICMP header', () => {
  test('is read from a real error, which quotes the datagram it is about', () => {
    expect(icmp.decode(error)).toEqual({ type: icmp.Type.DestUnreachable, code: icmp.Unreachable.Port, checksum: 0xee85, rest: 0 });
    expect(checksum.holds(0, error, 0, error.length)).toBe(true);
    expect(hex(error.subarray(icmp.HEADER_LEN))).toBe(hex(udpDatagram.subarray(14)));
    expect(ipv4.check(error, icmp.HEADER_LEN, error.length)).toBe(DropReason.None);
  });

  test('is written back as it was', () => {
    expectEncoded((b, at) => icmp.encode(icmp.decode(error), b, at), error.subarray(0, icmp.HEADER_LEN));
  });

  test('is finished with the checksum over what stands behind it', () => {
    const b = Uint8Array.from(error);
    b.fill(0xa5, 0, icmp.HEADER_LEN);
    icmp.finish(b, 0, b.length, icmp.Type.DestUnreachable, icmp.Unreachable.Port, 0);
    expect(hex(b)).toBe(hex(error));
  });

  test('carries the MTU of the next hop in the lower half of its rest (RFC 1191)', () => {
    const b = new Uint8Array(36);
    icmp.finish(b, 0, b.length, icmp.Type.DestUnreachable, icmp.Unreachable.FragNeeded, 1450);
    expect(hex(b.subarray(4, 8))).toBe('000005aa');
    expect(icmp.rest(b, 0) & 0xffff).toBe(1450);
  });

  test('keeps its checksum right when the identifier of a query is set', () => {
    fc.assert(
      fc.property(fc.nat(65535), fc.nat(65535), fc.nat(65535), fc.uint8Array({ maxLength: 64 }), (id, sequence, to, payload) => {
        const b = new Uint8Array(icmp.HEADER_LEN + payload.length);
        b.set(payload, icmp.HEADER_LEN);
        icmp.finish(b, 0, b.length, icmp.Type.Echo, 0, (id << 16) | sequence);
        expect([icmp.id(b, 0), icmp.sequence(b, 0)]).toEqual([id, sequence]);
        icmp.setId(b, 0, to);
        expect([icmp.id(b, 0), icmp.sequence(b, 0)]).toEqual([to, sequence]);
        expect(checksum.holds(0, b, 0, b.length)).toBe(true);
      }),
    );
  });

  test('tells errors from queries (RFC 1122 section 3.2.2)', () => {
    const errors = Object.values(icmp.Type).filter(icmp.isError);
    expect(errors).toEqual([3, 4, 5, 11, 12]);
  });

  test('is refused when it is cut', () => {
    for (let end = 0; end < icmp.HEADER_LEN; end++) expect(icmp.check(0, end)).toBe(DropReason.PktTooSmall);
    expect(icmp.check(0, icmp.HEADER_LEN)).toBe(DropReason.None);
  });

  test('bears random bytes', () => {
    expectRandomBytesBorne(
      (_b, at, end) => icmp.check(at, end),
      (b, at) => icmp.decode(b, at),
      [error],
    );
  });
});
