import { describe, expect, test } from 'vitest';
import { compile } from '../../../src/netfilter/execute/compile.ts';
import { type Onlooker, RuleParts } from '../../../src/netfilter/execute/explain.ts';
import { RULE_HEAD } from '../../../src/netfilter/execute/program.ts';
import { Netfilter } from '../../../src/netfilter/netfilter.ts';
import { Hook } from '../../../src/packet/verdict.ts';
import { counted, FakeEnvironment, packet, rulesOf } from './support.ts';

/** What an onlooker is told of a packet's walk: rules that matched, and which words of the others failed. */
function walk(lines: string[], p = packet(), settle: Onlooker['settle'] = () => undefined) {
  const { program, text } = compile(rulesOf('*filter', ...lines));
  const seen: string[] = [];
  const line = (c: number): string => `${text.of(c).chain}:${text.of(c).number}`;
  const parts = new RuleParts();
  const onlooker: Onlooker = {
    settle,
    missed(_x, _p, c, _depth, at) {
      const part = parts.at(text.of(c).rule!, at);
      seen.push(`${line(c)} not ${part.part === 'match' ? part.match.kind : part.part}`);
    },
    undecided: (_x, _p, c) => seen.push(`${line(c)} undecided`),
    matched: (_x, _p, c) => seen.push(line(c)),
    acted: () => undefined,
    ended: (_x, _p, c) => seen.push(`${line(c)} end`),
    policy: (_x, _p, c) => seen.push(`${line(c)} policy`),
  };
  const netfilter = new Netfilter(new FakeEnvironment(), { onlooker });
  netfilter.install(program);
  const verdict = netfilter.run('filter', Hook.Input, p);
  return { seen, verdict, text };
}

describe('the walk told in full', () => {
  test('names the words that failed', () => {
    const lines = [
      '-A INPUT -s 10.0.0.0/8 -j DROP',
      '-A INPUT -s 203.0.113.9 -d 10.0.0.1 -j DROP',
      '-A INPUT -i cni0 -j DROP',
      '-A INPUT -p udp -j DROP',
      '-A INPUT -f -j DROP',
      '-A INPUT -p tcp -m tcp --dport 81 -j DROP',
      '-A INPUT -p tcp -m tcp --dport 80 --tcp-flags SYN,ACK ACK -m mark --mark 1 -j DROP',
      '-A INPUT -p tcp -m comment --comment "a" -m tcp --dport 80 -m mark --mark 1 -j DROP',
      '-A INPUT -p tcp -m conntrack --ctstate INVALID --ctorigdst 1.2.3.4 -m ttl --ttl-eq 1 -j DROP',
      '-A INPUT -j ACCEPT',
    ];
    expect(walk(lines).seen).toEqual([
      'INPUT:1 not source',
      'INPUT:2 not destination',
      'INPUT:3 not in',
      'INPUT:4 not protocol',
      'INPUT:5 not fragment',
      'INPUT:6 not tcp',
      'INPUT:7 not tcp',
      'INPUT:8 not mark',
      'INPUT:9 not ttl',
      'INPUT:10',
    ]);
  });

  test('follows chains and counts as the other walk does', () => {
    const lines = [
      ':A -',
      ':B -',
      '-A INPUT -j A',
      '-A INPUT -g B',
      '-A INPUT -j DROP',
      '-A A -p udp',
      '-A A -j RETURN',
      '-A B -j MARK --set-mark 1',
    ];
    const p = packet();
    const { seen, text } = walk(lines, p);
    expect(seen).toEqual(['INPUT:1', 'A:1 not protocol', 'A:2', 'INPUT:2', 'B:1', 'B:2 end', 'INPUT:4 policy']);
    expect(counted(text, 'filter', 'INPUT')).toEqual([1, 1, 0, 1]);
    expect(p.mark).toBe(1);
  });

  test('tells every rule of a long chain, which the index would pass over', () => {
    const lines = Array.from({ length: 40 }, (_, i) => `-A INPUT -d 10.96.0.${i} -p tcp -m tcp --dport 80 -j ACCEPT`);
    const { seen } = walk(lines, packet({ dst: '10.96.0.39' }));
    expect(seen).toHaveLength(40);
    expect(seen.at(-1)).toBe('INPUT:40');
  });

  test('walks past a rule of which nobody can know, unless another test fails', () => {
    const lines = ['-A INPUT -i eth0 -p tcp -j DROP', '-A INPUT -i eth0 -p udp -j DROP'];
    const { seen, verdict } = walk(lines, packet(), (_x, _p, _c, at) => (at === RULE_HEAD ? 'undecided' : undefined));
    expect(seen).toEqual(['INPUT:1 undecided', 'INPUT:2 not protocol', 'INPUT:3 policy']);
    expect(verdict).toBe(1);
  });
});
