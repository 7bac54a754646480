import { describe, expect, test } from 'vitest';
import { SeededRandom } from '../../../src/base/random.ts';
import { compile } from '../../../src/netfilter/execute/compile.ts';
import { type Onlooker, RuleParts } from '../../../src/netfilter/execute/explain.ts';
import type { Tracer } from '../../../src/netfilter/execute/tracer.ts';
import { Netfilter } from '../../../src/netfilter/netfilter.ts';
import type { Match, Rule, RuleSet, Target } from '../../../src/netfilter/ruleset.ts';
import { CtInfo, type Packet } from '../../../src/packet/packet.ts';
import { Hook } from '../../../src/packet/verdict.ts';
import {
  ACCEPT,
  at,
  counted,
  DROP,
  FakeEnvironment,
  goTo,
  iface,
  jump,
  node,
  packet,
  port,
  RETURN,
  rule,
  ruleSet,
  TCP,
  table,
  UDP,
} from './support.ts';

/** Rules and packets out of few values, so that they meet; everything by one seed. */
class Maker {
  readonly random: SeededRandom;
  constructor(seed: number) {
    this.random = new SeededRandom(seed);
  }
  one<T>(of: readonly T[]): T {
    return of[this.random.below(of.length)]!;
  }
  chance(percent: number): boolean {
    return this.random.below(100) < percent;
  }
  address(): string {
    return `10.${this.random.below(2)}.0.${this.random.below(6)}`;
  }
  net(): string {
    return `${this.chance(15) ? '!' : ''}${this.address()}/${this.one([32, 32, 32, 30, 24, 16, 8, 0])}`;
  }
  ports(): { low: number; high: number; not: boolean } {
    const low = this.random.below(40);
    return port(low, low + this.one([0, 0, 0, 3, 30]), this.chance(10));
  }
  match(protocol: number): Match {
    const r = this.random;
    if (protocol === 6 && this.chance(10)) return { kind: 'tcpmss', ...port(1400, 1500) };
    if (protocol === 6 && this.chance(60)) {
      const flags = this.chance(20) ? { flags: { mask: 2, value: 2, not: this.chance(20) } } : {};
      const option = this.chance(10) ? { option: { number: 2, not: false } } : {};
      return { kind: 'tcp', dstPort: this.ports(), ...(this.chance(20) ? { srcPort: this.ports() } : {}), ...flags, ...option };
    }
    if (protocol === 17 && this.chance(60)) return { kind: 'udp', dstPort: this.ports() };
    if (protocol !== 0 && this.chance(40))
      return {
        kind: 'multiport',
        which: this.one(['sports', 'dports', 'ports'] as const),
        ports: [this.ports(), this.ports()],
        not: this.chance(10),
      };
    switch (r.below(8)) {
      case 0:
        return { kind: 'statistic', mode: 'random', threshold: 0x40000000, not: false };
      case 1:
        return { kind: 'statistic', mode: 'nth', every: 2 + r.below(3), packet: 0, not: false };
      case 2:
        return {
          kind: 'recent',
          op: this.one(['set', 'rcheck', 'update', 'remove'] as const),
          not: false,
          reap: false,
          rttl: false,
          name: this.one(['a', 'b']),
          mask: -1,
          side: 'source',
          seconds: 60,
        };
      case 3:
        return { kind: 'limit', average: 10_000_000, burst: 1 + r.below(5) };
      case 4:
        return { kind: 'mark', value: r.below(4), mask: 3, not: false };
      case 5:
        return { kind: 'nfacct', name: this.one(['x', 'y']) };
      case 6:
        return { kind: 'addrtype', destination: { types: 4, not: this.chance(30) }, limitIn: false, limitOut: false };
      default:
        return { kind: 'conntrack', state: { bits: this.one([2, 8, 10]), not: false } };
    }
  }
  rule(target: () => Target): Rule {
    const protocol = this.one([0, 6, 6, 6, 17]);
    const matches = Array.from({ length: this.one([0, 1, 1, 1, 2, 3]) }, () => this.match(protocol));
    return rule(
      {
        ...(this.chance(25) ? { source: at(this.net()) } : {}),
        ...(this.chance(70) ? { destination: at(this.net()) } : {}),
        ...(this.chance(10) ? { inInterface: iface(this.one(['eth0', 'cni0', '!eth0', 'eth+', '+'])) } : {}),
        ...(this.chance(5) ? { outInterface: iface(this.one(['eth0', 'cni0'])) } : {}),
        ...(protocol ? { protocol: { number: protocol, not: false } } : this.chance(5) ? { protocol: { number: 6, not: true } } : {}),
        ...(this.chance(80) ? { target: target() } : {}),
      },
      ...matches,
    );
  }
  ruleSet(): RuleSet {
    // A chain calls only later ones, so that there are no loops.
    const names = ['C0', 'C1', 'C2', 'C3'];
    const chain = (first: number): Rule[] =>
      Array.from({ length: this.one([0, 5, 30, 60]) }, () =>
        this.rule(() => {
          const n = this.random.below(20);
          if (n < 2) return ACCEPT;
          if (n < 3) return DROP;
          if (n < 4) return RETURN;
          if (n < 12 && first < names.length)
            return this.chance(70) ? jump(names[first + this.random.below(names.length - first)]!) : goTo(names[first]!);
          return { kind: 'MARK', value: this.random.below(4), mask: this.one([0, 3]) };
        }),
      );
    return ruleSet(
      table(
        'mangle',
        { PREROUTING: chain(0), FORWARD: chain(0), C0: chain(1), C1: chain(2), C2: chain(3), C3: chain(4) },
        { PREROUTING: this.one(['ACCEPT', 'DROP']) },
      ),
    );
  }
  packet(): Packet {
    const p = packet({
      src: this.address(),
      dst: this.address(),
      protocol: this.one([6, 6, 6, 17, 17, 1, 47]),
      srcPort: this.random.below(44),
      dstPort: this.random.below(44),
      flags: this.one([2, 16, 18]),
      options: this.chance(20)
        ? this.one([
            [2, 4, 5, 180],
            [8, 0, 0, 0],
          ])
        : [],
      fragment: this.chance(5) ? this.one([1, 2, 0x2000]) : 0,
      cut: this.chance(5) ? 1 + this.random.below(19) : 0,
      iif: 2 + this.random.below(2),
      oif: 2 + this.random.below(2),
    });
    // A data offset that does not hold.
    if (this.chance(5)) p.bytes[p.l4 + 12] = this.one([0x40, 0xf0]);
    p.ct = this.chance(80) ? 0 : -1;
    p.ctinfo = this.one([CtInfo.New, CtInfo.Established]);
    return p;
  }
}

