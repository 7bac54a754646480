import { describe, expect, test } from 'vitest';
import { TextError } from '../../../src/base/errors.ts';
import type { RuleSet } from '../../../src/netfilter/ruleset.ts';
import { type ReadOptions, readRuleSet } from '../../../src/netfilter/text/read.ts';
import { writeRuleSet } from '../../../src/netfilter/text/write.ts';

const filter = (...lines: string[]): string => ['*filter', ...lines, 'COMMIT', ''].join('\n');
const nat = (...lines: string[]): string => ['*nat', ...lines, 'COMMIT', ''].join('\n');

function complaint(text: string, options: ReadOptions = {}): TextError {
  try {
    readRuleSet(text, { file: 'f', ...options });
  } catch (error) {
    if (error instanceof TextError) return error;
    throw error;
  }
  throw new Error('the text was taken');
}
/** Rules of table filter, applied one after the other. */
function apply(...texts: string[]): RuleSet {
  let base: RuleSet = { tables: new Map() };
  for (const text of texts) base = readRuleSet(text, { base, noflush: true, counters: true }).ruleSet;
  return base;
}
const rules = (ruleSet: RuleSet, chain: string): string[] =>
  writeRuleSet(ruleSet, { table: 'filter' })
    .split('\n')
    .filter(line => line.startsWith(`-A ${chain} `))
    .map(line => line.slice(`-A ${chain} `.length));

describe('a mistake', () => {
  test.each([
    ['-A INPUT -p tcp --dport 70000', 25, 'bad value "70000" of --dport: expected a port'],
    ['-A INPUT -p tcp --dport', 24, '--dport wants a value, and the line ends here'],
    ['-A INPUT --dport 80', 10, 'unknown option "--dport": it belongs to -m'],
    ['-A INPUT -s 10.0.0.0/40', 13, 'bad value "10.0.0.0/40" of -s: expected an address'],
    ['-A INPUT -s ! 10.0.0.1', 13, 'bad value "!" of -s'],
    ['-A INPUT -j NOWHERE', 13, 'no target named "NOWHERE"'],
    ['-A INPUT -m nothing', 13, 'no match named "nothing"'],
    ['-A INPUT -g NOWHERE', 13, 'there is no chain "NOWHERE" to go to'],
    ['-A INPUT -m comment --comment "open', 31, 'the quote is not closed'],
    ['-A INPUT ! ! -s 10.0.0.1', 12, 'two ! in a row'],
    ['-A INPUT -p tcp !', 17, 'nothing follows the !'],
    ['-A INPUT -p tcp -j ACCEPT word', 27, 'bad argument "word"'],
    ['-A INPUT -t nat -j ACCEPT', 10, '-t means nothing in a file'],
    ['-A INPUT -o eth0', 13, '-o cannot be used in INPUT'],
    ['-A NOWHERE -j ACCEPT', 1, 'there is no chain "NOWHERE"'],
    ['[1:x] -A INPUT -j ACCEPT', 1, 'bad counters'],
    [':INPUT MAYBE [0:0]', 2, 'bad policy "MAYBE"'],
    [':INPUT', 7, 'expected the policy of chain "INPUT"'],
    [':-x - [0:0]', 2, 'chain name "-x" must not start with -'],
    [':DNAT - [0:0]', 2, 'chain name "DNAT" is the name of a target'],
    ['-D INPUT 3', 1, 'there is no rule number 3 in chain INPUT, which has 0 rules'],
    ['-I INPUT 2 -j ACCEPT', 1, 'rule number 2 is past the end'],
    ['-X INPUT', 1, 'chain "INPUT" is built in and stays'],
    ['-L', 1, '-L means nothing in a file'],
  ])('in "%s" is named with its place', (line, column, message) => {
    const error = complaint(filter('# a comment', line));
    expect(error.message).toContain(message);
    expect([error.line, error.column]).toEqual([3, column]);
  });
  test.each([
    ['outside a table', '-A INPUT -j ACCEPT\n', 1, 'expected "*table"'],
    ['in the name of a table', '*nothing\nCOMMIT\n', 1, 'there is no table "nothing"'],
    ['at the end', '*filter\n-A INPUT\n', 2, 'expected COMMIT'],
    ['in the line ends', '*filter\r\nCOMMIT\r\n', 1, 'carriage return'],
    ['in a loop of jumps', filter(':a - [0:0]', ':b - [0:0]', '-A a -j b', '-A b -j a', '-A INPUT -j a'), 5, 'makes a loop: a > b > a'],
    ['in a jump to a built-in chain', filter('-A INPUT -j OUTPUT'), 2, '"OUTPUT" is built in'],
    ['in the table of a target', filter('-A FORWARD -j MASQUERADE'), 2, 'target MASQUERADE only works in table nat'],
    ['in the hook of a match', filter('-A INPUT -m owner --uid-owner 0'), 2, 'match owner does not work in INPUT'],
    [
      'in the hook of a chain that is jumped to',
      filter(':a - [0:0]', '-A a -m owner --uid-owner 0', '-A INPUT -j a'),
      3,
      'does not work in INPUT',
    ],
    ['in the protocol of a match', filter('-A INPUT -m tcp --dport 80'), 2, 'match tcp wants -p tcp'],
    ['in a table that is not for filtering', nat('-A OUTPUT -j DROP'), 2, 'table nat is not for filtering'],
    ['in the length of a word', filter(`-A INPUT -m comment --comment ${'x'.repeat(1100)}`), 2, 'iptables-restore reads at most 1023'],
  ])('%s is named with its line', (_, text, line, message) => {
    const error = complaint(text);
    expect(error.message).toContain(message);
    expect(error.line).toBe(line);
  });
  test('in one line changes nothing', () => {
    const base = apply(filter('-A INPUT -j ACCEPT'));
    const before = writeRuleSet(base);
    expect(() => readRuleSet(filter('-F INPUT', '-A INPUT -j NOWHERE'), { base, noflush: true })).toThrow(TextError);
    expect(writeRuleSet(base)).toBe(before);
  });
  test('in a later table leaves the earlier ones committed for who asked', () => {
    const seen: string[] = [];
    expect(() => readRuleSet(filter('-A INPUT -j ACCEPT') + nat('-A nothing'), { onCommit: (_, table) => void seen.push(table) })).toThrow(
      TextError,
    );
    expect(seen).toEqual(['filter']);
  });
});

