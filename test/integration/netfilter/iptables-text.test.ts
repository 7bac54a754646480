/**
 * What is written here against the installed iptables: it is taken, and comes back from the kernel as it was written.
 * Needs: the right to make network namespaces with iptables.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { TextError } from '../../../src/base/errors.ts';
import { readRuleSet } from '../../../src/netfilter/text/read.ts';
import { writeRuleSet } from '../../../src/netfilter/text/write.ts';
import { fuzzedText, randomFrom } from '../../netfilter/text/rule-fuzz.ts';

const fixture = (name: string): string => readFileSync(new URL(`../../fixtures/iptables/${name}`, import.meta.url), 'utf8');
const kinds = ['kube-proxy', 'docker', 'flannel', 'calico', 'ufw', 'firewalld'];

/** Runs a command in a network namespace of its own; the lock of the legacy tool lies in /run. */
function inNamespace(command: string, input: string): { output: string; complaint: string } {
  const script = `mount -t tmpfs tmpfs /run && ${command}`;
  const r = spawnSync('unshare', ['--net', '--mount', 'sh', '-c', script], { input, encoding: 'utf8', maxBuffer: 1 << 26 });
  return { output: r.stdout, complaint: r.status === 0 ? '' : r.stderr || `status ${r.status}` };
}
/** Without comments, tables in the order of the nft variant. */
function tables(text: string): string {
  const order = ['mangle', 'raw', 'filter', 'nat'];
  const found = text
    .split('\n')
    .filter(line => line !== '' && !line.startsWith('#'))
    .join('\n')
    .split(/(?<=COMMIT)\n?/);
  return [...found.filter(t => t !== '')]
    .sort((a, b) => order.indexOf(a.slice(1).split('\n')[0]!) - order.indexOf(b.slice(1).split('\n')[0]!))
    .join('\n');
}

describe.each(['iptables', 'iptables-legacy'])('%s', tool => {
  test.each(kinds)('gives back a %s rule set as it is written here', kind => {
    const text = writeRuleSet(readRuleSet(fixture(`${kind}.in`), { counters: true }).ruleSet, { counters: true });
    const { output, complaint } = inNamespace(`${tool}-restore -c && ${tool}-save -c`, text);
    expect(complaint).toBe('');
    expect(tables(output)).toBe(tables(text));
  });

  test('takes every rule that is written here', () => {
    const written = new Map<string, string[]>();
    const random = randomFrom(42);
    for (let count = 0; count < 3000; ) {
      const text = fuzzedText(random);
      try {
        for (const table of readRuleSet(text).ruleSet.tables.values()) {
          const lines = writeRuleSet({ tables: new Map([[table.name, table]]) }).split('\n');
          written.set(table.name, [...(written.get(table.name) ?? []), ...lines.filter(line => line.startsWith('-A'))]);
        }
        count++;
      } catch (error) {
        if (!(error instanceof TextError)) throw error;
      }
    }
    // What no tool of this machine knows, or what it looks up in the kernel.
    const unknown = /-m (set|nfacct|bpf|cgroup|rateest|ipvs|time)|-j (LED|SET|RATEEST|IDLETIMER|SYNPROXY)/;
    const files = [...written].map(
      ([table, lines]) => `*${table}\n${[...new Set(lines)].filter(line => !unknown.test(line)).join('\n')}\nCOMMIT\n`,
    );
    const { complaint } = inNamespace(`${tool}-restore --test`, files.join(''));
    const line = Number(/line:? (\d+)/.exec(complaint)?.[1]);
    expect([complaint, files.join('').split('\n')[line - 1]]).toEqual(['', undefined]);
    expect(files.join('').split('\n').length).toBeGreaterThan(500);
  });
});