/** Everything that can be seen of one packet's way. */
function walker(rules: RuleSet, how: 'linear' | 'indexed' | 'explaining') {
  const env = new FakeEnvironment(7);
  const { program, text } = compile(rules);
  let seen: string[] = [];
  const parts = new RuleParts();
  const missed: string[] = [];
  const onlooker: Onlooker = {
    settle: () => undefined,
    missed: (_x, _p, c, _depth, at) => missed.push(parts.at(text.of(c).rule!, at).part),
    undecided: () => missed.push('undecided'),
    matched: (_x, _p, c) => seen.push(`r${c}`),
    acted: () => {},
    ended: (_x, _p, c) => seen.push(`e${c}`),
    policy: (_x, _p, c, v) => seen.push(`p${c}=${v}`),
  };
  const netfilter = new Netfilter(env, how === 'explaining' ? { onlooker } : { indexed: how === 'indexed' });
  netfilter.install(program);
  netfilter.tracer = {
    rule: (_p, _h, c) => seen.push(`r${c}`),
    end: (_p, _h, c) => seen.push(`e${c}`),
    policy: (_p, _h, c, v) => seen.push(`p${c}=${v}`),
  } satisfies Tracer;
  return {
    program,
    text,
    /** The part of each rule that was tried on which it failed. */
    missed,
    run(p: Packet, hook: Hook) {
      env.clock.advance(100);
      seen = [];
      const verdict = netfilter.run('mangle', hook, p);
      return { verdict, mark: p.mark, reason: p.reason, walk: seen.join(' ') };
    },
  };
}