describe('what is not supported', () => {
  test.each([
    [filter('-A INPUT -m nothing --else -j ACCEPT'), 2],
    [filter('-A INPUT -j CLUSTERIP --new'), 2],
    ['*security\nCOMMIT\n', 1],
  ])('is refused by its own code', (text, line) => {
    const error = complaint(text);
    expect([error.code, error.line]).toEqual(['RULES_UNSUPPORTED', line]);
  });
  test('is kept by the lenient reader, printed back as it stood, with a warning', () => {
    const line = '-A INPUT -p tcp -m nothing --else "two  words" -j ACCEPT';
    const { ruleSet, warnings } = readRuleSet(filter(line, '-A INPUT -j ACCEPT'), { lenient: true, file: 'f' });
    expect(rules(ruleSet, 'INPUT')).toEqual(['-p tcp -m nothing --else "two  words" -j ACCEPT', '-j ACCEPT']);
    expect(warnings).toEqual(['f:2:20: no match named "nothing"']);
    expect(ruleSet.tables.get('filter')!.chains.get('INPUT')!.rules[0]).toMatchObject({
      matches: [],
      verbatim: line.slice('-A INPUT '.length),
    });
  });
  test('does not hide a mistake from the lenient reader', () => {
    expect(complaint(filter('-A INPUT -s nowhere -j ACCEPT'), { lenient: true }).code).toBe('RULES');
  });
});

describe('a file', () => {
  test('flushes the tables that it names and leaves the others', () => {
    const base = apply(filter(':a - [0:0]', '-A INPUT -j a'), nat('-A OUTPUT -j ACCEPT'));
    const after = readRuleSet(filter('-A FORWARD -j ACCEPT'), { base }).ruleSet;
    expect(writeRuleSet(after)).toBe(
      '*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A FORWARD -j ACCEPT\nCOMMIT\n' +
        '*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n-A OUTPUT -j ACCEPT\nCOMMIT\n',
    );
  });
  test('with noflush empties a chain that it declares again and keeps the rest', () => {
    const after = apply(filter(':a - [0:0]', ':b - [0:0]', '-A a -j ACCEPT', '-A b -j DROP'), filter(':a - [0:0]', '-A INPUT -j a'));
    expect([rules(after, 'a'), rules(after, 'b'), rules(after, 'INPUT')]).toEqual([[], ['-j DROP'], ['-j a']]);
  });
  test('sets policies and counters', () => {
    const { ruleSet } = readRuleSet(filter(':INPUT DROP [5:600]', '[7:800] -A INPUT -j ACCEPT'), { counters: true });
    expect(writeRuleSet(ruleSet, { counters: true })).toContain(':INPUT DROP [5:600]\n');
    expect(writeRuleSet(ruleSet, { counters: true })).toContain('[7:800] -A INPUT -j ACCEPT\n');
  });
  test('is read for one table when asked', () => {
    const { ruleSet } = readRuleSet(filter('-A INPUT -j ACCEPT') + nat('-A nonsense'), { table: 'filter' });
    expect([...ruleSet.tables.keys()]).toEqual(['filter']);
  });
  test('gives each rule its line', () => {
    const { ruleSet } = readRuleSet(filter('-A INPUT -s 10.0.0.1,10.0.0.2', '', '-A INPUT -j DROP'));
    expect(
      ruleSet.tables
        .get('filter')!
        .chains.get('INPUT')!
        .rules.map(r => r.line),
    ).toEqual([2, 2, 4]);
  });
});

