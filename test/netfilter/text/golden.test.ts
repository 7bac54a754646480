import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { TextError } from '../../../src/base/errors.ts';
import { runCommandLine } from '../../../src/netfilter/text/command-line.ts';
import { readRuleSet } from '../../../src/netfilter/text/read.ts';
import { writeRuleSet } from '../../../src/netfilter/text/write.ts';

// Made with iptables 1.8.9: `.in` was loaded with iptables-restore -c, the rest is what iptables-save and iptables printed then.
const fixture = (name: string): string => readFileSync(new URL(`../../fixtures/iptables/${name}`, import.meta.url), 'utf8');
const kinds = ['kube-proxy', 'docker', 'flannel', 'calico', 'ufw', 'firewalld'];

describe.each(kinds)('a %s rule set', kind => {
  const { ruleSet } = readRuleSet(fixture(`${kind}.in`), { counters: true });

  test('is written as iptables-save writes it', () => {
    expect(writeRuleSet(ruleSet)).toBe(fixture(`${kind}.save`));
  });
  test('is written with counters as iptables-save -c writes it', () => {
    expect(writeRuleSet(ruleSet, { counters: true })).toBe(fixture(`${kind}.save-c`));
  });
  test.each(['save', 'save-c'])('goes in as %s and comes out the same', form => {
    const text = fixture(`${kind}.${form}`);
    expect(writeRuleSet(readRuleSet(text, { counters: true }).ruleSet, { counters: form === 'save-c' })).toBe(text);
  });
  test('starts with rule counters of 0 when counters are not asked for', () => {
    const read = readRuleSet(fixture(`${kind}.in`)).ruleSet;
    const counters = [...read.tables.values()].flatMap(t => [...t.chains.values()].flatMap(c => [c, ...c.rules]));
    expect(counters.every(c => c.packets === 0 && c.bytes === 0)).toBe(true);
  });
  test.each([
    ['S', ['-S']],
    ['L', ['-L']],
    ['nvL', ['-nvL']],
    ['nvxL', ['-nvxL', '--line-numbers']],
  ])('is listed by -%s as iptables lists it', (form, args) => {
    // iptables -L looks up names of networks; here they are never looked up.
    const expected = fixture(`${kind}.filter.${form}`).replaceAll('loopback/8          ', '127.0.0.0/8         ');
    expect(runCommandLine(args, ruleSet).output).toBe(expected);
  });
});

interface WordCase {
  table: string;
  chain: string;
  args: string[];
  saved?: string[];
  numeric?: string[];
  names?: string[];
}

/** Where this reader differs from iptables 1.8.9 on purpose, and why. */
const differences: readonly (readonly [RegExp, string])[] = [
  [/--(dport|ctorigsrcport) ((65536|70000)(:65537)?)?$/, 'the C library takes 70000 for 4464 and nothing for 0'],
  [/--probability (nan|0x1p-1)$/, 'not decimal numbers'],
  [/^-m (limit|hashlimit) .*1\/day/, 'the kernel refuses a burst that does not fit in 32 bits of its clock; iptables-nft takes it'],
  [/--ctorigsrc localhost/, 'names of hosts are not resolved'],
  [/-m recent .*--name a b$/, 'iptables writes it back in a form that it cannot read'],
  [/--to-source 1.1.1.1:1-2\/3/, 'SNAT has no base port: 1.8.9 writes /0'],
  [/--reject-with $/, 'an empty word'],
  [/--queue-balance 5:$/, '1.8.9 writes 5:65535, which it cannot read'],
  [/(15b|0b|4gb)\/s/, '1.8.9 writes such a rate as 0b/s, which it cannot read'],
  [/--ctorigsrc 1.1.1.1\/33/, '1.8.9 takes it for /32'],
  [/--helper (nosuch|ftp)$/, 'the kernel looks for a helper of that name and protocol'],
  [/--timeout foo/, 'the kernel looks for a policy of that name'],
  [/^! -i \+$/, 'kept, as the nft variant keeps it: the legacy one makes it match everything'],
];
/** The inversion that iptables does not write it does list. */
const listed = (args: string): boolean => !args.endsWith('--espspi :');

describe('words of matches and targets', () => {
  const { cases } = JSON.parse(fixture('words.json')) as { cases: WordCase[] };
  const differs = (c: WordCase): boolean => differences.some(([pattern]) => pattern.test(c.args.join(' ')));
  const run = (c: WordCase) => runCommandLine(['-t', c.table, '-A', c.chain, ...c.args]).ruleSet;
  const list = (c: WordCase, how: string): string[] => runCommandLine(['-t', c.table, how, c.chain], run(c)).output.trimEnd().split('\n');
  const named = (list: WordCase[]) => list.map(c => [`${c.table} ${c.args.join(' ')}`, c] as const);

  test.each(named(cases.filter(c => c.saved === undefined && !differs(c))))('%s is refused', (_, c) => {
    expect(() => run(c)).toThrow(TextError);
  });
  test.each(named(cases.filter(c => c.saved !== undefined && !differs(c))))('%s is printed back as iptables prints it', (_, c) => {
    expect(
      list(c, '-S')
        .slice(1)
        .map(rule => rule.slice(`-A ${c.chain}`.length).trimStart()),
    ).toEqual(c.saved);
  });
  test.each(named(cases.filter(c => c.saved !== undefined && !differs(c) && listed(c.args.join(' ')))))(
    '%s is listed as iptables lists it',
    (_, c) => {
      const rules = (how: string): string[] =>
        list(c, how)
          .slice(2)
          .map(rule => rule.trimEnd());
      expect(rules('-nL')).toEqual(c.numeric);
      expect(rules('-L')).toEqual(c.names);
    },
  );
  test.each(differences)('differs on purpose: %s (%s)', pattern => {
    const outcome = (c: WordCase): readonly string[] | undefined => {
      try {
        return list(c, '-S')
          .slice(1)
          .map(rule => rule.slice(`-A ${c.chain}`.length).trimStart());
      } catch {
        return undefined;
      }
    };
    const different = cases.filter(c => pattern.test(c.args.join(' ')) && JSON.stringify(outcome(c)) !== JSON.stringify(c.saved));
    expect(different.length).toBeGreaterThan(0);
  });
});

describe('what iptables-save writes and iptables cannot read', () => {
  test('a shifted range of one port', () => {
    const rule = '-A PREROUTING -p tcp -j DNAT --to-destination 1.1.1.1:5/80';
    const read = readRuleSet(`*nat\n:PREROUTING ACCEPT [0:0]\n${rule}\nCOMMIT\n`);
    expect(writeRuleSet(read.ruleSet)).toContain(`${rule}\n`);
  });
});
