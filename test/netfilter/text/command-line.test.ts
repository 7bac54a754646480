import { describe, expect, test } from 'vitest';
import type { RuleSet } from '../../../src/netfilter/ruleset.ts';
import { checkRules } from '../../../src/netfilter/text/check.ts';
import { runCommandLine } from '../../../src/netfilter/text/command-line.ts';

/** Commands one after the other, as they are typed. */
function run(...commands: string[]): RuleSet {
  let ruleSet: RuleSet = { tables: new Map() };
  for (const command of commands) ruleSet = runCommandLine(command.split(' '), ruleSet).ruleSet;
  return ruleSet;
}
const output = (command: string, ruleSet: RuleSet): string => runCommandLine(command.split(' '), ruleSet).output;

describe('iptables on a rule set', () => {
  test('chooses the table wherever -t stands', () => {
    const ruleSet = run(
      '-t nat -A POSTROUTING -j MASQUERADE',
      '-A INPUT -j ACCEPT -t filter',
      '--table=mangle -A OUTPUT -j TTL --ttl-set 5',
    );
    expect([...ruleSet.tables.keys()].sort()).toEqual(['filter', 'mangle', 'nat']);
    expect(output('-t nat -S POSTROUTING', ruleSet)).toBe('-P POSTROUTING ACCEPT\n-A POSTROUTING -j MASQUERADE\n');
  });
  test('leaves the old rule set as it was', () => {
    const before = run('-A INPUT -s 10.0.0.1');
    run('-A INPUT -s 10.0.0.1', '-F');
    runCommandLine(['-F'], before);
    expect(output('-S INPUT', before)).toBe('-P INPUT ACCEPT\n-A INPUT -s 10.0.0.1/32\n');
  });
  test('checks for a rule', () => {
    const ruleSet = run('-A INPUT -p tcp --dport 80 -j ACCEPT');
    expect(() => runCommandLine('-C INPUT -p tcp -m tcp --dport 80 -j ACCEPT'.split(' '), ruleSet)).not.toThrow();
    expect(() => runCommandLine('-C INPUT -p tcp --dport 81 -j ACCEPT'.split(' '), ruleSet)).toThrow('chain INPUT has no such rule');
  });
  test('takes counters with -c and shows them with -v', () => {
    expect(output('-vS INPUT', run('-A INPUT -c 5 300 -j ACCEPT', '-P INPUT DROP -c 1,2'))).toBe(
      '-P INPUT DROP -c 1 2\n-A INPUT -c 5 300 -j ACCEPT\n',
    );
  });
  test('shows one rule by its number', () => {
    const ruleSet = run('-A INPUT -s 10.0.0.1', '-A INPUT -s 10.0.0.2');
    expect(output('-S INPUT 2', ruleSet)).toBe('-A INPUT -s 10.0.0.2/32\n');
    expect(output('-nL INPUT 1', ruleSet)).toMatch(/^ +0 {4}-- {2}10\.0\.0\.1 +0\.0\.0\.0\/0 +\n$/);
  });
  test.each([
    ['', 'no command'],
    ['-A INPUT -j NOWHERE', 'iptables:1:13: no target named "NOWHERE"'],
    ['-t nothing -L', 'there is no table "nothing"'],
    ['-t security -L', 'table "security" is not supported'],
    ['-L nothing', 'there is no chain "nothing" in table filter'],
    ['-A INPUT -F', '-F cannot stand beside another command'],
    ['-F INPUT -j ACCEPT', 'takes no rule'],
    ['-A INPUT -n', 'mean nothing with append'],
    ['-t nat -P PREROUTING DROP', 'table nat is not for filtering'],
    ['-N a -c 1 2', '--set-counters means nothing with new-chain'],
    ['-R INPUT', '-R wants two values'],
    ['-A PREROUTING -j ACCEPT', 'there is no chain "PREROUTING" in table filter'],
  ])('refuses "%s"', (command, message) => {
    expect(() => runCommandLine(command === '' ? [] : command.split(' '))).toThrow(message);
  });
});

describe('a rule that names an object', () => {
  const named = (args: string) => () =>
    runCommandLine(args.split(' '), undefined, {
      objects: { set: new Set(['web']), nfacct: new Set(['bytes']), rateest: new Set(['in']) },
    });
  test.each([
    ['-A INPUT -m set --match-set web src,dst', '-A INPUT -m set --match-set nothing src'],
    ['-A INPUT -m nfacct --nfacct-name bytes', '-A INPUT -m nfacct --nfacct-name nothing'],
    [
      '-A INPUT -m rateest --rateest in --rateest-lt --rateest-bps 5mbit',
      '-A INPUT -m rateest --rateest out --rateest-lt --rateest-bps 5mbit',
    ],
  ])('wants it to exist: %s', (good, bad) => {
    expect(named(good)).not.toThrow();
    expect(named(bad)).toThrow('make it before the rule');
  });
});

describe('rules check', () => {
  test('prints the rules in canonical form and counts them', () => {
    const text = '*filter\n:a - [0:0]\n-A INPUT -p tcp --dport http -j a\nCOMMIT\n*nat\nCOMMIT\n';
    expect(checkRules(text)).toMatchObject({ tables: 2, chains: 8, rules: 1, warnings: [] });
    expect(checkRules(text).text).toContain('-A INPUT -p tcp -m tcp --dport 80 -j a\n');
  });
});
