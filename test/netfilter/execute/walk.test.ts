import { describe, expect, test } from 'vitest';
import { Hook, Verdict } from '../../../src/packet/verdict.ts';
import { ACCEPT, at, counted, DROP, goTo, jump, node, packet, RETURN, rule, ruleSet, table, tracked } from './support.ts';

const accepted = (n: ReturnType<typeof node>, p = packet()): boolean => n.netfilter.run('filter', Hook.Input, p) === Verdict.Accept;

describe('the walk through a table', () => {
  test('takes the first rule that matches and counts it alone', () => {
    const n = node(
      ruleSet(
        table('filter', { INPUT: [rule({ source: at('10.0.0.0/8'), target: DROP }), rule({ target: ACCEPT }), rule({ target: DROP })] }),
      ),
    );
    expect(accepted(n)).toBe(true);
    expect(counted(n.text, 'filter', 'INPUT')).toEqual([0, 1, 0, 0]);
  });

  test('counts bytes as the length of the IP packet', () => {
    const n = node(ruleSet(table('filter', { INPUT: [rule({ target: ACCEPT })] })));
    accepted(n, packet({ payload: 60 }));
    const { first } = n.text.chains[0]!;
    expect(n.text.counters(first)).toEqual({ packets: 1, bytes: 100 });
  });

  test('counts a rule without target and goes on', () => {
    const n = node(ruleSet(table('filter', { INPUT: [rule({}), rule({ target: DROP })] })));
    expect(accepted(n)).toBe(false);
    expect(counted(n.text, 'filter', 'INPUT')).toEqual([1, 1, 0]);
  });

  test('falls to the policy, and counts it', () => {
    const n = node(ruleSet(table('filter', { INPUT: [] }, { INPUT: 'DROP' })));
    const p = packet();
    expect(accepted(n, p)).toBe(false);
    expect(p.reason).not.toBe(0);
    expect(counted(n.text, 'filter', 'INPUT')).toEqual([1]);
  });

  test('comes back from a chain to the rule behind the jump', () => {
    const n = node(
      ruleSet(
        table('filter', {
          INPUT: [rule({ target: jump('A') }), rule({ target: DROP })],
          A: [rule({}), rule({ target: RETURN }), rule({ target: ACCEPT })],
        }),
      ),
    );
    expect(accepted(n)).toBe(false);
    expect(counted(n.text, 'filter', 'A')).toEqual([1, 1, 0, 0]);
    expect(counted(n.text, 'filter', 'INPUT')).toEqual([1, 1, 0]);
  });

  test('counts the jump to an empty chain, and goes on behind it', () => {
    const n = node(
      ruleSet(
        table(
          'filter',
          { INPUT: [rule({ target: jump('A') }), rule({ target: goTo('A') }), rule({ target: ACCEPT })], A: [] },
          { INPUT: 'DROP' },
        ),
      ),
    );
    expect(accepted(n)).toBe(false);
    expect(counted(n.text, 'filter', 'INPUT')).toEqual([1, 1, 0, 1]);
    expect(counted(n.text, 'filter', 'A')).toEqual([0]);
  });

  test('goes from a goto back to the caller of its caller', () => {
    const n = node(
      ruleSet(
        table('filter', {
          INPUT: [rule({ target: jump('A') }), rule({ target: DROP })],
          A: [rule({ target: goTo('B') }), rule({ target: ACCEPT })],
          B: [rule({})],
        }),
      ),
    );
    expect(accepted(n)).toBe(false);
    expect(counted(n.text, 'filter', 'A')).toEqual([1, 0, 0]);
    expect(counted(n.text, 'filter', 'INPUT')).toEqual([1, 1, 0]);
  });

  test('takes RETURN in a built-in chain, and the end of a chain that it went to by goto, as the policy', () => {
    const n = node(
      ruleSet(
        table(
          'filter',
          {
            INPUT: [rule({ target: RETURN }), rule({ target: ACCEPT })],
            FORWARD: [rule({ target: goTo('B') }), rule({ target: ACCEPT })],
            B: [],
          },
          { INPUT: 'DROP', FORWARD: 'DROP' },
        ),
      ),
    );
    expect(accepted(n)).toBe(false);
    expect(counted(n.text, 'filter', 'INPUT')).toEqual([1, 0, 1]);
    expect(n.netfilter.run('filter', Hook.Forward, packet())).toBe(Verdict.Drop);
    expect(counted(n.text, 'filter', 'FORWARD')).toEqual([1, 0, 1]);
  });

  test('accepts where a table has no chain or was never touched', () => {
    const n = node(ruleSet(table('filter', { INPUT: [rule({ target: DROP })] })));
    expect(n.netfilter.run('filter', Hook.Prerouting, packet())).toBe(Verdict.Accept);
    expect(n.netfilter.run('mangle', Hook.Input, packet())).toBe(Verdict.Accept);
  });

  test('follows jumps as deep as they go', () => {
    const chains: Record<string, ReturnType<typeof rule>[]> = { INPUT: [rule({ target: jump('C0') })] };
    for (let i = 0; i < 40; i++) chains[`C${i}`] = i === 39 ? [] : [rule({ target: jump(`C${i + 1}`) })];
    const n = node(ruleSet(table('filter', chains)));
    expect(accepted(n)).toBe(true);
    expect(counted(n.text, 'filter', 'C38')).toEqual([1, 0]);
    expect(counted(n.text, 'filter', 'INPUT')).toEqual([1, 1]);
  });

  test('tells a tracer every rule that matched, each end of a chain and the policy', () => {
    const n = node(ruleSet(table('filter', { INPUT: [rule({ source: at('10.0.0.0/8') }), rule({ target: jump('A') })], A: [rule({})] })));
    const seen: string[] = [];
    const say = (kind: string) => (_p: unknown, hook: number, counter: number) => {
      const t = n.text.of(counter);
      seen.push(`${kind} ${hook} ${t.table}:${t.chain}:${t.number}`);
    };
    n.netfilter.tracer = { rule: say('rule'), end: say('end'), policy: say('policy') };
    accepted(n);
    expect(seen).toEqual(['rule 1 filter:INPUT:2', 'rule 1 filter:A:1', 'end 1 filter:A:2', 'policy 1 filter:INPUT:3']);
  });
});

