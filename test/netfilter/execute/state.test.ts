import { describe, expect, test } from 'vitest';
import { compile } from '../../../src/netfilter/execute/compile.ts';
import { Netfilter } from '../../../src/netfilter/netfilter.ts';
import type { Packet } from '../../../src/packet/packet.ts';
import { Hook, Verdict } from '../../../src/packet/verdict.ts';
import { counted, FakeEnvironment, matcher, node, packet, rulesOf } from './support.ts';

const times = (n: number, what: () => boolean): number => Array.from({ length: n }, what).filter(Boolean).length;
const from = (n: number): Packet => packet({ src: `10.1.${n >> 8}.${n & 255}` });

describe('statistic', () => {
  test('random matches as often as its probability says', () => {
    const m = matcher('-m statistic --mode random --probability 0.3333333333');
    expect(times(30_000, () => m.hits(packet())) / 30_000).toBeCloseTo(1 / 3, 2);
    const not = matcher('-m statistic --mode random ! --probability 0.25');
    expect(times(30_000, () => not.hits(packet())) / 30_000).toBeCloseTo(0.75, 2);
  });

  test('random with probability 1 always matches, with 0 never', () => {
    expect(times(100, () => matcher('-m statistic --mode random --probability 1').hits(packet()))).toBe(100);
    expect(times(100, () => matcher('-m statistic --mode random --probability 0').hits(packet()))).toBe(0);
  });

  test('nth counts from its packet', () => {
    const seen = (args: string): string => {
      const m = matcher(`-m statistic --mode nth ${args}`);
      return Array.from({ length: 8 }, () => (m.hits(packet()) ? 'x' : '.')).join('');
    };
    expect(seen('--every 3 --packet 0')).toBe('x..x..x.');
    expect(seen('--every 3 --packet 2')).toBe('..x..x..');
    expect(seen('! --every 2 --packet 0')).toBe('.x.x.x.x');
  });
});

describe('limit', () => {
  test('lets the burst through, then as many as time allows', () => {
    const m = matcher('-m limit --limit 10/second --limit-burst 5');
    expect(times(20, () => m.hits(packet()))).toBe(5);
    m.env.clock.advance(100);
    expect(times(20, () => m.hits(packet()))).toBe(1);
    m.env.clock.advance(99);
    expect(m.hits(packet())).toBe(false);
    m.env.clock.advance(60_000);
    expect(times(20, () => m.hits(packet()))).toBe(5);
  });

  test('counts slow rates in whole credits', () => {
    const m = matcher('-m limit --limit 1/hour --limit-burst 1');
    expect(m.hits(packet())).toBe(true);
    m.env.clock.advance(3_599_000);
    expect(m.hits(packet())).toBe(false);
    m.env.clock.advance(1_000);
    expect(m.hits(packet())).toBe(true);
  });
});

