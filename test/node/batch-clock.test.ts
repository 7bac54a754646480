import { describe, expect, test } from 'vitest';
import { VirtualClock } from '../../src/base/clock.ts';
import { BatchClock } from '../../src/node/batch-clock.ts';

describe('the clock of a packet loop', () => {
  test('stands still between two batches', () => {
    const source = new VirtualClock(1000);
    const clock = new BatchClock(source);
    source.advance(5);
    expect(clock.nowMs()).toBe(1000);
    clock.tick();
    expect(clock.nowMs()).toBe(1005);
  });

  test('jumps a day at once, and runs on from there', () => {
    const source = new VirtualClock(1000);
    const clock = new BatchClock(source);
    clock.advance(86_400_000);
    expect(clock.nowMs()).toBe(86_401_000);
    source.advance(1);
    clock.tick();
    expect(clock.nowMs()).toBe(86_401_001);
    expect(clock.aheadMs).toBe(86_400_000);
  });

  test('does not go back', () => {
    expect(() => new BatchClock(new VirtualClock()).advance(-1)).toThrow('a clock does not go back: -1 ms');
  });
});
