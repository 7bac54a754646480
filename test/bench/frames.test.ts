import { describe, expect, test } from 'vitest';
import { parseIpv4, parseMac } from '../../src/base/address.ts';
import { aim, FRAME_LEN, type FrameShape, writeFrame } from '../../src/bench/load/frames.ts';
import * as checksum from '../../src/wire/checksum.ts';
import * as ethernet from '../../src/wire/ethernet.ts';
import * as ipv4 from '../../src/wire/ipv4.ts';
import * as udp from '../../src/wire/udp.ts';

const shape: FrameShape = {
  dstMac: parseMac('02:00:00:00:00:01'),
  srcMac: parseMac('02:00:00:00:00:02'),
  client: parseIpv4('10.244.2.2'),
  service: parseIpv4('10.96.0.10'),
  servicePort: 80,
};
const AT = 4;
const L3 = AT + ethernet.HEADER_LEN;
const L4 = L3 + ipv4.HEADER_LEN;

function frame(n: number): Uint8Array {
  const b = new Uint8Array(AT + FRAME_LEN + 4).fill(0xa5);
  writeFrame(b, AT, shape);
  aim(b, AT, shape, n);
  return b;
}

describe('frames of the load', () => {
  test('are whole: both checksums hold, lengths agree, nothing is written around them', () => {
    const b = frame(7);
    expect(FRAME_LEN).toBe(60);
    expect(checksum.holds(0, b, L3, L4)).toBe(true);
    const sum = checksum.pseudoHeader(ipv4.src(b, L3), ipv4.dst(b, L3), ipv4.Protocol.Udp, AT + FRAME_LEN - L4);
    expect(checksum.holds(sum, b, L4, AT + FRAME_LEN)).toBe(true);
    expect(ipv4.totalLength(b, L3)).toBe(FRAME_LEN - ethernet.HEADER_LEN);
    expect(udp.length(b, L4)).toBe(FRAME_LEN - ethernet.HEADER_LEN - ipv4.HEADER_LEN);
    expect([...b.subarray(0, AT), ...b.subarray(AT + FRAME_LEN)]).toEqual(Array(8).fill(0xa5));
  });

  test('each flow has a source of its own', () => {
    const sources = new Set<string>();
    for (const n of [0, 1, 63_999, 64_000, 64_001, 6_400_000]) {
      const b = frame(n);
      sources.add(`${ipv4.src(b, L3)}:${udp.srcPort(b, L4)}`);
      expect(udp.dstPort(b, L4)).toBe(80);
    }
    expect(sources.size).toBe(6);
  });

  test('aimed again, an old frame becomes the new one', () => {
    const b = frame(123_456);
    aim(b, AT, shape, 3);
    expect(b).toEqual(frame(3));
  });
});
