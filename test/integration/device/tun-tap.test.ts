import { describe, expect, test } from 'vitest';
import { noTun, scenario, title } from './sandbox.ts';

const run = <T>(name: string, argument?: unknown) => scenario<T>('tun-tap', name, argument);

describe.skipIf(noTun)(title('tap', noTun), () => {
  test.each([false, true])('carries frames both ways with headroom, and says how they were addressed (offload %s)', async offload => {
    const r = await run<{ headroom: number }>('tapThereAndBack', { offload });
    expect(r).toMatchObject({ same: [true, true, true], types: [0, 1, 3], back: [10, 11, 12], endsDiffer: true });
    expect(r.headroom).toBeGreaterThanOrEqual(128);
    expect(r).toMatchObject({ counters: { rxPackets: 3, txPackets: 3, rxDropped: 0, txDropped: 0 } });
  });

  test('carries segments of 64 KiB byte for byte, offload fields too', async () => {
    expect(await run('segments', { count: 50 })).toEqual({ same: 50, fields: ['1,1448,34,16'], dropped: 0 });
  });

  test('refuses and counts a segment when it cannot say that it is one', async () => {
    expect(await run('segmentWithoutHeader')).toEqual({ taken: false, dropped: 1, arrived: 0 });
  });

  test.each([false, true])('goes round its slots and gives none twice (offload %s)', async offload => {
    expect(await run('wrap', { offload })).toEqual({ received: 300, wrong: 0, held: [8, 0], rest: 4 });
  });

  test('counts what its queue had no room for, once', async () => {
    expect(await run('queueFull')).toEqual({ received: 100, dropped: [50, 50] });
  });

  test('has the name, MTU and both MACs it was given, and vanishes when it is closed', async () => {
    expect(await run('options')).toEqual({
      name: 'cni-tap0',
      mtu: [1450, 1450],
      kernelMac: [2, 0, 0, 0, 1, 1],
      mac: [2, 0, 0, 0, 1, 2],
      up: 0,
      ifindex: true,
      left: false,
    });
  });

  test('names the interface when its name is taken', async () => {
    expect(await run('nameTaken')).toEqual({ code: 'DEVICE', message: 'ioctl TUNSETIFF tap "taken0": EINVAL' });
  });

  test.each([false, true])('allocates no object per frame (offload %s)', async offload => {
    const r = await run<{ received: number; bytesPerFrame: number }>('allocation', { offload });
    expect(r.received).toBe(16_000);
    // The foreign call boxes the address, which is no small integer, on the way in: two numbers of 16 bytes per frame.
    expect(r.bytesPerFrame).toBeLessThan(64);
  });
});

describe.skipIf(noTun)(title('tun', noTun), () => {
  test.each([
    { offload: false, partial: 0, right: true },
    { offload: true, partial: 20, right: false },
  ])(
    'stands in front of real sockets, checksums finished or said to be unfinished (offload $offload)',
    async ({ offload, partial, right }) => {
      expect(await run('tunSockets', { offload })).toEqual({
        version: 4,
        mac: [0, 0, 0, 0, 0, 0],
        partial,
        right,
        taken: true,
        delivered: 1,
        errors: 0,
      });
    },
  );
});

describe.skipIf(noTun)(title('tap and tun', noTun), () => {
  test.each([{ kind: 'tap' }, { kind: 'tun' }])('$kind says that its interface was deleted', async ({ kind }) => {
    const r = await run<{ message: string }>('lost', { how: 'delete', kind });
    expect(r).toMatchObject({ before: true, code: 'DEVICE_GONE', refused: true, after: false, spins: 0 });
    expect(r.message).toBe('read "dev0": EBADFD: interface was deleted');
  });

  test.each([{ kind: 'tap' }, { kind: 'tun' }])(
    '$kind says that its interface was set down, and comes back when it is up',
    async ({ kind }) => {
      const r = await run<{ message: string }>('lost', { how: 'down', kind });
      expect(r).toMatchObject({ before: true, code: 'DEVICE_GONE', refused: true, after: true, spins: 0 });
      expect(r.message).toMatch(/"dev0": E\w+: interface is down/);
    },
  );
});
