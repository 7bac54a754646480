import { describe, expect, test } from 'vitest';
import { SyncRunner } from '../../src/proxy/sync-runner.ts';
import { settled, VirtualTimers } from './timers.ts';

function runner(outcomes: boolean[] = []) {
  const timers = new VirtualTimers();
  const at: number[] = [];
  const sync = async () => {
    at.push(timers.clock.nowMs());
    return { ok: outcomes.shift() ?? true };
  };
  return { timers, at, runner: new SyncRunner({ sync, after: timers.after, minMs: 1000, retryMs: 30_000, maxMs: 3_600_000 }) };
}

describe('when a proxy syncs', () => {
  test('at once after a quiet time, and many changes in the second after it are one sync', async () => {
    const { runner: r, timers, at } = runner();
    expect(await r.run()).toEqual({ ok: true });
    await timers.advance(200);
    const all = [r.run(), r.run(), r.run()];
    await timers.advance(799);
    expect(at).toEqual([0]);
    await timers.advance(1);
    await Promise.all(all);
    expect(at).toEqual([0, 1000]);
    await timers.advance(5000);
    await r.run();
    expect(at).toEqual([0, 1000, 6000]);
  });

  test('a change while one runs waits for the next', async () => {
    const timers = new VirtualTimers();
    const gates: PromiseWithResolvers<{ ok: true }>[] = [];
    const sync = () => {
      gates.push(Promise.withResolvers());
      return gates.at(-1)!.promise;
    };
    const r = new SyncRunner({ sync, after: timers.after, minMs: 1000, retryMs: 30_000, maxMs: 3_600_000 });
    const first = r.run();
    let second = false;
    void r.run().then(() => {
      second = true;
    });
    gates[0]!.resolve({ ok: true });
    await first;
    await timers.advance(1000);
    expect([gates.length, second]).toEqual([2, false]);
    gates[1]!.resolve({ ok: true });
    await settled();
    expect(second).toBe(true);
  });

  test('again 30 s after one that failed, until one goes well', async () => {
    const { runner: r, timers, at } = runner([false, false]);
    expect(await r.run()).toEqual({ ok: false });
    await timers.advance(70_000);
    expect(at).toEqual([0, 30_000, 60_000]);
  });

  test('a change does not wait for the retry', async () => {
    const { runner: r, timers, at } = runner([false]);
    await r.run();
    await timers.advance(5000);
    await r.run();
    await timers.advance(60_000);
    expect(at).toEqual([0, 5000]);
  });

  test('once an hour without any change, and never after it was stopped', async () => {
    const { runner: r, timers, at } = runner();
    await r.run();
    await timers.advance(3_600_000);
    expect(at).toEqual([0, 3_600_000]);
    r.stop();
    void r.run();
    await timers.advance(10_000_000);
    expect(at).toHaveLength(2);
  });
});
