import { describe, expect, test } from 'vitest';
import { noNamespaces, scenario, title } from './sandbox.ts';

const run = <T>(name: string, argument?: unknown) => scenario<T>('xdp-queue', name, argument);

describe.skipIf(noNamespaces)(title('AF_XDP beside a packet socket', noNamespaces), () => {
  test('sends frames of every length and alignment byte for byte, and counts them', async () => {
    const r = await run<{ bytes: number }>('everyLength');
    expect(r).toMatchObject({ xdp: true, seen: 1469, wrong: 0, counters: { txPackets: 1469, txBytes: r.bytes, txDropped: 0 } });
  });

  test.each([1500, 9000])('keeps the order of frames that go either way (MTU %i)', async mtu => {
    const r = await run<{ bytes: number }>('mixed', { total: 600, mtu });
    expect(r).toMatchObject({
      xdp: true,
      seen: 600,
      inOrder: true,
      segments: 110,
      counters: { txPackets: 600, txBytes: r.bytes, txDropped: 0 },
    });
  });

  test('has copied what is noted', async () => {
    expect(await run('copies')).toEqual(Array.from({ length: 100 }, (_, i) => i));
  });

  test('leaves the second socket on an interface to the packet socket', async () => {
    expect(await run('second')).toEqual({ xdp: [true, false], numbers: [0, 1], counters: [1, 1] });
  });

  test('is not there unless captures may miss what is sent', async () => {
    expect(await run('captured', { qdiscBypass: false })).toEqual({ xdp: false, seen: 1 });
    expect(await run('captured', { qdiscBypass: true })).toEqual({ xdp: true, seen: 0 });
  });

  test('drops what is noted when the interface goes down, and sends it not when it is up again', async () => {
    expect(await run('downWhileNoted')).toEqual({
      before: 20,
      down: { dropped: 30, failed: true },
      after: [600, 100, 699, true],
      xdp: true,
      sent: 620,
    });
  });

  test('counts what the interface drops, frame by frame', async () => {
    const r = await run<{ lost: number; bytes: number }>('droppedByInterface');
    expect(r.lost).toBe(17);
    expect(r).toMatchObject({ xdp: true, same: true, counters: { txPackets: 83, txBytes: r.bytes, txDropped: 17 } });
  });
});
