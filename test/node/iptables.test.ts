import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { RULE_BYTES, RULE_PACKETS } from '../../src/netfilter/execute/program.ts';
import { Netfilter } from '../../src/netfilter/netfilter.ts';
import { runIptables } from '../../src/node/iptables.ts';
import { NodeRules } from '../../src/node/rules.ts';
import { FakeEnvironment } from '../netfilter/execute/support.ts';

function tools() {
  const rules = new NodeRules(false);
  const run = (line: string) => runIptables(rules, 'iptables', line === '' ? [] : line.split(' '));
  return {
    rules,
    run,
    ok: (...lines: string[]) => {
      for (const line of lines) expect(run(line)).toEqual({ stdout: '', stderr: '', status: 0 });
    },
    save: (...args: string[]) => runIptables(rules, 'iptables-save', args).stdout,
    restore: (text: string, ...args: string[]) => runIptables(rules, 'iptables-restore', args, text),
  };
}

/** What the node's thread would have counted. */
function count(rules: NodeRules, chain: string, number: number, packets: number): void {
  const text = rules.programText!;
  const { first } = text.chain('filter', chain)!;
  const { counters } = rules.program!;
  const at = text.place(first + number - 1);
  counters[(at + RULE_PACKETS) >> 1] = packets;
  counters[(at + RULE_BYTES) >> 1] = packets * 100;
}

/** What the node's thread does with the news. */
function apply(rules: NodeRules, netfilter = new Netfilter(new FakeEnvironment())): Netfilter {
  for (const news of rules.takeNews()) {
    if ('program' in news) netfilter.install(news.program);
    else netfilter.change(news.patch);
  }
  return netfilter;
}

// iptables-save writes the second it ran in: two texts are compared below.
beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'], now: 0 }));
afterEach(() => void vi.useRealTimers());

describe('iptables on a running node', () => {
  test('makes, changes and removes rules and chains', () => {
    const { ok, run } = tools();
    ok(
      '-N web',
      '-A INPUT -p tcp --dport 80 -j web',
      '-A web -s 10.0.0.0/8 -j ACCEPT',
      '-I web -j LOG',
      '-R web 1 -j DROP',
      '-P INPUT DROP',
    );
    expect(run('-S').stdout).toBe(
      '-P INPUT DROP\n-P FORWARD ACCEPT\n-P OUTPUT ACCEPT\n-N web\n-A INPUT -p tcp -m tcp --dport 80 -j web\n-A web -j DROP\n-A web -s 10.0.0.0/8 -j ACCEPT\n',
    );
    ok('-C web -s 10.0.0.0/8 -j ACCEPT', '-D web 1', '-D web -s 10.0.0.0/8 -j ACCEPT', '-F INPUT', '-E web www', '-X www');
    expect(run('-S').stdout).toBe('-P INPUT DROP\n-P FORWARD ACCEPT\n-P OUTPUT ACCEPT\n');
  });

  // Seen with iptables 1.8.9.
  test.each([
    ['-C INPUT -j ACCEPT', 1, 'iptables: Bad rule (does a matching rule exist in that chain?).\n'],
    ['-D INPUT -j ACCEPT', 1, 'iptables: Bad rule (does a matching rule exist in that chain?).\n'],
    ['-A NOPE -j ACCEPT', 1, 'iptables: No chain/target/match by that name.\n'],
    ['-L NOPE', 1, 'iptables: No chain/target/match by that name.\n'],
    ['-N INPUT', 1, 'iptables: Chain already exists.\n'],
    ['-I INPUT 9 -j ACCEPT', 1, 'iptables: Index of insertion too big.\n'],
    ['-R INPUT 5 -j ACCEPT', 1, 'iptables: Index of replacement too big.\n'],
    ['-D INPUT 5', 1, 'iptables: Index of deletion too big.\n'],
    ['-Z INPUT 4', 1, 'iptables: Index of counter too big.\n'],
    ['-X full', 1, 'iptables: Directory not empty.\n'],
    ['-X used', 1, 'iptables: Too many links.\n'],
    ['-E full used', 1, 'iptables: File exists.\n'],
    ['-P full DROP', 1, 'iptables: Bad built-in chain name.\n'],
    ['-A INPUT -p tcp --dport x', 2, 'iptables:1:25: bad value "x" of --dport: expected a port 0..65535 or the name of a service\n'],
  ])('answers "%s" with status %i', (line, status, stderr) => {
    const { ok, run, save } = tools();
    ok('-N full', '-A full -j ACCEPT', '-N used', '-A full -j used');
    const before = save('-c');
    expect(run(line)).toEqual({ stdout: '', stderr, status });
    expect(save('-c')).toBe(before);
  });

  test('refuses what the kernel would refuse, and says why', () => {
    const { run, save } = tools();
    const { status, stderr } = run('-t nat -A PREROUTING -j MASQUERADE');
    expect(status).toBe(1);
    expect(stderr).toMatch(/^iptables: Invalid argument: .*MASQUERADE/);
    expect(save()).toBe('');
  });

  test('a rule that the router cannot execute changes nothing', () => {
    const { run, save } = tools();
    expect(() => run('-A INPUT -j NFQUEUE')).toThrow('NFQUEUE');
    expect(save()).toBe('');
  });

  test('lists with the counters of this moment, and what stays goes on counting through a change', () => {
    const { ok, run, rules, save } = tools();
    ok('-A INPUT -p tcp -j ACCEPT', '-A INPUT -p udp -j ACCEPT');
    const netfilter = apply(rules);
    count(rules, 'INPUT', 1, 7);
    expect(run('-nvxL INPUT --line-numbers').stdout).toMatch(/\n1 +7 +700 ACCEPT +6 /);
    ok('-I INPUT -p icmp -j ACCEPT');
    const listed = run('-nvxL INPUT --line-numbers').stdout;
    apply(rules, netfilter);
    expect(run('-nvxL INPUT --line-numbers').stdout).toBe(listed);
    expect(run('-nvxL INPUT --line-numbers').stdout).toMatch(/\n1 +0 +0 ACCEPT +1 .*\n2 +7 +700 ACCEPT +6 /);
    expect(save('-c', '-t', 'filter')).toContain('[7:700] -A INPUT -p tcp -j ACCEPT');
  });

  test('-Z sets rules and policies of a chain to nothing, and only those', () => {
    const { ok, rules, save } = tools();
    ok('-A INPUT -p tcp -j ACCEPT', '-A FORWARD -p tcp -j ACCEPT');
    const netfilter = apply(rules);
    for (const chain of ['INPUT', 'FORWARD']) for (const number of [1, 2]) count(rules, chain, number, 5);
    ok('-Z INPUT');
    apply(rules, netfilter);
    expect(save('-c', '-t', 'filter').split('\n').slice(2, -2)).toEqual(
      [
        ':INPUT ACCEPT [0:0]',
        ':FORWARD ACCEPT [5:500]',
        ':OUTPUT ACCEPT [0:0]',
        '[0:0] -A INPUT -p tcp -j ACCEPT',
        '[5:500] -A FORWARD -p tcp -j ACCEPT',
        'COMMIT',
      ].concat([]),
    );
  });

  test('-L -Z shows first', () => {
    const { ok, run, rules } = tools();
    ok('-A INPUT -p tcp -j ACCEPT');
    count(rules, 'INPUT', 1, 7);
    expect(run('-nvxL INPUT -Z').stdout).toMatch(/ 7 +700 ACCEPT/);
    expect(run('-nvxL INPUT').stdout).toMatch(/ 0 +0 ACCEPT/);
  });

  test('a rule that was loaded leniently does not stand in the way of later commands', () => {
    const { ok, rules, run } = tools();
    rules.load('*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -j NFQUEUE\nCOMMIT\n', { lenient: true });
    ok('-A INPUT -p tcp -j ACCEPT');
    expect(run('-S INPUT').stdout).toContain('-A INPUT -j NFQUEUE');
  });
});