describe('commands', () => {
  const three = filter('-A INPUT -s 10.0.0.1', '-A INPUT -s 10.0.0.2', '-A INPUT -s 10.0.0.3');
  const sources = (ruleSet: RuleSet): string[] => rules(ruleSet, 'INPUT').map(r => r.replace(/^-s 10\.0\.0\.(\d+)\/32$/, '$1'));

  test.each([
    ['-I INPUT -s 10.0.0.9', '9123'],
    ['-I INPUT 2 -s 10.0.0.9', '1923'],
    ['-I INPUT 4 -s 10.0.0.9', '1239'],
    ['-I INPUT -s 10.0.0.8,10.0.0.9', '98123'],
    ['-D INPUT 2', '13'],
    ['-D INPUT -s 10.0.0.3', '12'],
    ['-D INPUT --source 10.0.0.1/255.255.255.255', '23'],
    ['-R INPUT 2 -s 10.0.0.9', '193'],
    ['-F INPUT', ''],
    ['-F', ''],
    ['--delete INPUT 1', '23'],
  ])('%s', (command, expected) => {
    expect(sources(apply(three, filter(command))).join('')).toBe(expected);
  });
  test('-E renames a chain and the jumps to it', () => {
    const after = apply(filter(':a - [0:0]', '-A INPUT -j a', '-A FORWARD -g a', '-A a -j DROP'), filter('-E a b'));
    expect([rules(after, 'INPUT'), rules(after, 'FORWARD'), rules(after, 'b')]).toEqual([['-j b'], ['-g b'], ['-j DROP']]);
  });
  test('-X deletes only what is empty and not in use', () => {
    const base = filter(':a - [0:0]', ':b - [0:0]', '-A INPUT -j a', '-A b -j DROP');
    expect(() => apply(base, filter('-X a'))).toThrow('in use by a rule of chain "INPUT"');
    expect(() => apply(base, filter('-X b'))).toThrow('is not empty');
    expect(writeRuleSet(apply(base, filter('-F', '-X')))).not.toContain(':a ');
  });
  test('-Z sets counters to 0, of all, of one chain or of one rule', () => {
    const base = filter(':INPUT ACCEPT [1:2]', '[3:4] -A INPUT -j ACCEPT', '[5:6] -A INPUT -j DROP');
    const counters = (text: string): string[] => writeRuleSet(apply(base, filter(text)), { counters: true }).match(/\[\d+:\d+\]/g)!;
    expect(counters('-Z')).toEqual(['[0:0]', '[0:0]', '[0:0]', '[0:0]', '[0:0]']);
    expect(counters('-Z INPUT 2')).toEqual(['[1:2]', '[0:0]', '[0:0]', '[3:4]', '[0:0]']);
  });
  test('-P sets a policy, -N makes a chain', () => {
    expect(writeRuleSet(apply(filter('-P FORWARD DROP', '-N mine')))).toContain(
      ':FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n:mine - [0:0]\n',
    );
  });
});

describe('equal rules', () => {
  test('share the data of their matches', () => {
    const { ruleSet } = readRuleSet(
      filter('-A INPUT -m comment --comment same -j MARK --set-mark 1', '-A INPUT -m comment --comment same -j MARK --set-mark 1'),
    );
    const [a, b] = ruleSet.tables.get('filter')!.chains.get('INPUT')!.rules;
    expect(a!.matches[0]).toBe(b!.matches[0]);
    expect(a!.target).toBe(b!.target);
  });
});
