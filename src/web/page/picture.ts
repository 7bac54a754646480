/** The topology as SVG, with the way of one packet on it. */
import { type Box, type Drawing, drawingOf, type Point, wayOf } from '../model/drawing.ts';
import type { Place } from '../report-data.ts';
import { svg } from './element.ts';

export class Picture {
  readonly element: SVGSVGElement;
  readonly #drawing: Drawing;
  readonly #ahead = svg('polyline', { class: 'ahead' });
  readonly #gone = svg('polyline', { class: 'gone' });
  readonly #here = svg('g', { class: 'here' }, svg('circle', { r: 11, class: 'halo' }), svg('circle', { r: 5.5 }));
  readonly #parts = new Map<string, SVGElement>();

  constructor(places: readonly Place[]) {
    const d = drawingOf(places);
    this.#drawing = d;
    this.element = svg('svg', { viewBox: `0 0 ${d.width} ${d.height}`, role: 'img', 'aria-label': 'the network of the lab' });
    // Smaller than this its words cannot be read: then it scrolls sideways.
    this.element.style.minWidth = `${d.width * 0.85}px`;
    this.element.style.maxWidth = `${d.width * 1.25}px`;
    for (const [a, b] of d.wires) this.element.append(svg('line', { class: 'wire', x1: a.x, y1: a.y, x2: b.x, y2: b.y }));
    // The way runs in front of the grounds that things stand on, and behind the things themselves.
    const isGround = ({ kind }: Box) => kind === 'node' || kind === 'switch';
    this.element.append(...d.boxes.filter(isGround).map(box => this.#part(box)));
    this.element.append(this.#ahead, this.#gone, ...d.boxes.filter(({ kind }) => kind === 'node').map(nodeLabel));
    this.element.append(...d.boxes.filter(box => !isGround(box)).map(box => this.#part(box)), this.#here);
  }

  #part(box: Box): SVGElement {
    const { x, y, width, height, kind, label, note } = box;
    const group = svg('g', { class: kind }, svg('rect', { x, y, width, height, rx: kind === 'hook' ? 10 : 5 }));
    this.#parts.set(this.#hopAt(box), group);
    const base = y + height / 2 + 4;
    if (kind === 'node') return group;
    if (kind === 'switch') group.append(svg('text', { x: x + 8, y: base, class: 'name start' }, label));
    else {
      group.append(svg('text', { x: x + width / 2, y: note === '' ? base : base - 8, class: 'name' }, label));
      if (note !== '') group.append(svg('text', { x: x + width / 2, y: base + 8, class: 'note' }, note));
    }
    return group;
  }

  #hopAt({ x, y, width, height, label }: Box): string {
    for (const [hop, p] of this.#drawing.points)
      if (hop.endsWith(`/${label}`) && p.x === x + width / 2 && p.y === y + height / 2) return hop;
    return label;
  }

  /** @param hops the packet's, in order; `at` where it is */
  show(hops: readonly string[], at: number): void {
    this.#gone.setAttribute('points', path(wayOf(this.#drawing, hops.slice(0, at + 1))));
    this.#ahead.setAttribute('points', path(wayOf(this.#drawing, hops.slice(at))));
    const here = this.#drawing.points.get(hops[at]!);
    this.#here.style.display = here === undefined ? 'none' : '';
    if (here !== undefined) this.#here.style.transform = `translate(${here.x}px, ${here.y - (here.lift ?? 0)}px)`;
    for (const [hop, part] of this.#parts) {
      part.classList.toggle('seen', hops.slice(0, at + 1).includes(hop));
      part.classList.toggle('now', hops[at] === hop);
    }
  }
}

/** In front of the way, which runs through the node. */
const nodeLabel = ({ x, y, width, label, note }: Box): SVGElement =>
  svg(
    'g',
    { class: 'label' },
    svg('text', { x: x + 8, y: y + 26, class: 'name start' }, label),
    svg('text', { x: x + width - 8, y: y + 26, class: 'note end' }, note),
  );

const path = (points: readonly Point[]): string => points.map(({ x, y }) => `${x},${y}`).join(' ');
