/** The table as text, and as Markdown for a README. */
import { PLANES, planeTitles } from '../measures.ts';
import type { BenchResult, RowResult } from '../result.ts';
import { figure, targetText } from './figure.ts';

const HEAD = ['row', 'measure', 'unit', ...PLANES.map(plane => planeTitles[plane]), 'ratio', 'floor / aim', 'met'];

function cells(row: RowResult): string[] {
  const values = PLANES.map(plane => {
    const value = row[plane];
    if (value === null) return '-';
    const spread = row.spread[plane];
    return spread === undefined || spread === 0 ? figure(value) : `${figure(value)} ±${Math.round(spread * 50)}%`;
  });
  const ratio = row.ratio === null ? '-' : row.ratio.toFixed(2);
  return [row.id, row.name, row.unit, ...values, ratio, row.target === null ? '-' : targetText(row.target), verdict(row)];
}

/** aim: both are met; floor: the floor alone. */
function verdict({ met, aimMet }: RowResult): string {
  if (met === null) return '-';
  return aimMet ? 'aim' : met ? 'floor' : 'NO';
}

/** Lines for a terminal: columns as wide as they must be. */
export function tableLines({ machine, rows, options, seconds }: BenchResult): string[] {
  const table = [HEAD, ...rows.map(cells)];
  const widths = HEAD.map((_, column) => Math.max(...table.map(line => line[column]!.length)));
  const shown = HEAD.map((_, column) => column < 3 || table.slice(1).some(line => line[column] !== '-'));
  const line = (all: readonly string[]): string =>
    all
      .map((cell, column) => (column < 3 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)))
      .filter((_, column) => shown[column])
      .join('  ')
      .trimEnd();
  return [
    ...machineLines(machine),
    `${options.rounds} round${options.rounds === 1 ? '' : 's'} in turn, ${Math.round(seconds)} s${options.quick ? ' (quick: a look, not a result)' : ''}; ± is half of (largest - smallest) by the median; ratio: router by iptables-nft, median over the rounds`,
    '',
    ...table.map(line),
    ...notes(rows),
  ];
}

export function markdown({ rows }: BenchResult): string {
  const line = (all: readonly string[]): string => `| ${all.join(' | ')} |`;
  return [line(HEAD), line(HEAD.map(() => '---')), ...rows.map(row => line(cells(row)))].join('\n');
}

const machineLines = (m: BenchResult['machine']): string[] => [
  `${m.cpu}, ${m.cores} processors; Linux ${m.kernel}; Node ${m.node}${m.commit === null ? '' : `; commit ${m.commit}`}`,
  `MTU ${m.mtu}; offloads ${m.offloads}`,
  `load: ${m.loadGenerator}; load average before ${m.loadBefore.join(' ')}`,
];

function notes(rows: readonly RowResult[]): string[] {
  const all = rows.flatMap(row => row.notes.map(note => `${row.id}: ${note}`));
  return all.length === 0 ? [] : ['', ...all];
}
