import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DropReason } from '../../src/base/drop-reason.ts';
import * as ethernet from '../../src/wire/ethernet.ts';
import * as ipv4 from '../../src/wire/ipv4.ts';
import * as udp from '../../src/wire/udp.ts';
import * as vxlan from '../../src/wire/vxlan.ts';
import { expectEncoded, expectRandomBytesBorne, expectTruncationsRefused } from './support/codec.ts';
import { bytes, L4, vxlanUdp } from './support/real-frames.ts';

const AT = L4 + udp.HEADER_LEN;
const header = vxlanUdp.subarray(AT, AT + vxlan.HEADER_LEN);

describe('the VXLAN header', () => {
  test('is read from a real frame, and an Ethernet frame stands behind it', () => {
    expect(udp.dstPort(vxlanUdp, L4)).toBe(vxlan.LINUX_PORT);
    expect(vxlan.decode(vxlanUdp, AT)).toEqual({ vni: 1 });
    const inner = AT + vxlan.HEADER_LEN;
    expect(ethernet.type(vxlanUdp, inner)).toBe(ethernet.EtherType.Ipv4);
    expect(ipv4.check(vxlanUdp, inner + ethernet.HEADER_LEN, vxlanUdp.length)).toBe(DropReason.None);
    expect(inner + ethernet.HEADER_LEN - 14).toBe(vxlan.OVERHEAD);
  });

  test('is written back as it was', () => expectEncoded((b, at) => vxlan.encode({ vni: 1 }, b, at), header));

  test('comes back from a round trip for every VNI', () => {
    fc.assert(
      fc.property(fc.nat(0xff_ffff), vni => {
        const b = new Uint8Array(10).fill(0xa5);
        expect(vxlan.encode({ vni }, b, 1)).toBe(9);
        expect(vxlan.check(b, 1, 9)).toBe(DropReason.None);
        expect(vxlan.vni(b, 1)).toBe(vni);
        expect([b[0], b[9]]).toEqual([0xa5, 0xa5]);
      }),
    );
  });

  test('is refused when it is cut', () => expectTruncationsRefused(vxlan.check, header));

  // Tried with frames sent to a vxlan device of Linux 6.18: none of these was received, the well-formed one was.
  test.each([
    ['0000000000000100', 'no I flag'],
    ['ff00000000000100', 'all flags'],
    ['8800000000000100', 'the flag of the group policy extension'],
    ['0800000100000100', 'a reserved byte before the VNI'],
    ['0800000000000101', 'the reserved byte after the VNI'],
  ])('is refused as Linux refuses it: %s (%s)', hex => {
    expect(vxlan.check(bytes(hex), 0, 8)).toBe(DropReason.VxlanInvalidHdr);
  });

  test('bears random bytes', () => expectRandomBytesBorne(vxlan.check, (b, at) => vxlan.decode(b, at), [header]));
});
