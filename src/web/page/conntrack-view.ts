/** A node's connection table as it stands when the packet has passed the hop. */
import { endsText, isTranslated, tableAt } from '../model/table.ts';
import type { ReportRecord, TrackedEntry } from '../report-data.ts';
import { el } from './element.ts';

const MOST = 12;

/** @param records of the run, in order of time */
export function conntrackView(records: readonly ReportRecord[], node: string, record: ReportRecord, atEnd: string): HTMLElement {
  const changed = new Set((record.tracked ?? []).filter(entry => entry.node === node).map(entry => entry.id));
  const entries = tableAt(records, node, record);
  // The one that it is about first: newest change on top.
  const shown = [...entries].sort((a, b) => Number(changed.has(b.id)) - Number(changed.has(a.id)) || b.id - a.id).slice(0, MOST);
  const parts: Node[] = shown.map(entry => entryView(entry, changed.has(entry.id)));
  if (shown.length === 0) parts.push(el('p', { class: 'none' }, `${node} knows no connection yet`));
  if (entries.length > MOST) parts.push(el('p', { class: 'none' }, `and ${entries.length - MOST} older ones`));
  if (atEnd.trim() !== '')
    parts.push(el('details', {}, el('summary', {}, `conntrack -L on ${node} when the run had ended`), el('pre', {}, atEnd.trim())));
  return el('div', {}, ...parts);
}

function entryView(entry: TrackedEntry, changed: boolean): HTMLElement {
  const translated = isTranslated(entry);
  const state = entry.state === '' ? [] : [el('span', { class: 'state' }, entry.state)];
  const unconfirmed = entry.confirmed ? [] : [el('span', { class: 'state' }, 'not confirmed yet')];
  const seen = `packets: ${entry.seen[0]} out, ${entry.seen[1]} back`;
  return el(
    'div',
    { class: `entry${changed ? ' touched' : ''}` },
    el('div', {}, el('b', {}, entry.protocol), ...state, ...unconfirmed, el('span', { class: 'seen' }, seen)),
    el('code', {}, `request ${endsText(entry.original)}`),
    el('code', { class: translated ? 'translated' : '' }, `answer  ${endsText(entry.reply)}`),
  );
}
