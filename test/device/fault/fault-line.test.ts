import { describe, expect, test } from 'vitest';
import { SeededRandom } from '../../../src/base/random.ts';
import { FaultLine } from '../../../src/device/fault/fault-line.ts';
import { checkFaults, type Faults } from '../../../src/device/fault/faults.ts';
import { plainMemory } from '../../../src/packet/memory.ts';
import { Packet } from '../../../src/packet/packet.ts';

const line = (faults: Faults, seed = 1) => new FaultLine(faults, new SeededRandom(seed), plainMemory(FaultLine.bytesFor(faults)));
const p = new Packet();

/** Frames are four bytes: their number. Offers `count`, one each `everyMs`, and takes what has arrived. @returns [number, time] */
function pass(link: FaultLine, count: number, everyMs = 0, untilMs = 1_000_000): [number, number][] {
  const arrived: [number, number][] = [];
  const take = (now: number) => {
    while (link.take(p, now)) {
      arrived.push([new DataView(p.bytes.buffer, p.start).getUint32(0), now]);
      link.release();
    }
  };
  const frame = new Uint8Array(4);
  for (let i = 0; i < count; i++) {
    take(i * everyMs);
    new DataView(frame.buffer).setUint32(0, i);
    link.offer(frame, 0, 4, i * everyMs);
  }
  while (link.nextMs <= untilMs) take(link.nextMs);
  return arrived;
}
const numbers = (arrived: [number, number][]) => arrived.map(([n]) => n);
const upTo = (n: number) => [...Array(n).keys()];

describe('a link on which things go wrong', () => {
  test('without faults gives every frame at once, in order', () => {
    expect(pass(line({}), 100)).toEqual(upTo(100).map(n => [n, 0]));
  });

  test('loses the share that was asked for, and the same frames for the same seed', () => {
    const first = numbers(pass(line({ loss: 0.05 }), 100_000));
    expect(first.length).toBeGreaterThan(94_500);
    expect(first.length).toBeLessThan(95_500);
    expect(numbers(pass(line({ loss: 0.05 }), 100_000))).toEqual(first);
    expect(numbers(pass(line({ loss: 0.05 }, 2), 100_000))).not.toEqual(first);
    expect(pass(line({ loss: 1 }), 10)).toEqual([]);
  });

  test('delays each frame by the same, and keeps their order', () => {
    expect(pass(line({ delayMs: 20 }), 5, 1)).toEqual(upTo(5).map(n => [n, n + 20]));
  });

  test('spreads the delay, and frames overtake each other', () => {
    const arrived = pass(line({ delayMs: 20, jitterMs: 20 }), 200, 1);
    for (const [n, at] of arrived) expect(at - n).toBeLessThanOrEqual(40 + 1);
    expect(numbers(arrived).toSorted((a, b) => a - b)).toEqual(upTo(200));
    expect(numbers(arrived)).not.toEqual(upTo(200));
  });

  test('lets some go at once while the others wait', () => {
    const link = line({ delayMs: 10, reorder: 0.25 });
    const arrived = pass(link, 400, 1);
    const atOnce = arrived.filter(([n, at]) => at - n < 10).length;
    expect(atOnce).toBe(link.counters.overtook);
    expect(atOnce).toBeGreaterThan(60);
    expect(atOnce).toBeLessThan(140);
  });

  test('doubles frames', () => {
    const link = line({ duplicate: 0.5 });
    const arrived = numbers(pass(link, 100));
    expect(arrived.length).toBe(100 + link.counters.duplicated);
    expect(new Set(arrived).size).toBe(100);
  });

  test('turns exactly one bit of a corrupted frame', () => {
    const link = line({ corrupt: 1 });
    link.offer(new Uint8Array(100), 0, 100, 0);
    expect(link.take(p, 0)).toBe(true);
    const bits = [...p.bytes.subarray(p.start, p.end)].reduce((sum, byte) => sum + byte.toString(2).replaceAll('0', '').length, 0);
    expect(bits).toBe(1);
  });

  test('sends at its rate: frames wait for each other', () => {
    // 4 bytes at 32,000 bits a second: a millisecond each
    expect(pass(line({ rate: 32_000 }), 3)).toEqual([
      [0, 1],
      [1, 2],
      [2, 3],
    ]);
  });

  test('loses what has no room, counts it, and has room again for what was released', () => {
    const link = line({ delayMs: 10, limit: 8 });
    expect(numbers(pass(link, 10))).toEqual(upTo(8));
    expect(link.counters).toMatchObject({ taken: 10, given: 8, overLimit: 2 });
    expect(link.held).toBe(0);
    expect(numbers(pass(link, 8, 0, 2_000_000))).toEqual(upTo(8));
  });

  test.each([
    [{ loss: 2 }, /loss is 2: expected a share/],
    [{ reorder: 0.5 }, /a delayMs beside it/],
    [{ delayMs: 5, jitterMs: 6 }, /not more than delayMs/],
    [{ rate: 0 }, /bits a second, more than 0/],
    [{ limit: 0.5 }, /a number of frames/],
  ])('refuses %j', (faults, message) => {
    expect(() => checkFaults(faults, 'node1/eth0')).toThrow(message);
  });
});
