/** Steps forwards and back: by the buttons, the slider, the list, the keys, or by themselves. */
import { badgesOf, type Step, type Travel } from '../model/steps.ts';
import { byId, el } from './element.ts';

const PLAY_MS = 1100;

export class Player {
  readonly #go: (step: number) => void;
  readonly #slider = byId('slider') as HTMLInputElement;
  readonly #list = byId('steps');
  readonly #play = byId('play');
  #items: HTMLElement[] = [];
  #at = 0;
  #timer = 0;

  /** @param go is called with the step to show, from 0 */
  constructor(go: (step: number) => void) {
    this.#go = go;
    const on = (id: string, act: () => void) => byId(id).addEventListener('click', act);
    on('first', () => this.to(0));
    on('back', () => this.to(this.#at - 1));
    on('on', () => this.to(this.#at + 1));
    on('last', () => this.to(this.#items.length - 1));
    on('play', () => this.toggle());
    this.#slider.addEventListener('input', () => this.to(Number(this.#slider.value)));
    this.#list.addEventListener('click', event => {
      const button = (event.target as Element).closest('button');
      if (button !== null) this.to(Number(button.dataset.step));
    });
  }

  /** Another packet. */
  load(travel: Travel, steps: readonly Step[], at: number): void {
    this.pause();
    this.#items = steps.map((step, i) => {
      const record = step.at.map((place, r) => travel.ways[r]![place]).find(r => r !== undefined)!;
      const badges = badgesOf(record).map(word => el('span', { class: `badge ${word}` }, word));
      const hook = step.at.length === 2 && step.at.includes(-1) ? 'step alone' : 'step';
      return el('li', { class: hook }, el('button', { type: 'button', 'data-step': i }, el('span', {}, step.hop), ...badges));
    });
    this.#list.replaceChildren(...this.#items);
    this.#slider.max = String(steps.length - 1);
    this.#show(Math.min(at, steps.length - 1));
  }

  /** A step that is there; playing ends. */
  to(step: number): void {
    this.pause();
    this.#show(step);
  }

  get at(): number {
    return this.#at;
  }

  get last(): number {
    return this.#items.length - 1;
  }

  toggle(): void {
    if (this.#timer !== 0) this.pause();
    else {
      if (this.#at === this.last) this.#show(0);
      this.#timer = window.setInterval(() => (this.#at < this.last ? this.#show(this.#at + 1) : this.pause()), PLAY_MS);
      this.#play.textContent = 'pause';
    }
  }

  pause(): void {
    window.clearInterval(this.#timer);
    this.#timer = 0;
    this.#play.textContent = 'play';
  }

  #show(step: number): void {
    this.#at = Math.max(0, Math.min(step, this.last));
    this.#slider.value = String(this.#at);
    for (const [i, item] of this.#items.entries()) {
      item.classList.toggle('passed', i < this.#at);
      if (i === this.#at) item.setAttribute('aria-current', 'step');
      else item.removeAttribute('aria-current');
    }
    this.#keepInSight(this.#items[this.#at]);
    this.#go(this.#at);
  }

  /** Within the list alone: the page itself stays where the reader is. */
  #keepInSight(item: HTMLElement | undefined): void {
    if (item === undefined) return;
    const top = item.offsetTop - this.#list.offsetTop;
    if (top < this.#list.scrollTop) this.#list.scrollTop = top;
    else if (top + item.offsetHeight > this.#list.scrollTop + this.#list.clientHeight)
      this.#list.scrollTop = top + item.offsetHeight - this.#list.clientHeight;
  }
}
