import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DropReason } from '../../src/base/drop-reason.ts';
import * as tcp from '../../src/wire/tcp.ts';
import { expectEncoded, expectRandomBytesBorne, expectTruncationsRefused } from './support/codec.ts';
import { hex, L4, tcpData, tcpFin, tcpSyn, tcpSynAck } from './support/real-frames.ts';

const syn = tcpSyn.subarray(L4);
const data = tcpData.subarray(L4);

describe('the TCP header', () => {
  test('is read from a real handshake', () => {
    const h = tcp.decode(syn);
    expect(h).toMatchObject({
      srcPort: 49084,
      dstPort: 8080,
      seq: 3370239346,
      ack: 0,
      flags: tcp.Flag.Syn,
      window: 64240,
      checksum: 0x72e0,
    });
    expect(hex(h.options)).toBe('020405b40402080a40703ab2000000000103030a');
    const answer = tcp.decode(tcpSynAck, L4);
    expect(answer).toMatchObject({ seq: 1181421682, ack: 3370239347, flags: tcp.Flag.Syn | tcp.Flag.Ack, window: 65160 });
    expect(tcp.flags(tcpFin, L4)).toBe(tcp.Flag.Fin | tcp.Flag.Ack);
    expect(tcp.headerLength(data, 0)).toBe(32);
  });

  test('is written back as it was, options included', () => {
    for (const frame of [tcpSyn, tcpSynAck, tcpData, tcpFin]) {
      const end = L4 + tcp.headerLength(frame, L4);
      expectEncoded((b, at) => tcp.encode(tcp.decode(frame, L4), b, at), frame.subarray(L4, end));
    }
  });

  test('comes back from a round trip', () => {
    const u16 = fc.nat(65535);
    const u32 = fc.nat(0xffff_ffff);
    const options = fc.uint8Array({ maxLength: 40 }).map(o => o.slice(0, o.length & ~3));
    const header = fc.record({
      srcPort: u16,
      dstPort: u16,
      seq: u32,
      ack: u32,
      flags: fc.nat(255),
      window: u16,
      checksum: u16,
      urgentPointer: u16,
      options,
    });
    fc.assert(
      fc.property(header, h => {
        const b = new Uint8Array(64).fill(0xa5);
        const end = tcp.encode(h, b, 2);
        expect(end).toBe(2 + 20 + h.options.length);
        expect(tcp.check(b, 2, end)).toBe(DropReason.None);
        expect(tcp.decode(b, 2)).toEqual(h);
        expect([tcp.seqI32(b, 2), tcp.ackI32(b, 2)]).toEqual([h.seq | 0, h.ack | 0]);
        expect([b[1], b[end]]).toEqual([0xa5, 0xa5]);
      }),
    );
  });

  test('is refused when the header is cut; the payload may be of any length', () => {
    expectTruncationsRefused(tcp.check, data, tcp.headerLength(data, 0));
    expect(tcp.check(data, 0, tcp.headerLength(data, 0))).toBe(DropReason.None);
  });

  test('is refused when its data offset says less than 20 bytes', () => {
    const b = Uint8Array.from(syn);
    b[12] = 0x40;
    expect(tcp.check(b, 0, b.length)).toBe(DropReason.TcpHdr);
  });

  test('finds its options in a real SYN', () => {
    expect(tcp.findOption(syn, 0, tcp.Option.Mss)).toBe(20);
    expect(tcp.findOption(syn, 0, tcp.Option.SackPermitted)).toBe(24);
    expect(tcp.findOption(syn, 0, tcp.Option.Timestamps)).toBe(26);
    expect(tcp.findOption(syn, 0, tcp.Option.WindowScale)).toBe(37);
    expect(tcp.findOption(syn, 0, tcp.Option.Sack)).toBe(-1);
    expect(tcp.findOption(data, 0, tcp.Option.Mss)).toBe(-1);
  });

  const withOptions = (...options: number[]): Uint8Array => {
    const h = tcp.decode(syn);
    const b = new Uint8Array(60);
    tcp.encode({ ...h, options: Uint8Array.from(options) }, b);
    return b;
  };
  test('ends the search for an option at a malformed or ended list', () => {
    expect(tcp.findOption(withOptions(8, 0, 2, 4, 5, 180, 1, 1), 0, tcp.Option.Mss)).toBe(-1); // length 0
    expect(tcp.findOption(withOptions(8, 40, 2, 4, 5, 180, 1, 1), 0, tcp.Option.Mss)).toBe(-1); // past the header
    expect(tcp.findOption(withOptions(0, 0, 2, 4, 5, 180, 0, 0), 0, tcp.Option.Mss)).toBe(-1); // after the end of the list
    expect(tcp.findOption(withOptions(1, 1, 1, 2), 0, tcp.Option.Mss)).toBe(-1); // no room for its length
  });

  test('bears random bytes, in its options too', () => {
    const read = (b: Uint8Array, at: number, end: number): void => {
      expect(at + tcp.headerLength(b, at)).toBeLessThanOrEqual(end);
      tcp.decode(b, at);
      for (let kind = 0; kind < 10; kind++) {
        const found = tcp.findOption(b, at, kind);
        if (found >= 0) expect(found + (b[found + 1] ?? 0)).toBeLessThanOrEqual(at + tcp.headerLength(b, at));
      }
    };
    expectRandomBytesBorne(tcp.check, read, [syn, data]);
  });
});
