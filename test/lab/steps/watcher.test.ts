import { describe, expect, test } from 'vitest';
import type { Sight } from '../../../src/lab/sight.ts';
import { allClosed } from '../../../src/lab/steps/watcher.ts';

const segment = (src: string, dst: string, flags: string): Sight => ({
  protocol: 'tcp',
  srcMac: '',
  dstMac: '',
  src,
  dst,
  flags,
  payload: 0,
});
const opened = [segment('a:1', 'b:2', 'SYN'), segment('b:2', 'a:1', 'SYN,ACK')];

describe('a conversation is over', () => {
  test('when both ends have sent FIN', () => {
    expect(allClosed([...opened, segment('a:1', 'b:2', 'FIN,ACK')])).toBe(false);
    expect(allClosed([...opened, segment('a:1', 'b:2', 'FIN,ACK'), segment('b:2', 'a:1', 'FIN,ACK')])).toBe(true);
  });
  test('when one has sent RST', () => {
    expect(allClosed([...opened, segment('b:2', 'a:1', 'RST')])).toBe(true);
  });
  test('when that holds for every connection', () => {
    const second = [segment('a:9', 'b:2', 'SYN')];
    expect(allClosed([...opened, segment('b:2', 'a:1', 'RST'), ...second])).toBe(false);
  });
});
