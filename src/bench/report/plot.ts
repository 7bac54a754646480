/** The plot: for every row the router against the kernel with iptables-nft, on a logarithmic scale, with floor and aim; other planes beside it. */
import { PLANES, type PlaneName, planeTitles } from '../measures.ts';
import type { BenchResult, RowResult } from '../result.ts';
import { medianRatio } from '../statistics.ts';

const WIDTH = 960;
const LEFT = 330;
const RIGHT = 40;
const TOP = 70;
const LINE = 26;
/** Ratios at the ends of the scale. */
const LEAST = 1 / 8;
const MOST = 64;
const TICKS = [0.125, 0.25, 0.5, 1, 2, 4, 8, 16, 32, 64];

export const colours: Record<PlaneName, string> = {
  router: '#1f6feb',
  routerLinear: '#8250df',
  kernelNft: '#57606a',
  kernelLegacy: '#bf8700',
  kernelNftMaps: '#1a7f37',
  ovs: '#a40e26',
};

/** A picture that stands alone: SVG text. Rows that have no kernel beside them are left out. */
export function plot(result: BenchResult): string {
  const rows = result.rows.filter(row => row.ratio !== null);
  const height = TOP + rows.length * LINE + 50;
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${height}" fill="white"/>`,
    `<text x="16" y="24" font-size="16">kubehop bench: each by the kernel with iptables-nft</text>`,
    `<text x="16" y="42" fill="#57606a">${escaped(`${result.machine.cpu}, ${result.machine.cores} processors, Linux ${result.machine.kernel}, Node ${result.machine.node}, commit ${result.machine.commit ?? '-'}`)}</text>`,
    ...TICKS.map(tick => scaleLine(tick, height)),
    ...rows.flatMap((row, i) => rowMarks(row, TOP + i * LINE)),
    ...legend(rows, height - 14),
    '</svg>',
  ].join('\n')}\n`;
}

const x = (ratio: number): number => {
  const inside = Math.min(MOST, Math.max(LEAST, ratio));
  return Math.round(LEFT + ((WIDTH - LEFT - RIGHT) * Math.log2(inside / LEAST)) / Math.log2(MOST / LEAST));
};

const scaleLine = (tick: number, height: number): string =>
  `<line x1="${x(tick)}" x2="${x(tick)}" y1="${TOP - 8}" y2="${height - 40}" stroke="${tick === 1 ? '#57606a' : '#d8dee4'}"/>` +
  `<text x="${x(tick)}" y="${TOP - 12}" text-anchor="middle" fill="#57606a">${tick}</text>`;

function rowMarks(row: RowResult, top: number): string[] {
  const y = top + LINE / 2;
  const target = row.target?.of === 'ratio' ? row.target : null;
  const bound = (value: number, colour: string): string =>
    `<line x1="${x(value)}" x2="${x(value)}" y1="${top + 3}" y2="${top + LINE - 3}" stroke="${colour}" stroke-width="2"/>`;
  return [
    `<text x="16" y="${y + 4}">${escaped(`${row.id}  ${row.name}`)}</text>`,
    `<rect x="${Math.min(x(1), x(row.ratio!))}" y="${top + 7}" width="${Math.abs(x(row.ratio!) - x(1))}" height="${LINE - 14}" fill="${colours.router}" opacity="0.8"/>`,
    `<text x="${x(Math.max(1, row.ratio!)) + 4}" y="${y + 4}" fill="${colours.router}">${row.ratio!.toFixed(2)}</text>`,
    ...(target === null ? [] : [bound(target.floor, '#a40e26'), bound(target.aim, '#1a7f37')]),
    ...others(row).map(([plane, ratio]) => `<circle cx="${x(ratio)}" cy="${y}" r="4" fill="${colours[plane]}"/>`),
  ];
}

const others = (row: RowResult): [PlaneName, number][] =>
  PLANES.filter(plane => plane !== 'router' && plane !== 'kernelNft').flatMap(plane => {
    const ratio = medianRatio(row.rounds[plane] ?? [], row.rounds.kernelNft ?? []);
    return ratio === undefined ? [] : [[plane, ratio] as [PlaneName, number]];
  });

function legend(rows: readonly RowResult[], y: number): string[] {
  const planes = PLANES.filter(plane => plane === 'router' || rows.some(row => others(row).some(([name]) => name === plane)));
  const entries = [
    ...planes.map(plane => [planeTitles[plane], colours[plane]] as const),
    ['floor', '#a40e26'],
    ['aim', '#1a7f37'],
  ] as const;
  return entries.map(
    ([title, colour], i) =>
      `<rect x="${16 + i * 120}" y="${y - 10}" width="10" height="10" fill="${colour}"/><text x="${32 + i * 120}" y="${y}">${escaped(title)}</text>`,
  );
}

export const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
