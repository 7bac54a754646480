/** What the shares of many connections look like: lines for a terminal, and a picture. Pure. */
import { percent, type Share, type Shares } from './shares.ts';

const SHOWN_CHOICES = 60;

const takenOf = ({ shares }: Shares): number => shares.reduce((sum, s) => sum + s.flows, 0);

/** The first line is its title. */
export function sharesLines(s: Shares): string[] {
  const n = takenOf(s);
  const width = Math.max(...s.shares.map(({ backend }) => backend.length));
  const line = (share: Share): string => {
    const { backend, flows, expected, low, high } = share;
    const off = low <= expected && expected <= high ? '' : ', which misses it';
    const part = n === 0 ? 0 : flows / n;
    return `  ${backend.padEnd(width)}  ${String(flows).padStart(6)}  ${percent(part).padStart(6)}  95 %: ${percent(low)} to ${percent(high)}, expected ${percent(expected)}${off}`;
  };
  const { value, degrees, p } = s.chiSquare;
  return [
    `${s.what}: ${n} connections`,
    ...s.shares.map(line),
    `  chi-square ${value.toFixed(2)} with ${degrees} degrees of freedom: chance gives that or more in ${percent(p)} of all runs`,
    `  ${s.runs.count} runs of equal backends, ${s.runs.expected.toFixed(0)} expected of chance (${signed(s.runs.z)} standard deviations), ${n} of round robin; the longest has ${s.runs.longest}`,
    `  the first ${Math.min(SHOWN_CHOICES, s.choices.length)}: ${s.choices.slice(0, SHOWN_CHOICES).map(digit).join(' ')}`,
  ];
}

const digit = (choice: number): string => (choice < 0 ? '-' : String(choice + 1));
const signed = (z: number): string => `${z < 0 ? '' : '+'}${z.toFixed(1)}`;

/** Backends in order: distinct by lightness as well as by hue. */
const COLOURS = ['#1b4f72', '#e08e0b', '#7fb3d5', '#943126', '#58d68d', '#6c3483', '#f7dc6f', '#7f8c8d', '#d98880'];
const colourOf = (i: number): string => COLOURS[i % COLOURS.length]!;

const WIDTH = 760;
const LEFT = 90;
const PLOT = 560;
const ROW = 26;
const CELL = 10;
const STRIP = Math.floor((WIDTH - LEFT - 20) / CELL);

/** One picture for all of a run: shares with their intervals, and the first choices beside what round robin would have done. */
export function sharesSvg(all: readonly Shares[], title: string): string {
  const parts: string[] = [];
  let y = 28;
  parts.push(text(16, y, title, 'font-weight="bold"'));
  for (const s of all) {
    y += 34;
    parts.push(text(16, y, `${s.what}: ${takenOf(s)} connections`));
    y += 10;
    parts.push(bars(s, y));
    y += s.shares.length * ROW + 26;
    parts.push(strip(y, 'as drawn', s.choices.slice(0, STRIP)));
    y += CELL + 6;
    const inTurn = Array.from({ length: STRIP }, (_, i) => i % s.shares.length);
    parts.push(strip(y, 'round robin', inTurn));
    y += CELL + 8;
  }
  const head = `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${y + 12}" viewBox="0 0 ${WIDTH} ${y + 12}" font-family="sans-serif" font-size="13">`;
  return `${[head, `<rect width="100%" height="100%" fill="white"/>`, ...parts].join('\n')}\n</svg>\n`;
}

function bars({ shares }: Shares, top: number): string {
  const n = Math.max(
    1,
    shares.reduce((sum, s) => sum + s.flows, 0),
  );
  const largest = Math.max(...shares.map(s => Math.max(s.high, s.expected))) * 1.1;
  const x = (share: number): string => (LEFT + (share / largest) * PLOT).toFixed(1);
  const rows = shares.map((s, i) => {
    const y = top + i * ROW;
    const middle = y + ROW / 2;
    return [
      text(LEFT - 8, middle + 4, s.backend, 'text-anchor="end"'),
      `<rect x="${LEFT}" y="${y + 4}" width="${((s.flows / n / largest) * PLOT).toFixed(1)}" height="${ROW - 8}" fill="${colourOf(i)}"/>`,
      // the interval, and what is expected as a line across
      `<path d="M${x(s.low)} ${middle}H${x(s.high)}M${x(s.low)} ${middle - 5}v10M${x(s.high)} ${middle - 5}v10" stroke="black" stroke-width="1.5"/>`,
      `<path d="M${x(s.expected)} ${y}v${ROW}" stroke="red" stroke-dasharray="3 2"/>`,
      text(LEFT + PLOT + 12, middle + 4, percent(s.flows / n)),
    ].join('\n');
  });
  const legend = text(
    LEFT,
    top + shares.length * ROW + 14,
    'red: expected; black: the 95 % interval of what was counted',
    'font-size="11" fill="#555"',
  );
  return [...rows, legend].join('\n');
}

function strip(y: number, name: string, choices: readonly number[]): string {
  const cells = choices.map(
    (choice, i) =>
      `<rect x="${LEFT + i * CELL}" y="${y}" width="${CELL - 1}" height="${CELL}" fill="${choice < 0 ? 'white' : colourOf(choice)}"/>`,
  );
  return [text(LEFT - 8, y + CELL - 1, name, 'text-anchor="end" font-size="11"'), ...cells].join('\n');
}

const text = (x: number, y: number, words: string, more = ''): string =>
  `<text x="${x}" y="${y}"${more === '' ? '' : ` ${more}`}>${words.replaceAll('&', '&amp;').replaceAll('<', '&lt;')}</text>`;
