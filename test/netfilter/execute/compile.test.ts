import { describe, expect, test } from 'vitest';
import { compile } from '../../../src/netfilter/execute/compile.ts';
import { sharedInt32 } from '../../../src/netfilter/execute/program.ts';
import type { Match, Target } from '../../../src/netfilter/ruleset.ts';
import { Hook, Verdict } from '../../../src/packet/verdict.ts';
import { counted, iface, jump, node, packet, rule, ruleSet, rulesOf, TCP, table } from './support.ts';

const quota: Match = { kind: 'extra', name: 'quota', options: [{ name: 'quota', not: false, value: '1000' }] };
const queue: Target = { kind: 'NFQUEUE', first: 0, count: 1, bypass: false, cpuFanout: false };

describe('compile', () => {
  test('refuses what it cannot execute, with the line', () => {
    const bad = (r: ReturnType<typeof rule>) => () => compile(ruleSet(table('filter', { INPUT: [r] })), { file: 'rules.v4' });
    expect(bad(rule({ line: 17 }, quota))).toThrow(/^rules\.v4:17:1: match quota cannot be executed$/);
    expect(bad(rule({ line: 0, target: queue }))).toThrow(/^target NFQUEUE cannot be executed$/);
    expect(() => compile(rulesOf('*raw', '-A PREROUTING -p tcp -j CT --helper ftp'))).toThrow(/CT --helper cannot be executed/);
  });

  test('keeps it when it is lenient: it never matches, and a warning says so', () => {
    const rules = ruleSet(
      table('filter', { INPUT: [rule({ line: 17, target: { kind: 'DROP' } }, quota), rule({ line: 18, target: queue })] }),
    );
    const n = node(rules, { lenient: true, file: 'f' });
    expect(n.netfilter.run('filter', Hook.Input, packet())).toBe(Verdict.Accept);
    expect(counted(n.text, 'filter', 'INPUT')).toEqual([0, 0, 1]);
    expect(n.text.warnings).toEqual([
      'f:17: match quota cannot be executed: the rule never matches',
      'f:18: target NFQUEUE cannot be executed: the rule never matches',
    ]);
  });

  test('finds the right chains behind a jump that never happens', () => {
    const chains = {
      INPUT: [rule({ target: jump('A') }, quota), rule({ target: jump('B') })],
      A: [rule({ target: { kind: 'DROP' } })],
      B: [rule({})],
    };
    const n = node(ruleSet(table('filter', chains)), { lenient: true });
    expect(n.netfilter.run('filter', Hook.Input, packet())).toBe(Verdict.Accept);
    expect([counted(n.text, 'filter', 'INPUT'), counted(n.text, 'filter', 'B')]).toEqual([
      [0, 1, 1],
      [1, 0],
    ]);
  });

  test('refuses what the kernel refuses', () => {
    const refused = (name: 'filter' | 'nat' | 'mangle', chains: Record<string, ReturnType<typeof rule>[]>) => () =>
      compile(ruleSet(table(name, chains)));
    expect(refused('filter', { INPUT: [rule({ target: jump('GONE') })] })).toThrow(/GONE/);
    expect(
      refused('filter', { INPUT: [rule({ target: jump('A') })], A: [rule({ target: jump('B') })], B: [rule({ target: jump('A') })] }),
    ).toThrow(/loop/);
    expect(refused('mangle', { FORWARD: [rule({ target: { kind: 'REJECT', with: 'icmp-port-unreachable' } })] })).toThrow(/REJECT/);
    const masquerade: Target = { kind: 'MASQUERADE', random: false, randomFully: false };
    expect(refused('nat', { PREROUTING: [rule({ target: masquerade })] })).toThrow(/MASQUERADE/);
    expect(refused('nat', { PREROUTING: [rule({ target: jump('A') })], A: [rule({ target: masquerade })] })).toThrow(/MASQUERADE/);
    expect(refused('nat', { POSTROUTING: [rule({ target: jump('A') })], A: [rule({ target: masquerade })] })).not.toThrow();
    expect(refused('filter', { INPUT: [rule({}, { kind: 'tcp' })] })).toThrow(/tcp/);
    expect(refused('filter', { INPUT: [rule({ target: { kind: 'REJECT', with: 'tcp-reset' } })] })).toThrow(/tcp/);
    expect(refused('mangle', { FORWARD: [rule({ protocol: TCP, target: { kind: 'TCPMSS', mss: 1400 } })] })).toThrow(/--syn/);
    expect(refused('filter', { INPUT: [rule({}, { kind: 'limit', average: 864_000_000, burst: 10_000 })] })).toThrow(/too large/);
    expect(
      refused('filter', {
        INPUT: [
          rule(
            {},
            {
              kind: 'set',
              name: 'gone',
              not: false,
              dimensions: ['src'],
              returnNomatch: false,
              noUpdateCounters: false,
              noUpdateSubcounters: false,
            },
          ),
        ],
      }),
    ).toThrow(/gone does not exist/);
  });

  test('takes chains that nobody calls, even in a loop as the kernel does, and counts nothing in them', () => {
    const n = node(rulesOf('*filter', ':LONELY -', ':LOOP -', '-A LONELY -j DROP', '-A LOOP -j LOOP'));
    n.netfilter.run('filter', Hook.Input, packet());
    expect(counted(n.text, 'filter', 'LONELY')).toEqual([0, 0]);
    expect(counted(n.text, 'filter', 'LOOP')).toEqual([0, 0]);
  });

  test('gives one number to patterns with the same words', () => {
    const rules = Array.from({ length: 20 }, (_, i) =>
      rule({ inInterface: iface('eth0'), ...(i % 2 ? { outInterface: iface('cni+') } : {}) }),
    );
    const { program } = compile(ruleSet(table('filter', { FORWARD: rules })));
    expect(program.interfaces).toEqual([
      { name: 'eth0', prefix: false },
      { name: 'cni', prefix: true },
    ]);
  });

  test('makes a program that a thread can be sent, in shared memory', () => {
    const { program } = compile(rulesOf('*filter', '-A INPUT -m recent --set --name a -j ACCEPT'));
    const copy = structuredClone(program);
    expect(copy.code.buffer).toBeInstanceOf(SharedArrayBuffer);
    expect(copy).toEqual(program);
    expect(sharedInt32(3)).toEqual(new Int32Array(3));
  });

  test('says which rule a counter is', () => {
    const { text } = compile(rulesOf('*filter', '-A INPUT -j ACCEPT', '-A INPUT -j DROP', '*nat', ':A -', '-A A -j RETURN'));
    const all = Array.from({ length: text.chains.length + 3 }, (_, i) => text.of(i)).map(
      t => `${t.table} ${t.chain} ${t.number} ${t.rule?.target?.kind ?? '-'}`,
    );
    expect(all).toContain('filter INPUT 2 DROP');
    expect(all).toContain('filter INPUT 3 -');
    expect(all).toContain('nat A 1 RETURN');
    expect(all).toContain('nat A 2 -');
  });
});
