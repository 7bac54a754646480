/** What the rules of a node did to a packet between two hops: the words for it, and each rule with the object that it was made from. */
import { eventsAt, wordsAt } from '../model/steps.ts';
import type { ReportRecord } from '../report-data.ts';
import { el } from './element.ts';

/** What happened up to a hop, and why. */
export function wordsView(way: readonly ReportRecord[], at: number): HTMLElement {
  const { changes, reasons } = wordsAt(way, at);
  if (changes.length + reasons.length === 0)
    return el('p', { class: 'none' }, at === 0 ? 'here it comes onto the wires' : 'passes unchanged');
  const items = changes.map(word => el('li', { class: classOf(word) }, word));
  return el('ul', { class: 'words' }, ...items, ...reasons.map(word => el('li', { class: 'why' }, word)));
}

const classOf = (word: string): string =>
  /^(destination|source|put into|taken out) /.test(word) ? 'changed' : word.startsWith('dropped') ? 'dropped' : '';

export function rulesView(way: readonly ReportRecord[], at: number, untold: Readonly<Record<string, string>> | undefined): HTMLElement {
  const record = way[at]!;
  const events = eventsAt(way, at);
  const node = record.hop.split('/')[0]!;
  const parts: Node[] = [];
  if (record.rules !== undefined) parts.push(el('div', { class: 'chain' }, ...chainLines(record.rules)));
  const rules = events.flatMap(({ kind, text, rule }) => {
    if (kind !== 'rule' || rule === undefined) return [];
    const words = text.replace(/^[^:]*: /, '');
    const name = rule.number === 0 ? `${rule.chain} policy` : `${rule.chain} #${rule.number}`;
    const acts = /-j (DNAT|SNAT|MASQUERADE|REDIRECT|DROP|REJECT|MARK)\b/.test(words);
    const item = el(
      'li',
      { class: acts ? 'acts' : '' },
      el('span', { class: 'table' }, rule.table),
      el('b', {}, name),
      el('code', {}, words),
    );
    if (rule.origin !== undefined) item.append(el('span', { class: 'origin' }, `from ${rule.origin}`));
    return [item];
  });
  if (rules.length > 0) parts.push(el('ol', { class: 'rules' }, ...rules));
  if (parts.length === 0) parts.push(el('p', { class: 'none' }, untold?.[node] ?? 'no rule was met since the hop before'));
  return el('div', {}, ...parts);
}

/** Tables are parted by `;`, mark and connection state by `|`. */
const chainLines = (rules: string): HTMLElement[] => rules.split(/; | \| /).map(part => el('div', {}, part));
