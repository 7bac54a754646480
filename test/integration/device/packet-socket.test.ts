import { describe, expect, test } from 'vitest';
import { noNamespaces, scenario, title } from './sandbox.ts';

const run = <T>(name: string, argument?: unknown) => scenario<T>('packet-socket', name, argument);

describe.skipIf(noNamespaces)(title('packet socket', noNamespaces), () => {
  test.each([
    { offload: false, qdiscBypass: false },
    { offload: true, qdiscBypass: false },
    { offload: true, qdiscBypass: true },
  ])('receives a frame in place with headroom and sends it back from there (%o)', async options => {
    const r = await run<{ headroom: number; near: object }>('thereAndBack', options);
    expect(r).toMatchObject({ xdp: options.qdiscBypass, received: 1, asSent: true, taken: true, back: [[true, true, 7]] });
    expect(r.headroom).toBeGreaterThanOrEqual(128);
    expect(r.near).toEqual({ rxPackets: 1, rxBytes: 106, txPackets: 1, txBytes: 106, rxDropped: 0, txDropped: 0 });
  });

  test('says how each frame was addressed: host, broadcast, multicast, another host', async () => {
    expect(await run('addressing')).toEqual([0, 1, 2, 3]);
  });

  test('does not see its own frames', async () => {
    expect(await run('ownFrames')).toMatchObject({ seen: 0, counters: { txPackets: 1, rxPackets: 0 } });
  });

  test.each([
    { offload: false, frames: 32, total: 1000, burst: 25 },
    { offload: true, frames: 15, total: 300, burst: 10 },
  ])('gives every frame once and in order round a small ring: $frames slots, offload $offload', async shape => {
    const r = await run<{ ring: number }>('wrap', shape);
    expect(r).toMatchObject({ received: shape.total, wrong: 0, dropped: 0, sent: shape.total });
    expect(r.ring).toBeLessThan(shape.total / 5);
  });

  test('counts what the ring had no slot for, never overwrites a borrowed slot, and goes on', async () => {
    const r = await run<{ ring: number; first: number }>('overflow', { extra: 50 });
    expect(r).toMatchObject({ first: r.ring, heldBack: 0, rest: 0, later: 5, dropped: 50 });
  });

  test('counts a frame that is larger than a slot and passes on none that is cut', async () => {
    expect(await run('tooLarge')).toEqual({ numbers: [99], dropped: 40 });
  });

  test.each([{}, { frameSize: 65_553 }])('passes segments of 64 KiB byte for byte, offload fields too (%o)', async shape => {
    expect(await run('segments', { count: 50, ...shape })).toEqual({ same: 50, fields: ['1,1448,34,16,true'], drops: [0, 0, 0, 0] });
  });

  test('keeps the order of segments and of frames that fit into a slot', async () => {
    const r = await run('mixed', { total: 400, burst: 40 });
    expect(r).toEqual({ inOrder: true, received: 400, lengths: 267, dropped: 0 });
  });

  test.each([false, true])('puts a VLAN tag back that the kernel took out (offload %s)', async offload => {
    expect(await run('vlan', { offload })).toEqual([{ same: true, headroom: true }]);
  });

  test.each([
    { offloadIn: false, offloadOut: false, left: false },
    { offloadIn: true, offloadOut: false, left: false },
    { offloadIn: false, offloadOut: true, left: true },
    { offloadIn: true, offloadOut: true, left: true },
  ])('marks an unfinished checksum and finishes it where the way out cannot say so ($offloadIn to $offloadOut)', async ({ left, ...o }) => {
    expect(await run('unfinished', o)).toEqual({ marked: [34, 6], out: [{ marked: left, right: !left }] });
  });

  test.each([false, true])('drops a frame that the kernel refuses alone (past the queueing discipline: %s)', async qdiscBypass => {
    expect(await run('refused', { qdiscBypass })).toEqual({ arrived: [1, 3], sent: 2, dropped: 1 });
  });

  test.each([{ offload: false }, { offload: true }, { offload: true, qdiscBypass: true }])(
    'sends a thousand frames in order from a queue of 64 (%o)',
    async options => {
      expect(await run('largeBatch', options)).toMatchObject({ count: 1000, ordered: true, counters: { txPackets: 1000, txDropped: 0 } });
    },
  );

  const ways = [{ qdiscBypass: false }, { qdiscBypass: true }];
  test.each(ways)('says which interface was deleted under load; the other goes on (%o)', async way => {
    const r = await run<{ message: string }>('deletedUnderLoad', { how: 'delete', ...way });
    expect(r).toMatchObject({
      flowed: true,
      code: 'DEVICE_GONE',
      spins: 0,
      batchAfter: 0,
      refusing: false,
      otherFailed: false,
      other: [77],
      afterClose: 0,
    });
    expect(r.message).toMatch(/"near0": E\w+: interface was deleted/);
  });

  test.each(ways)('says that an interface was set down, and comes back when it is up (%o)', async way => {
    const r = await run<{ message: string }>('deletedUnderLoad', { how: 'down', ...way });
    expect(r).toMatchObject({
      code: 'DEVICE_GONE',
      spins: 0,
      batchAfter: 0,
      refusing: false,
      other: [77],
      recovered: { failure: null, numbers: [88] },
    });
    expect(r.message).toMatch(/"near0": ENETDOWN: interface is down/);
  });

  test.each([{ offload: false }, { offload: true }, { offload: true, qdiscBypass: true }])(
    'allocates nothing per frame (%o)',
    async options => {
      const r = await run<{ received: number; bytesPerFrame: number }>('allocation', options);
      expect(r.received).toBe(64_000);
      expect(r.bytesPerFrame).toBeLessThan(4); // per call a number is boxed; one object per frame would be 12 at least
    },
  );

  test('names the call, the interface and the errno', async () => {
    expect(await run('noSuchInterface')).toEqual({ code: 'DEVICE', message: 'ioctl SIOCGIFINDEX "absent0": ENODEV' });
  });
});