describe('the index', () => {
  test('changes nothing: verdict, marks, counters and walk are those of the linear walk', () => {
    let matched = 0;
    let indexedChains = 0;
    for (let seed = 1; seed <= 150; seed++) {
      const maker = new Maker(seed);
      const rules = maker.ruleSet();
      const linear = walker(rules, 'linear');
      const indexed = walker(rules, 'indexed');
      if (indexed.program.index.length > 1) indexedChains++;
      for (let i = 0; i < 80; i++) {
        const p = maker.packet();
        const copy = Object.assign(packet(), { ...p, bytes: p.bytes.slice() });
        const hook = maker.one([Hook.Prerouting, Hook.Forward]);
        const want = linear.run(p, hook);
        expect(indexed.run(copy, hook), `seed ${seed}, packet ${i}`).toEqual(want);
        matched += want.walk.split(' ').length;
      }
      expect(indexed.program.counters).toEqual(linear.program.counters);
    }
    expect(indexedChains).toBeGreaterThan(100);
    expect(matched).toBeGreaterThan(30_000);
  });

  test('finds the rule of one Service among many without trying the others', () => {
    const rules = Array.from({ length: 1000 }, (_, i) =>
      rule(
        { destination: at(`10.96.${i >> 8}.${i & 255}`), protocol: TCP, target: jump(`S${i % 10}`) },
        { kind: 'tcp', dstPort: port(80) },
      ),
    );
    const last = rule({ target: RETURN }, { kind: 'addrtype', destination: { types: 4, not: false }, limitIn: false, limitOut: false });
    const chains = Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`S${i}`, [rule({})]]));
    const n = node(ruleSet(table('nat', { PREROUTING: [...rules, last], ...chains })));
    let asked = 0;
    n.env.addressType = () => ++asked;
    n.netfilter.run('nat', Hook.Prerouting, packet({ dst: '10.96.3.7', dstPort: 80 }));
    expect(counted(n.text, 'nat', 'PREROUTING')[3 * 256 + 7]).toBe(1);
    expect(counted(n.text, 'nat', 'S5')).toEqual([1, 0]);
    expect(asked).toBe(1);
  });

  test('keeps to the order of rules that overlap', () => {
    const services = Array.from({ length: 20 }, (_, i) =>
      rule({ destination: at(`10.96.0.${i}`), protocol: UDP, target: ACCEPT }, { kind: 'udp', dstPort: port(53) }),
    );
    const n = node(
      ruleSet(
        table('filter', {
          FORWARD: [...services.slice(0, 10), rule({ destination: at('10.96.0.0/28'), target: DROP }), ...services.slice(10)],
        }),
      ),
    );
    const verdict = (dst: string): number => n.netfilter.run('filter', Hook.Forward, packet({ dst, protocol: 17, dstPort: 53 }));
    expect([verdict('10.96.0.9'), verdict('10.96.0.12'), verdict('10.96.0.17'), verdict('10.96.0.30')]).toEqual([1, 0, 1, 1]);
  });
});

test('the walk that explains is the linear walk, and names the part on which each rule failed', () => {
  const parts = new Set<string>();
  for (let seed = 1; seed <= 60; seed++) {
    const maker = new Maker(seed);
    const rules = maker.ruleSet();
    const linear = walker(rules, 'linear');
    const explaining = walker(rules, 'explaining');
    for (let i = 0; i < 40; i++) {
      const p = maker.packet();
      const copy = Object.assign(packet(), { ...p, bytes: p.bytes.slice() });
      const hook = maker.one([Hook.Prerouting, Hook.Forward]);
      expect(explaining.run(copy, hook), `seed ${seed}, packet ${i}`).toEqual(linear.run(p, hook));
    }
    expect(explaining.program.counters).toEqual(linear.program.counters);
    for (const part of explaining.missed) parts.add(part);
  }
  expect([...parts].sort()).toEqual(['destination', 'in', 'match', 'out', 'protocol', 'source']);
});
