/** Which packet is looked at: a connection, and one of its packets. */
import type { Travel } from '../model/steps.ts';
import { byId, el } from './element.ts';

export class PacketChoice {
  readonly #travels: readonly Travel[];
  readonly #flow = byId('flow') as HTMLSelectElement;
  readonly #choices = byId('choices');
  #shown = '';
  readonly #buttons = new Map<number, HTMLButtonElement>();

  constructor(travels: readonly Travel[], choose: (travel: number) => void) {
    this.#travels = travels;
    const counts = new Map<string, number>();
    for (const { flow } of travels) counts.set(flow, (counts.get(flow) ?? 0) + 1);
    for (const [flow, count] of counts) this.#flow.append(el('option', { value: flow }, `${flow}  (${count} packets)`));
    this.#flow.addEventListener('change', () => choose(travels.findIndex(t => t.flow === this.#flow.value)));
    this.#choices.addEventListener('click', event => {
      const button = (event.target as Element).closest('button');
      if (button !== null) choose(Number(button.dataset.travel));
    });
  }

  show(at: number): void {
    const travel = this.#travels[at]!;
    if (this.#shown !== travel.flow) this.#list(travel.flow);
    this.#flow.value = travel.flow;
    for (const [i, button] of this.#buttons) button.setAttribute('aria-selected', String(i === at));
    this.#buttons.get(at)?.scrollIntoView({ block: 'nearest' });
  }

  #list(flow: string): void {
    this.#shown = flow;
    this.#buttons.clear();
    for (const [i, { flow: own, title, reply, ways }] of this.#travels.entries()) {
      if (own !== flow) continue;
      const dropped = ways.some(way => way.some(r => r.dropped !== undefined));
      const name = `${reply ? '\u2190' : '\u2192'} ${title}${dropped ? ' \u2715' : ''}`;
      this.#buttons.set(
        i,
        el('button', { type: 'button', role: 'option', 'data-travel': i, class: dropped ? 'choice dropped' : 'choice' }, name),
      );
    }
    this.#choices.replaceChildren(...this.#buttons.values());
  }
}