describe('iptables-restore', () => {
  const filter = '*filter\n:INPUT DROP [5:500]\n-A INPUT -p tcp -j ACCEPT\nCOMMIT\n';
  const nat = '*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p tcp -j REDIRECT --to-ports 8080\nCOMMIT\n';

  test('replaces the tables that it names, and leaves the others', () => {
    const { restore, save } = tools();
    expect(restore(filter)).toEqual({ stdout: '', stderr: '', status: 0 });
    restore(nat);
    expect(save()).toContain('-A INPUT -p tcp -j ACCEPT');
    restore('*filter\nCOMMIT\n');
    expect(save('-t', 'filter')).not.toContain('-A');
    expect(save('-t', 'nat')).toContain('REDIRECT');
  });

  test('-n adds, -c takes counters, -T takes one table, --test takes none', () => {
    const { restore, save } = tools();
    restore(filter, '-c');
    expect(save('-t', 'filter')).toContain(':INPUT DROP [5:500]');
    restore('*filter\n-A INPUT -p udp -j ACCEPT\nCOMMIT\n', '-n');
    expect(save('-t', 'filter')).toContain('-A INPUT -p tcp -j ACCEPT\n-A INPUT -p udp -j ACCEPT');
    restore(nat + filter, '-T', 'filter');
    expect(save('-t', 'nat')).toBe('');
    const before = save('-c');
    expect(restore(nat, '--test').status).toBe(0);
    expect(save('-c')).toBe(before);
  });

  test('a mistake changes nothing, and is named by its place', () => {
    const { restore, save } = tools();
    restore(filter);
    const before = save('-c');
    const answer = restore(`${nat}*filter\n-A INPUT -s 1.2.3.400\nCOMMIT\n`);
    expect(answer).toMatchObject({ status: 2, stderr: expect.stringMatching(/^iptables-restore: stdin:6:13: /) });
    expect(save('-c')).toBe(before);
  });

  test.each([
    ['iptables-save', ['-x']],
    ['iptables-restore', ['--foo']],
  ] as const)('%s does not know %j', (tool, args) => {
    expect(runIptables(new NodeRules(false), tool, args, '').status).toBe(2);
  });
});
