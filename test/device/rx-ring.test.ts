import { describe, expect, test } from 'vitest';
import { ringShape } from '../../src/device/rx-ring.ts';

describe('the shape of a receive ring', () => {
  // What packet_set_ring (net/packet/af_packet.c) demands, for sizes from a small frame to a segment.
  test.each([60, 1518, 1600, 4000, 9018, 9234, 65553])('satisfies the kernel for frames of %s bytes', largest => {
    for (const wanted of [1, 15, 100, 510, 2048, 5000]) {
      const { blockSize, blocks, frameSize, frames } = ringShape(largest, wanted);
      expect(blockSize % 4096).toBe(0);
      expect(Math.log2(blockSize) % 1).toBe(0);
      expect(frameSize % 16).toBe(0);
      expect(frames).toBe(Math.floor(blockSize / frameSize) * blocks);
      expect(frames).toBeGreaterThanOrEqual(wanted);
      expect(frameSize).toBeGreaterThanOrEqual(largest + 32 + 20 + 16 + 16 + 144);
    }
  });

  test('does not put all headers of large slots a power of two apart', () => {
    expect(Math.log2(ringShape(65553, 100).frameSize) % 1).not.toBe(0);
    expect(ringShape(65553, 510).frames).toBe(510);
  });
});
