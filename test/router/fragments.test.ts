import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { VirtualClock } from '../../src/base/clock.ts';
import { DropReason } from '../../src/base/drop-reason.ts';
import { SeededRandom } from '../../src/base/random.ts';
import { Arena } from '../../src/packet/arena.ts';
import { plainMemory } from '../../src/packet/memory.ts';
import { Packet } from '../../src/packet/packet.ts';
import { Verdict } from '../../src/packet/verdict.ts';
import { DefragUser, Reassembly } from '../../src/router/fragments.ts';
import * as ipv4 from '../../src/wire/ipv4.ts';

const LINK = 14;
const size = { small: 4, large: 8 };

function world(highThresh = 1 << 20) {
  const clock = new VirtualClock();
  const arena = new Arena(plainMemory(Arena.bytesFor(size)), size);
  const r = new Reassembly({ clock, random: new SeededRandom(1), arena, highThresh });
  return { clock, arena, r, receive: (p: Packet) => r.receive(p, DefragUser.ConntrackIn) };
}

const payload = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * 31) & 255);

interface Fragment {
  from: number;
  to: number;
  more: boolean;
  id?: number;
  src?: number;
  tos?: number;
  df?: boolean;
  options?: readonly number[];
}
/** Bytes [from, to) of `data` as a fragment behind an Ethernet header. */
function fragment(data: Uint8Array, f: Fragment): Packet {
  const header = 20 + (f.options?.length ?? 0);
  const memory = plainMemory(256 + LINK + header + (f.to - f.from));
  const l3 = 128 + LINK;
  const end = l3 + header + (f.to - f.from);
  ipv4.encode(
    {
      tos: f.tos ?? 0,
      totalLength: end - l3,
      identification: f.id ?? 7,
      dontFragment: f.df ?? false,
      moreFragments: f.more,
      fragmentOffset: f.from,
      ttl: 64,
      protocol: 17,
      src: f.src ?? 0x0af40105,
      dst: 0x0af40207,
      options: Uint8Array.from(f.options ?? []),
    },
    memory.bytes,
    l3,
  );
  memory.bytes.fill(0xee, 128, l3);
  memory.bytes.set(data.subarray(f.from, f.to), l3 + header);
  const p = new Packet();
  p.borrow(memory, 0, 128, end, memory.bytes.length);
  p.l3 = l3;
  p.l4 = l3 + header;
  p.iif = 3;
  return p;
}
const cut = (data: Uint8Array, ...at: number[]): Fragment[] =>
  [0, ...at].map((from, n) => ({ from, to: at[n] ?? data.length, more: n < at.length }));
const body = (p: Packet): Uint8Array => p.bytes.slice(p.l4, p.end);