describe('the hooks', () => {
  test('stand in the order of their priorities', () => {
    const seen: string[] = [];
    const all = rule({});
    const n = node(
      ruleSet(
        table('raw', { PREROUTING: [all], OUTPUT: [all] }),
        table('mangle', { PREROUTING: [all], INPUT: [all], FORWARD: [all], OUTPUT: [all], POSTROUTING: [all] }),
        table('nat', { PREROUTING: [all], INPUT: [all], OUTPUT: [all], POSTROUTING: [all] }),
        table('filter', { INPUT: [all], FORWARD: [all], OUTPUT: [all] }),
      ),
    );
    n.netfilter.tracer = { rule: (_p, _h, c) => seen.push(n.text.of(c).table), end: () => undefined, policy: () => undefined };
    n.ct.calls = seen;
    const walk = (hook: Hook): string[] => {
      seen.length = 0;
      n.ct.bound = [false, false];
      n.netfilter.hook(hook, tracked(packet()));
      return [...seen];
    };
    expect(walk(Hook.Prerouting)).toEqual(['raw', 'track', 'mangle', 'nat', 'bindNull', 'translate']);
    expect(walk(Hook.Input)).toEqual(['mangle', 'filter', 'nat', 'bindNull', 'translate', 'confirm']);
    expect(walk(Hook.Forward)).toEqual(['mangle', 'filter']);
    expect(walk(Hook.Output)).toEqual(['raw', 'track', 'mangle', 'nat', 'bindNull', 'translate', 'filter']);
    expect(walk(Hook.Postrouting)).toEqual(['mangle', 'nat', 'bindNull', 'translate', 'confirm']);
  });

  test('ask the nat rules for the first packet only', () => {
    const n = node(ruleSet(table('nat', { PREROUTING: [rule({})] })));
    for (const ctinfo of [2, 0, 3]) n.netfilter.hook(Hook.Prerouting, tracked(packet(), ctinfo));
    n.netfilter.hook(Hook.Prerouting, packet());
    expect(counted(n.text, 'nat', 'PREROUTING')).toEqual([1, 1]);
    expect(n.ct.calls).toEqual(['track', 'bindNull', 'translate', 'track', 'translate', 'track', 'translate', 'track']);
  });

  test('route again in OUTPUT when mangle has changed the mark', () => {
    const n = node(ruleSet(table('mangle', { OUTPUT: [rule({ target: { kind: 'MARK', value: 1, mask: 0xffffffff } })] })));
    n.netfilter.hook(Hook.Output, packet({ local: true, oif: 2 }));
    expect(n.env.rerouted).toBe(1);
    n.netfilter.hook(Hook.Output, packet({ local: true, oif: 2, mark: 1 }));
    expect(n.env.rerouted).toBe(1);
  });
});