describe('hashlimit', () => {
  test('has a bucket per source', () => {
    const m = matcher(
      '-m hashlimit --hashlimit-upto 1/sec --hashlimit-burst 2 --hashlimit-mode srcip --hashlimit-htable-expire 60000 --hashlimit-name h',
    );
    expect(times(5, () => m.hits(from(1)))).toBe(2);
    expect(times(5, () => m.hits(from(2)))).toBe(2);
    m.env.clock.advance(1004);
    expect(times(5, () => m.hits(from(1)))).toBe(1);
  });

  test('above matches what is over the rate', () => {
    const m = matcher('-m hashlimit --hashlimit-above 1/sec --hashlimit-burst 2 --hashlimit-mode srcip,dstport --hashlimit-name h');
    expect(times(5, () => m.hits(from(1)))).toBe(3);
    expect(m.hits(packet({ src: '10.1.0.1', dstPort: 81 }))).toBe(false);
  });

  test('masks addresses, and puts everything in one bucket without a mode', () => {
    const net = matcher(
      '-m hashlimit --hashlimit-upto 1/sec --hashlimit-burst 2 --hashlimit-mode srcip --hashlimit-srcmask 24 --hashlimit-name h',
    );
    expect([1, 2, 3].map(n => net.hits(from(n)))).toEqual([true, true, false]);
    const all = matcher('-m hashlimit --hashlimit-upto 1/sec --hashlimit-burst 1 --hashlimit-name h');
    expect([all.hits(from(1)), all.hits(from(999))]).toEqual([true, false]);
  });

  test('forgets a bucket that nobody used for as long as it lasts', () => {
    const m = matcher(
      '-m hashlimit --hashlimit-upto 1/hour --hashlimit-burst 1 --hashlimit-mode srcip --hashlimit-htable-expire 5000 --hashlimit-name h',
    );
    expect([m.hits(from(1)), m.hits(from(1))]).toEqual([true, false]);
    m.env.clock.advance(7000);
    expect(m.hits(from(1))).toBe(true);
  });

  test('drops what a full table has no bucket for', () => {
    const m = matcher(
      '-m hashlimit --hashlimit-upto 1/sec --hashlimit-burst 9 --hashlimit-mode srcip --hashlimit-htable-max 300 --hashlimit-name h',
    );
    expect(
      times(
        300,
        (
          n => () =>
            m.hits(from(n++))
        )(0),
      ),
    ).toBe(300);
    const p = from(300);
    expect(m.hits(p)).toBe(false);
    expect(p.reason).toBe(27);
    expect(m.hits(from(7))).toBe(true);
  });

  test('counts bytes in chunks of sixteen', () => {
    const m = matcher('-m hashlimit --hashlimit-upto 1600b/s --hashlimit-mode srcip --hashlimit-name h');
    const passed = times(100, () => m.hits(packet({ payload: 56 }))); // 96 bytes are 7 chunks
    expect(passed).toBeGreaterThanOrEqual(13);
    expect(passed).toBeLessThanOrEqual(15);
    m.env.clock.advance(1000);
    expect(times(100, () => m.hits(packet({ payload: 56 })))).toBe(passed);
  });
});

