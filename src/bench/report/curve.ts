/** The plot of row k: what a first packet costs against the number of Services, both on logarithmic scales, a line for each plane. */
import { PLANES, type PlaneName, planeTitles } from '../measures.ts';
import type { BenchResult, RowResult } from '../result.ts';
import { colours, escaped } from './plot.ts';

const WIDTH = 760;
const HEIGHT = 480;
const LEFT = 70;
const RIGHT = 24;
const TOP = 70;
const BOTTOM = 80;

/** Is this a result that the curve shows whole? */
export const isCurve = ({ rows }: BenchResult): boolean => rows.length > 1 && rows.every(row => row.id.startsWith('k.'));

const servicesOf = (row: RowResult): number => Number(row.id.slice('k.'.length));

/** A picture that stands alone: SVG text. */
export function curve({ machine, rows }: BenchResult): string {
  const counts = rows.map(servicesOf);
  const costs = rows.flatMap(row => PLANES.flatMap(plane => row[plane] ?? []));
  const x = scale(Math.min(...counts), Math.max(...counts), LEFT, WIDTH - RIGHT);
  const y = scale(10 ** Math.floor(Math.log10(Math.min(...costs))), 10 ** Math.ceil(Math.log10(Math.max(...costs))), HEIGHT - BOTTOM, TOP);
  const planes = PLANES.filter(plane => rows.some(row => row[plane] !== null));
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="white"/>`,
    `<text x="16" y="24" font-size="16">first packet of a connection to the last of N Services, us</text>`,
    `<text x="16" y="42" fill="#57606a">${escaped(`${machine.cpu}, ${machine.cores} processors, Linux ${machine.kernel}, Node ${machine.node}, commit ${machine.commit ?? '-'}`)}</text>`,
    ...counts.map(count => mark(x(count), HEIGHT - BOTTOM + 18, 'middle', count.toLocaleString('en'))),
    ...powers(costs).flatMap(cost => [
      `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(cost)}" y2="${y(cost)}" stroke="#d8dee4"/>`,
      mark(LEFT - 8, y(cost) + 4, 'end', String(cost)),
    ]),
    ...planes.flatMap(plane => line(plane, rows, x, y)),
    ...planes.map(
      (plane, i) =>
        `<rect x="${16 + i * 150}" y="${HEIGHT - 24}" width="10" height="10" fill="${colours[plane]}"/>` +
        mark(32 + i * 150, HEIGHT - 15, 'start', planeTitles[plane]),
    ),
    '</svg>',
  ].join('\n')}\n`;
}

type Scale = (value: number) => number;

const scale =
  (least: number, most: number, from: number, to: number): Scale =>
  value =>
    Math.round(from + ((to - from) * Math.log(value / least)) / Math.log(most / least));

/** Powers of ten around all of them. */
function powers(values: readonly number[]): number[] {
  const first = Math.floor(Math.log10(Math.min(...values)));
  const last = Math.ceil(Math.log10(Math.max(...values)));
  return Array.from({ length: last - first + 1 }, (_, i) => 10 ** (first + i));
}

const mark = (x: number, y: number, anchor: string, text: string): string =>
  `<text x="${x}" y="${y}" text-anchor="${anchor}" fill="#57606a">${escaped(text)}</text>`;

function line(plane: PlaneName, rows: readonly RowResult[], x: Scale, y: Scale): string[] {
  const points = rows.filter(row => row[plane] !== null).map(row => [x(servicesOf(row)), y(row[plane]!)] as const);
  return [
    `<polyline points="${points.map(p => p.join(',')).join(' ')}" fill="none" stroke="${colours[plane]}" stroke-width="2"/>`,
    ...points.map(([px, py]) => `<circle cx="${px}" cy="${py}" r="3" fill="${colours[plane]}"/>`),
  ];
}
