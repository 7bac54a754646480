/** Matches and targets by the counters of their rules: a rule that counts has matched, each of its matches and its target included. */

/** Options whose value is one of a few words: each of these is an item. */
const withValue = new Set([
  '--ctstate',
  '--ctstatus',
  '--ctdir',
  '--ctproto',
  '--dst-type',
  '--src-type',
  '--pkt-type',
  '--reject-with',
  '--icmp-type',
  '--tcp-option',
  '--hashlimit-mode',
  '--mode',
]);

/** @param lines of `iptables-save -c` */
export function* ruleItems(lines: readonly string[]): Generator<[item: string, times: number]> {
  let table = '';
  for (const line of lines) {
    if (line.startsWith('*')) {
      table = line.slice(1);
      continue;
    }
    const m = /^\[(\d+):\d+\] -A (\S+) ?(.*)$/.exec(line);
    const policy = /^:(\S+) DROP \[(\d+):/.exec(line);
    if (policy) yield [`target ${policy[1]} policy DROP`, Number(policy[2])];
    if (!m || m[1] === '0' || m[3]!.startsWith('-p 253')) continue;
    for (const item of itemsOf(table, m[2]!, m[3]!)) yield [item, Number(m[1])];
  }
}

/** Rules repeat from case to case. */
const known = new Map<string, readonly string[]>();
const MOST_KNOWN = 50_000;

function itemsOf(table: string, chain: string, rule: string): readonly string[] {
  const key = `${table} ${chain} ${rule}`;
  let items = known.get(key);
  if (!items) {
    items = [...new Set(read(table, builtInOr(chain), rule))];
    if (known.size === MOST_KNOWN) known.clear();
    known.set(key, items);
  }
  return items;
}

const builtInOr = (chain: string): string => (/^[A-Z]+$/.test(chain) ? chain : 'user chain');

function* read(table: string, chain: string, rule: string): Generator<string> {
  const words = rule.match(/"[^"]*"|\S+/g) ?? [];
  let about = '';
  let not = '';
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    if (word === '!') not = '! ';
    else if (word === '-m') {
      about = `match ${words[++i]}`;
      if (about === 'match comment' || about === 'match rpfilter') yield about;
    } else if (word === '-j' || word === '-g') {
      const target = words[++i]!;
      const jump = word === '-g' ? 'goto' : /^(U\d|KUBE)/.test(target) ? 'jump' : target;
      about = `target ${jump}`;
      yield `target ${table} ${chain} ${jump}`;
    } else if (/^-[a-z]$/.test(word)) {
      yield `match header ${not}${word}`;
      not = '';
      if (word !== '-f') i++;
    } else if (word.startsWith('--')) {
      const value = withValue.has(word) ? ` ${words[i + 1]}` : '';
      if (!value.includes('/') && !about.startsWith('match comment')) yield `${about} ${not}${word}${value}`;
      not = '';
    } else if (about === 'target DNAT' || about === 'target SNAT') {
      if (/^[\d.]+-/.test(word)) yield `${about} to some addresses`;
      if (/:\d+/.test(word)) yield `${about} to a port`;
      if (/:\d+-/.test(word)) yield `${about} to some ports`;
    }
  }
}
