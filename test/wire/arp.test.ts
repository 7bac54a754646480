import { describe, expect, test } from 'vitest';
import { formatIpv4, formatMac, parseIpv4, parseMac } from '../../src/base/address.ts';
import { DropReason } from '../../src/base/drop-reason.ts';
import * as arp from '../../src/wire/arp.ts';
import { expectEncoded, expectRandomBytesBorne, expectTruncationsRefused } from './support/codec.ts';
import { arpReply, arpRequest, hex } from './support/real-frames.ts';

const request = arpRequest.subarray(14);
const reply = arpReply.subarray(14);

describe('an ARP packet', () => {
  test('is read from a real request and its reply', () => {
    const words = (p: arp.ArpPacket) => [p.op, formatMac(p.sha), formatIpv4(p.spa), formatMac(p.tha), formatIpv4(p.tpa)];
    expect(words(arp.decode(request))).toEqual([
      arp.Op.Request,
      '02:00:00:00:00:0a',
      '192.168.56.11',
      '00:00:00:00:00:00',
      '192.168.56.12',
    ]);
    expect(words(arp.decode(reply))).toEqual([arp.Op.Reply, '02:00:00:00:00:0b', '192.168.56.12', '02:00:00:00:00:0a', '192.168.56.11']);
  });

  test('is written back as it was', () => {
    for (const image of [request, reply]) expectEncoded((b, at) => arp.encode(arp.decode(image), b, at), image);
  });

  test('is answered out of the bytes of the question', () => {
    const b = new Uint8Array(arp.HEADER_LEN).fill(0xa5);
    const mac = parseMac('02:00:00:00:00:0b');
    arp.write(b, 0, arp.Op.Reply, mac, arp.tpa(request, 0), request, arp.shaAt(0), arp.spa(request, 0));
    expect(hex(b)).toBe(hex(reply));
  });

  test('is refused when it is cut', () => expectTruncationsRefused(arp.check, request));

  test('is refused when it is not about IPv4 over Ethernet', () => {
    for (const [at, value] of [
      [1, 6], // hardware
      [2, 0x86], // protocol
      [4, 8], // length of a hardware address
      [5, 16], // length of a protocol address
      [7, 3], // RARP
    ] as const) {
      const b = Uint8Array.from(request);
      b[at] = value;
      expect(arp.check(b, 0, b.length)).toBe(DropReason.ArpInvalid);
    }
  });

  test('may stand in a padded frame', () => {
    const padded = new Uint8Array(46);
    padded.set(request);
    expect(arp.check(padded, 0, padded.length)).toBe(DropReason.None);
    expect(arp.tpa(padded, 0)).toBe(parseIpv4('192.168.56.12'));
  });

  test('bears random bytes', () => expectRandomBytesBorne(arp.check, (b, at) => arp.decode(b, at), [request, reply]));
});
