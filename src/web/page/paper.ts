/** On paper nothing plays: all steps of the packet as one table. */
import { endsOf, envelopeOf, type Step, type Travel } from '../model/steps.ts';
import { el } from './element.ts';

export function paperView(travel: Travel, steps: readonly Step[], labels: readonly string[]): HTMLElement {
  const head = el('tr', {}, el('th', {}, 'hop'), ...labels.map(label => el('th', {}, label)));
  const rows = steps.map((step, i) => {
    const cells = step.at.map((at, r) => {
      const record = travel.ways[r]![at];
      if (record === undefined) return el('td', {}, '\u2013');
      const envelope = envelopeOf(record);
      const inside = envelope === undefined ? [] : [el('div', {}, `in an envelope ${envelope}`)];
      const words = record.words.slice(1).map(word => el('li', {}, word));
      return el('td', {}, el('code', {}, endsOf(record)), ...inside, ...(words.length > 0 ? [el('ul', {}, ...words)] : []));
    });
    return el('tr', {}, el('th', {}, `${i + 1}. ${step.hop}`), ...cells);
  });
  return el('table', {}, el('caption', {}, `${travel.flow}: ${travel.title}`), el('thead', {}, head), el('tbody', {}, ...rows));
}