describe('recent', () => {
  test('set puts an address in, rcheck finds it, remove takes it out', () => {
    const n = node(
      rulesOf(
        '*filter',
        '-A INPUT -p tcp --dport 1 -m recent --set --name a -j ACCEPT',
        '-A INPUT -p tcp --dport 2 -m recent --rcheck --name a -j ACCEPT',
        '-A INPUT -p tcp --dport 3 -m recent --remove --name a -j ACCEPT',
        '-P INPUT DROP',
      ),
    );
    const knock = (dstPort: number, src = '10.1.0.1'): number => n.netfilter.run('filter', Hook.Input, packet({ src, dstPort }));
    expect([knock(2), knock(1), knock(2), knock(2, '10.1.0.2'), knock(3), knock(3), knock(2)]).toEqual([0, 1, 1, 0, 1, 0, 0]);
  });

  test('seconds and hitcount look at the times of an address', () => {
    const n = node(
      rulesOf(
        '*filter',
        '-A INPUT -m recent --update --seconds 60 --hitcount 3 --name ssh -j DROP',
        '-A INPUT -m recent --set --name ssh -j ACCEPT',
      ),
    );
    const knock = (): number => n.netfilter.run('filter', Hook.Input, from(1));
    expect([knock(), knock(), knock(), knock()]).toEqual([1, 1, 1, 0]);
    n.env.clock.advance(59_000);
    // The drop was an update: four times lie within the minute.
    expect(knock()).toBe(0);
    n.env.clock.advance(61_000);
    expect(knock()).toBe(1);
  });

  test('has the mask of the rule that the kernel looks at first, where rules do not agree', () => {
    const n = node(
      rulesOf(
        '*filter',
        '-N U0',
        '-A INPUT -p udp -j U0',
        '-A INPUT -p tcp -m recent --set --name a -j ACCEPT',
        '-A U0 -m recent --rcheck --name a --mask 255.255.255.0 -j DROP',
      ),
    );
    const knock = (protocol: number, src: string): number => n.netfilter.run('filter', Hook.Input, packet({ src, protocol }));
    expect([knock(6, '10.1.0.1'), knock(17, '10.1.0.2'), knock(17, '10.1.0.1')]).toEqual([1, 1, 0]);
  });

  test('holds 100 addresses; the one least recently seen gives way', () => {
    const n = node(rulesOf('*filter', '-A INPUT -m recent --rcheck --name a -j ACCEPT', '-A INPUT -m recent --set --name a -j DROP'));
    const seen = (i: number): boolean => n.netfilter.run('filter', Hook.Input, from(i)) === Verdict.Accept;
    for (let i = 0; i < 100; i++) seen(i);
    expect([seen(0), seen(99)]).toEqual([true, true]);
    seen(100);
    expect([seen(1), seen(0)]).toEqual([true, false]);
    // Putting 0 back took the place of 1.
    expect(seen(1)).toBe(false);
  });

  test('keeps 32 times, or as many as a rule counts', () => {
    const passes = (hitcount: number, knocks: number): boolean => {
      const n = node(
        rulesOf(
          '*filter',
          '-A INPUT -p udp -m recent --set --name a',
          `-A INPUT -p tcp -m recent --rcheck --hitcount ${hitcount} --name a -j DROP`,
        ),
      );
      for (let i = 0; i < knocks; i++) n.netfilter.run('filter', Hook.Input, packet({ protocol: 17 }));
      return n.netfilter.run('filter', Hook.Input, packet()) === Verdict.Drop;
    };
    expect([passes(32, 32), passes(32, 31), passes(33, 33), passes(33, 200)]).toEqual([true, false, true, true]);
  });

  test('reap takes away one address that is too old, and only one', () => {
    const n = node(
      rulesOf(
        '*filter',
        '-A INPUT -p udp -m recent --set --name a',
        '-A INPUT -p tcp -m recent --rcheck --seconds 10 --reap --name a -j ACCEPT',
        '-A INPUT -p icmp -m recent --rcheck --name a -j ACCEPT',
        '-P INPUT DROP',
      ),
    );
    const run = (i: number, protocol: number): number => n.netfilter.run('filter', Hook.Input, packet({ src: `10.1.0.${i}`, protocol }));
    for (const i of [1, 2, 3]) run(i, 17);
    n.env.clock.advance(11_000);
    expect(run(3, 6)).toBe(0);
    expect([run(1, 1), run(2, 1), run(3, 1)]).toEqual([0, 1, 1]);
  });

  test('rttl tells apart senders that wear the same address', () => {
    const n = node(
      rulesOf('*filter', '-A INPUT -m recent --rcheck --rttl --name a -j ACCEPT', '-A INPUT -m recent --set --name a -j DROP'),
    );
    const run = (ttl: number): number => n.netfilter.run('filter', Hook.Input, packet({ ttl }));
    expect([run(64), run(64), run(63)]).toEqual([0, 1, 0]);
  });

  test('rttl of what leaves without a socket of this node is that of before the node took one off', () => {
    const n = node(
      rulesOf(
        '*filter',
        '-A INPUT -m recent --set --name a -j DROP',
        '-A OUTPUT -m recent --rcheck --rttl --name a -j ACCEPT',
        '-P OUTPUT DROP',
      ),
    );
    const leaves = (ttl: number, socketless: boolean): number =>
      n.netfilter.run('filter', Hook.Output, Object.assign(packet({ ttl }), { local: true, socketless }));
    n.netfilter.run('filter', Hook.Input, packet({ ttl: 64 }));
    expect([leaves(64, false), leaves(64, true), leaves(63, true), leaves(65, false)]).toEqual([1, 0, 1, 0]);
    // 256 is 0 in a byte, and that is any.
    expect([leaves(255, false), leaves(255, true)]).toEqual([0, 1]);
  });

  test('rdest and mask choose what is remembered', () => {
    const n = node(
      rulesOf(
        '*filter',
        '-A INPUT -m recent --rcheck --name a --mask 255.255.255.0 --rdest -j ACCEPT',
        '-A INPUT -m recent --set --name a --mask 255.255.255.0 --rdest -j DROP',
      ),
    );
    const run = (dst: string): number => n.netfilter.run('filter', Hook.Input, packet({ dst }));
    expect([run('10.0.0.1'), run('10.0.0.2'), run('10.0.1.1')]).toEqual([0, 1, 0]);
  });
});

