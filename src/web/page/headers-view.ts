/** Headers field by field with both runs beside each other, and the bytes themselves. What has changed since the hop before is marked. */
import { Mark, type Sight } from '../model/changes.ts';
import type { Header } from '../model/headers.ts';
import { el } from './element.ts';

type Sights = readonly (Sight | undefined)[];

export function headersTable(sights: Sights, labels: readonly string[]): HTMLElement {
  const head = el('tr', {}, el('th', {}, ''), ...labels.map(label => el('th', { scope: 'col' }, label)));
  const body = el('tbody');
  for (const name of namesOf(sights)) {
    const headers = sights.map(sight => sight?.headers.find(h => h.name === name));
    const isNew = sights.some((sight, i) => headers[i] !== undefined && sight!.marks[headers[i]!.at] === Mark.New);
    const title = el(
      'th',
      { colspan: labels.length + 1, scope: 'rowgroup' },
      name,
      ...(isNew ? [el('span', { class: 'new' }, 'new')] : []),
    );
    body.append(el('tr', { class: `layer ${layerClass(name)}` }, title), ...rows(name, headers, sights));
  }
  return el('table', { class: 'fields' }, el('thead', {}, head), body);
}

const namesOf = (sights: Sights): string[] => {
  const [first, second] = sights.map(sight => sight?.headers.map(h => h.name) ?? []);
  return [...new Set([...(first ?? []), ...(second ?? [])])];
};

function rows(name: string, headers: readonly (Header | undefined)[], sights: Sights): HTMLElement[] {
  const fields = [...new Set(headers.flatMap(h => h?.fields.map(f => f.name) ?? []))];
  return fields.map(field => {
    const values = headers.map(h => h?.fields.find(f => f.name === field)?.value);
    const differ = values.length === 2 && values[0] !== undefined && values[1] !== undefined && values[0] !== values[1];
    const cells = values.map((value, i) => {
      if (value === undefined) return el('td', { class: 'none' }, '\u2013');
      const was = sights[i]?.was.get(`${name}.${field}`);
      const content = was === undefined ? [value] : [el('mark', {}, value), el('span', { class: 'was' }, `was ${was}`)];
      return el('td', {}, ...content);
    });
    const label = el(
      'th',
      { scope: 'row' },
      field,
      ...(differ ? [el('span', { class: 'differs', title: 'the two runs differ here' }, '\u2260')] : []),
    );
    return el('tr', {}, label, ...cells);
  });
}

const layerClass = (name: string): string => `l-${name.replace('outer.', '')}`;

/** One line for each header; a byte says its field when the mouse rests on it. */
export function bytesView(sight: Sight): HTMLElement {
  const lines = sight.headers.map(header => {
    const bytes = el('code');
    const end = header.layer === 'payload' ? Math.min(header.end, header.at + 32) : header.end;
    for (let i = header.at; i < end; i++) {
      const field = header.fields.find(f => i >= f.at && i < f.end);
      const text = sight.bytes[i]!.toString(16).padStart(2, '0');
      const title = field === undefined || header.layer === 'payload' ? header.name : `${header.name}.${field.name} ${field.value}`;
      const mark = sight.marks[i]!;
      bytes.append(el(mark === Mark.Changed ? 'mark' : 'span', { title, class: mark === Mark.New ? 'new' : '' }, text), ' ');
    }
    if (end < header.end) bytes.append('\u2026');
    return el('div', { class: `bytes ${layerClass(header.name)}` }, el('b', {}, header.name), bytes);
  });
  return el('div', {}, ...lines);
}
