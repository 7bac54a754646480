import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Ips } from '../../src/conntrack/status.ts';
import { tcpStateNames } from '../../src/conntrack/tcp/states.ts';
import { CtInfo, type Packet } from '../../src/packet/packet.ts';
import { Hook } from '../../src/packet/verdict.ts';
import { BACKEND, POD, tcpPacket, udpPacket, world } from './packets.ts';
import type { Given, Outcome } from './reference-packet.ts';
import { ReferenceTcp } from './reference-tcp.ts';
import { ReferenceUdp } from './reference-udp.ts';

const info = (p: Packet): Outcome['info'] => {
  if (p.ctinfo === CtInfo.None) return 'invalid';
  return p.ctinfo === CtInfo.New ? 'new' : p.ctinfo === CtInfo.Established ? 'established' : 'established-reply';
};

/** What is known of the flow after the packet, in the reference's form. */
function outcome(w: ReturnType<typeof world>, p: Packet, protocol: 6 | 17): Outcome {
  const i = w.ct.findEntry(0x0af40105, 0x0af40207, (40_000 << 16) | 80, protocol);
  if (i < 0) return { info: info(p) };
  const status = w.ct.status(i);
  const known = { left: w.ct.expiresMs(i), assured: (status & Ips.Assured) !== 0, replied: (status & Ips.SeenReply) !== 0 };
  return protocol === 6 ? { info: info(p), state: tcpStateNames[w.ct.tcpState(i)]!, ...known } : { info: info(p), ...known };
}

function optionBytes(o: Given['options']): number[] {
  const bytes: number[] = [];
  if (o.scale !== undefined) bytes.push(3, 3, o.scale);
  if (o.sackPermitted) bytes.push(4, 2);
  const sack = o.sack ?? [];
  if (sack.length > 0)
    bytes.push(5, 2 + 8 * sack.length, ...sack.flat().flatMap(v => [v >>> 24, (v >>> 16) & 255, (v >>> 8) & 255, v & 255]));
  return bytes;
}

// Steps are told relative to where each end is, so that most segments are plausible and some are far off.
const near = fc.oneof(
  { weight: 6, arbitrary: fc.constant(0) },
  {
    weight: 2,
    arbitrary: fc.oneof(
      fc.integer({ min: -2000, max: 2000 }),
      fc.constantFrom(-66_000, -66_001, -65_999, -65_535, -65_536, 65_535, 65_536, 8192, 8193, -8192, -8193),
    ),
  },
  fc.integer(),
);
const step = fc.record({
  reply: fc.boolean(),
  flags: fc.oneof(
    { weight: 5, arbitrary: fc.constantFrom('A', 'PA', 'A') },
    { weight: 4, arbitrary: fc.constantFrom('S', 'SA', 'FA', 'R', 'RA') },
    { weight: 1, arbitrary: fc.constantFrom('', 'F', 'SF', 'SR', 'U', 'AU', 'FAU', 'SU', 'SAU', 'P') },
  ),
  seqOff: near,
  ackOff: near,
  zeroAck: fc.integer({ min: 0, max: 9 }).map(n => n === 0),
  zeroSeq: fc.integer({ min: 0, max: 19 }).map(n => n === 0),
  window: fc.constantFrom(0, 1, 500, 8192, 65_535),
  length: fc.constantFrom(0, 0, 1, 100, 1460),
  options: fc.record(
    {
      scale: fc.integer({ min: 0, max: 20 }),
      sackPermitted: fc.constant(true),
      sack: fc.array(fc.tuple(near, near), { minLength: 1, maxLength: 3 }),
    },
    { requiredKeys: [] },
  ),
  gapMs: fc.oneof({ weight: 8, arbitrary: fc.constant(10) }, fc.constantFrom(9_999, 30_000, 61_000, 121_000, 301_000, 500_000_000)),
});

type Sent = Omit<Given, 'now' | 'seq' | 'ack'> & { gapMs: number };

describe('conntrack against a plain model of itself', () => {
  test('TCP: the same state, verdict, timeout and flags after every segment of random conversations', () => {
    fc.assert(
      fc.property(
        fc.tuple(fc.nat(0xffff_ffff), fc.nat(0xffff_ffff)),
        fc.boolean(),
        fc.array(step, { minLength: 1, maxLength: 40 }),
        (isn, shakes, steps) => {
          const w = world();
          const model = new ReferenceTcp();
          const next: [number, number] = [isn[0], isn[1]];
          const send = (s: Sent, seq: number, ack: number): void => {
            w.wait(s.gapMs);
            const sack = (s.options.sack ?? []).map(([l, r]): [number, number] => [(ack + l) >>> 0, (ack + r) >>> 0]);
            const options = s.options.sack ? { ...s.options, sack } : s.options;
            const tuple = s.reply
              ? { src: BACKEND, sport: 80, dst: POD, dport: 40_000 }
              : { src: POD, sport: 40_000, dst: BACKEND, dport: 80 };
            const p = tcpPacket({ ...tuple, flags: s.flags, seq, ack, window: s.window, length: s.length, options: optionBytes(options) });
            w.ct.track(p, Hook.Prerouting);
            w.ct.confirm(p);
            const given: Given = {
              now: w.clock.nowMs(),
              reply: s.reply,
              flags: s.flags,
              seq: seq >>> 0,
              ack: ack >>> 0,
              window: s.window,
              length: s.length,
              options,
            };
            expect(outcome(w, p, 6)).toEqual(model.packet(given));
            const end = (seq + s.length + (s.flags.includes('S') ? 1 : 0) + (s.flags.includes('F') ? 1 : 0)) >>> 0;
            next[s.reply ? 1 : 0] = end;
          };
          if (shakes) {
            const plain = { window: 8192, length: 0, options: { scale: 7, sackPermitted: true }, gapMs: 10 };
            send({ ...plain, reply: false, flags: 'S' }, next[0], 0);
            send({ ...plain, reply: true, flags: 'SA' }, next[1], next[0]);
            send({ ...plain, reply: false, flags: 'A', options: {} }, next[0], next[1]);
          }
          for (const s of steps) {
            const seq = s.zeroSeq ? 0 : (next[s.reply ? 1 : 0] + s.seqOff) >>> 0;
            const ack = s.zeroAck ? 0 : (next[s.reply ? 0 : 1] + s.ackOff) >>> 0;
            send(s, seq, ack);
          }
        },
      ),
      { numRuns: 1500 },
    );
  });

  test('UDP: the same verdict, timeout and flags after every datagram', () => {
    const gap = fc.constantFrom(1, 500, 1999, 2001, 29_999, 30_000, 119_999, 120_000);
    fc.assert(
      fc.property(fc.array(fc.tuple(gap, fc.boolean()), { maxLength: 30 }), steps => {
        const w = world();
        const model = new ReferenceUdp();
        for (const [gapMs, reply] of steps) {
          w.wait(gapMs);
          const tuple = reply ? { src: BACKEND, sport: 80, dst: POD, dport: 40_000 } : { src: POD, sport: 40_000, dst: BACKEND, dport: 80 };
          const p = udpPacket(tuple);
          w.ct.track(p, Hook.Prerouting);
          w.ct.confirm(p);
          expect(outcome(w, p, 17)).toEqual(model.packet(w.clock.nowMs(), reply));
        }
      }),
    );
  });
});
