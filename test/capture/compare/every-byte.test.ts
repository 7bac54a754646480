// The strongest thing to say of the probe comparison: whatever byte is changed, in whatever frame, at whatever hop, it is found.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { CapturedFrame } from '../../../src/capture/captured-frame.ts';
import { compareProbe } from '../../../src/capture/compare/probe.ts';
import type { Run } from '../../../src/capture/compare/result.ts';
import { text } from '../support/frames.ts';
import { chosenByKernel, chosenByUserspace, hops, runOf, type Sent } from '../support/node-port-path.ts';

const injected = { clientPort: 40_000, clientIsn: 1000, id: 0x1000 };
const probe: readonly Sent[] = [
  { by: 'client', flags: 0x02 },
  { by: 'server', flags: 0x12, ack: 1 },
  { by: 'client', flags: 0x18, seq: 1, ack: 1, payload: text('GET / HTTP/1.1\r\n\r\n') },
  { by: 'client', protocol: 'udp', payload: text('a datagram') },
];
const userspace = runOf(probe, { ...chosenByUserspace, ...injected });
const kernel = runOf(probe, { ...chosenByKernel, ...injected });
const options = { hops, injectedAt: ['client/eth0'] };

const places = [...userspace.hops].flatMap(([hop, frames]) => frames.map((_, index) => ({ hop, index })));

/** UDP to port 8472, by its place in an Ethernet frame without options. */
const isVxlan = (b: Uint8Array): boolean => b.length > 50 && b[23] === 17 && ((b[36]! << 8) | b[37]!) === 8472;

function changed(run: Run, hop: string, index: number, change: (frame: CapturedFrame) => CapturedFrame | undefined): Run {
  const frames = run.hops.get(hop)!.flatMap((f, i) => (i === index ? (change(f) ?? []) : f));
  return { ...run, hops: new Map(run.hops).set(hop, frames) };
}

describe('the probe comparison', () => {
  test('finds any change of any byte of any frame', { timeout: 60_000 }, () => {
    expect(compareProbe(userspace, kernel, options).differences).toEqual([]);
    fc.assert(
      fc.property(fc.constantFrom(...places), fc.nat(), fc.integer({ min: 1, max: 255 }), ({ hop, index }, offset, bits) => {
        const spoiled = changed(userspace, hop, index, f => {
          const bytes = Uint8Array.from(f.bytes);
          bytes[offset % bytes.length]! ^= bits;
          return { ...f, bytes };
        });
        const c = compareProbe(spoiled, kernel, options);
        expect(c.same).toBe(false);
        // The outer source port is drawn by each run: two hops that disagree about it are found, but not which of them is wrong.
        const drawn =
          isVxlan(userspace.hops.get(hop)![index]!.bytes) && [34, 35].includes(offset % userspace.hops.get(hop)![index]!.bytes.length);
        expect(drawn || c.differences.some(d => d.hop === hop)).toBe(true);
      }),
      { numRuns: 150 },
    );
  });

  test('finds any frame that is missing, and names its hop alone', () => {
    for (const { hop, index } of places) {
      const c = compareProbe(
        changed(userspace, hop, index, () => undefined),
        kernel,
        options,
      );
      expect(c.differences.map(d => [d.hop, d.field])).toEqual([[hop, 'packet']]);
    }
  });

  test('finds any frame that was cut', () => {
    for (const { hop, index } of places) {
      const c = compareProbe(
        changed(userspace, hop, index, f => ({ ...f, bytes: f.bytes.subarray(0, f.bytes.length - 1) })),
        kernel,
        options,
      );
      expect(
        c.differences.some(d => d.hop === hop),
        `${hop} ${index}`,
      ).toBe(true);
    }
  });
});