describe('reassembly', () => {
  test('puts a datagram together from fragments in any order, and cut anywhere', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 8000 }),
        fc.uniqueArray(fc.integer({ min: 1, max: 999 }), { maxLength: 12 }),
        fc.infiniteStream(fc.nat()),
        (length, places, dice) => {
          const data = payload(length);
          const at = places
            .map(n => n * 8)
            .filter(n => n < length)
            .sort((x, y) => x - y);
          if (at.length === 0) return;
          const { receive } = world();
          const order = cut(data, ...at).map((f, n) => ({ f, key: dice.next().value as number, n }));
          order.sort((x, y) => x.key - y.key || x.n - y.n);
          const packets = order.map(({ f }) => fragment(data, f));
          for (const p of packets.slice(0, -1)) expect(receive(p)).toBe(Verdict.Stolen);
          const whole = packets.at(-1)!;
          expect(receive(whole)).toBe(Verdict.Accept);
          expect(body(whole)).toEqual(data);
          expect(ipv4.check(whole.bytes, whole.l3, whole.end)).toBe(DropReason.None);
          expect(ipv4.isFragment(whole.bytes, whole.l3)).toBe(false);
        },
      ),
    );
  });

  test('passes what is not a fragment, untouched', () => {
    const { receive, r } = world();
    const data = payload(100);
    const p = fragment(data, { from: 0, to: 100, more: false, df: true });
    const before = p.bytes.slice();
    expect(receive(p)).toBe(Verdict.Accept);
    expect(p.bytes).toEqual(before);
    expect(r.counters.reqds).toBe(0);
  });

  test('gives the whole the header of its first fragment, options and link header with it, and the state of the last', () => {
    const { receive, arena } = world();
    const data = payload(2000);
    const [first, second] = cut(data, 1400);
    const options = [0x83, 3, 4, 1];
    const last = fragment(data, second!);
    receive(fragment(data, { ...first!, options, tos: 0x40 }));
    last.mark = 9;
    const free = arena.free;
    expect(receive(last)).toBe(Verdict.Accept);
    expect(arena.free).toBe(free - 1);
    expect([last.mark, last.iif, last.l4 - last.l3]).toEqual([9, 3, 24]);
    expect(last.bytes.slice(last.l3 + 20, last.l3 + 24)).toEqual(Uint8Array.from(options));
    expect(last.bytes.slice(last.start, last.l3)).toEqual(new Uint8Array(LINK).fill(0xee));
    expect(ipv4.tos(last.bytes, last.l3)).toBe(0x40);
    expect([last.fragMaxSize, last.fragDf]).toEqual([1424, false]);
    arena.give(last);
    expect(arena.free).toBe(free);
  });

  test('keeps DF only when the largest fragment had it', () => {
    for (const [df, kept] of [
      [[true, false], true],
      [[false, true], false],
    ] as const) {
      const { receive } = world();
      const data = payload(2000);
      const [a, b] = cut(data, 1400).map((f, n) => fragment(data, { ...f, df: df[n]! }));
      receive(a!);
      receive(b!);
      expect([b!.fragDf, ipv4.dontFragment(b!.bytes, b!.l3)]).toEqual([kept, kept]);
    }
  });

  test('drops a duplicate alone, and goes on', () => {
    const { receive, r } = world();
    const data = payload(3000);
    const [a, b, c] = cut(data, 1000, 2000);
    receive(fragment(data, a!));
    receive(fragment(data, b!));
    for (const again of [a!, { ...b!, from: 1200, to: 1600 }]) {
      const p = fragment(data, again);
      expect([receive(p), p.reason]).toEqual([Verdict.Drop, DropReason.DupFrag]);
    }
    expect(receive(fragment(data, c!))).toBe(Verdict.Accept);
    expect([r.counters.oks, r.counters.overlaps]).toEqual([1, 0]);
  });

  test.each([
    ['overlaps its neighbour', { from: 992, to: 2000, more: true }],
    ['ends before what is known of the datagram', { from: 80, to: 160, more: false }],
    ['is empty', { from: 2000, to: 2000, more: true }],
  ])('gives up the whole datagram when a fragment %s', (_, bad) => {
    const { receive, r } = world();
    const data = payload(3000);
    const [a, b, c] = cut(data, 1000, 2000);
    receive(fragment(data, a!));
    const p = fragment(data, bad);
    expect([receive(p), p.reason]).toEqual([Verdict.Drop, DropReason.FragInvalid]);
    expect(r.used).toBe(0);
    expect(receive(fragment(data, b!))).toBe(Verdict.Stolen);
    expect(receive(fragment(data, c!))).toBe(Verdict.Stolen);
  });

  test('refuses a datagram past 65535 bytes', () => {
    const { receive } = world();
    const data = payload(65_535);
    receive(fragment(data, { from: 0, to: 32_768, more: true }));
    const p = fragment(data, { from: 32_768, to: 65_535, more: false });
    expect([receive(p), p.reason]).toEqual([Verdict.Drop, DropReason.PktTooBig]);
  });

  test('marks congestion when one fragment has the mark, and refuses marks beside none', () => {
    const data = payload(2000);
    const join = (x: number, y: number): [Verdict, Packet] => {
      const { receive } = world();
      const [a, b] = cut(data, 1000);
      receive(fragment(data, { ...a!, tos: x }));
      const p = fragment(data, { ...b!, tos: y });
      return [receive(p), p];
    };
    const [accepted, p] = join(2, 3);
    expect([accepted, ipv4.tos(p.bytes, p.l3)]).toEqual([Verdict.Accept, 3]);
    expect(join(0, 3)[0]).toBe(Verdict.Drop);
    expect(join(0, 2)[0]).toBe(Verdict.Drop);
    expect(join(0, 0)[0]).toBe(Verdict.Accept);
  });

  test('gives up after 30 s from the first fragment, and hands out its head for the ICMP error', () => {
    const { receive, r, clock } = world();
    const data = payload(3000);
    const [a, b, c] = cut(data, 1000, 2000);
    const told: [number, number, number][] = [];
    const expired = (frame: Uint8Array, l3: number, iif: number): void => void told.push([frame.length, l3, iif]);
    receive(fragment(data, { ...b!, id: 8 }));
    receive(fragment(data, a!));
    clock.advance(29_999);
    receive(fragment(data, b!));
    r.sweep(expired);
    expect(told).toEqual([]);
    clock.advance(1);
    r.sweep(expired);
    expect(told).toEqual([[LINK + 20 + 1000, LINK, 3]]);
    expect([r.used, r.counters.timeout]).toEqual([0, 2]);
    expect(receive(fragment(data, c!))).toBe(Verdict.Stolen);
  });

  test('does not complete a datagram that is past its time, swept or not', () => {
    const { receive, clock } = world();
    const data = payload(2000);
    const [a, b] = cut(data, 1000);
    receive(fragment(data, a!));
    clock.advance(30_000);
    expect(receive(fragment(data, b!))).toBe(Verdict.Stolen);
  });

  test('begins no new datagram above ipfrag_high_thresh, and lets those go on that are there', () => {
    const { receive, r } = world(16_384);
    const data = payload(2000);
    const [a, b] = cut(data, 1000);
    let begun = 0;
    for (let id = 0; id < 100; id++) if (receive(fragment(data, { ...a!, id })) === Verdict.Stolen) begun++;
    expect(begun).toBe(9);
    expect(r.used).toBe(9 * 2048);
    const p = fragment(data, { ...b!, id: 0 });
    expect(receive(p)).toBe(Verdict.Accept);
    const q = fragment(data, { ...a!, id: 500 });
    expect([receive(q), receive(fragment(data, { ...a!, id: 501 }))]).toEqual([Verdict.Stolen, Verdict.Drop]);
  });

  test('begins a datagram anew when its source has sent more than 64 other fragments since', () => {
    const { receive } = world();
    const data = payload(2000);
    const [a, b] = cut(data, 1000);
    const others = (n: number): void => {
      for (let i = 0; i < n; i++) receive(fragment(data, { ...a!, id: 100 + i }));
    };
    receive(fragment(data, a!));
    others(63);
    expect(receive(fragment(data, b!))).toBe(Verdict.Accept);
    receive(fragment(data, a!));
    others(64);
    expect(receive(fragment(data, b!))).toBe(Verdict.Stolen);
  });

  test('keeps datagrams of other sources, numbers, zones and places apart', () => {
    const { receive, r } = world();
    const data = payload(2000);
    const [a, b] = cut(data, 1000);
    receive(fragment(data, a!));
    expect(receive(fragment(data, { ...b!, id: 8 }))).toBe(Verdict.Stolen);
    expect(receive(fragment(data, { ...b!, src: 1 }))).toBe(Verdict.Stolen);
    expect(receive(Object.assign(fragment(data, b!), { zone: 5 }))).toBe(Verdict.Stolen);
    expect(r.receive(fragment(data, b!), DefragUser.LocalDeliver)).toBe(Verdict.Stolen);
    expect(receive(fragment(data, b!))).toBe(Verdict.Accept);
  });
});