describe('nfacct', () => {
  test('counts under a name what passes by any of its rules', () => {
    const n = node(
      rulesOf(
        '*filter',
        '-A INPUT -m nfacct --nfacct-name web',
        '-A INPUT -m nfacct --nfacct-name web',
        '-A INPUT -p udp -m nfacct --nfacct-name dns',
      ),
    );
    n.netfilter.run('filter', Hook.Input, packet());
    expect([...n.text.accounting()]).toEqual([
      ['web', { packets: 2, bytes: 80 }],
      ['dns', { packets: 0, bytes: 0 }],
    ]);
  });
});

describe('a reload', () => {
  const lines = [
    '*filter',
    '-A INPUT -m limit --limit 1/hour --limit-burst 1 -j ACCEPT',
    '-A INPUT -m recent --rcheck --name a -j RETURN',
    '-A INPUT -m recent --set --name a -m nfacct --nfacct-name all',
    '-A INPUT -j DROP',
  ];

  test('goes on with the counters and states of rules that stayed', () => {
    const before = rulesOf(...lines);
    const first = compile(before);
    const netfilter = new Netfilter(new FakeEnvironment());
    netfilter.install(first.program);
    for (let i = 0; i < 2; i++) netfilter.run('filter', Hook.Input, packet());
    expect(counted(first.text, 'filter', 'INPUT')).toEqual([1, 0, 1, 1, 0]);
    // The same rules behind a new one.
    const input = before.tables.get('filter')!.chains.get('INPUT')!;
    const fresh = rulesOf('*filter', '-A INPUT -p udp -j ACCEPT').tables.get('filter')!.chains.get('INPUT')!.rules[0]!;
    const chains = new Map(before.tables.get('filter')!.chains).set('INPUT', { ...input, rules: [fresh, ...input.rules] });
    const second = compile({ tables: new Map([['filter', { name: 'filter', chains }]]) }, { previous: first.text });
    // Counted between the compilation and the exchange.
    netfilter.run('filter', Hook.Input, packet());
    netfilter.install(second.program);
    expect(counted(second.text, 'filter', 'INPUT')).toEqual([0, 1, 1, 1, 1, 1]);
    netfilter.run('filter', Hook.Input, packet());
    expect(counted(second.text, 'filter', 'INPUT')).toEqual([0, 1, 2, 1, 1, 2]);
    expect(second.text.accounting().get('all')).toEqual({ packets: 1, bytes: 40 });
  });

  test('with new rules starts their counters and buckets again, and keeps what has a name', () => {
    const netfilter = new Netfilter(new FakeEnvironment());
    const first = compile(rulesOf(...lines));
    netfilter.install(first.program);
    for (let i = 0; i < 2; i++) netfilter.run('filter', Hook.Input, packet());
    const second = compile(rulesOf(...lines), { previous: first.text });
    netfilter.install(second.program);
    for (let i = 0; i < 2; i++) netfilter.run('filter', Hook.Input, packet());
    expect(counted(second.text, 'filter', 'INPUT')).toEqual([1, 1, 0, 0, 1]);
  });

  test('starts from the counters that the rules were loaded with, and shows those of the moment', () => {
    const n = node(rulesOf('*filter', '-A INPUT -j ACCEPT'));
    n.netfilter.run('filter', Hook.Input, packet());
    const saved = n.text.snapshot();
    expect(saved.tables.get('filter')!.chains.get('INPUT')!.rules[0]).toMatchObject({ packets: 1, bytes: 40 });
    const again = node(saved);
    again.netfilter.run('filter', Hook.Input, packet());
    expect(counted(again.text, 'filter', 'INPUT')).toEqual([2, 0]);
  });
});
