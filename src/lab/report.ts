/** What a run has shown, in words. Colour is the caller's. */
import { join } from 'node:path';
import { failedChecks, type RunResult, type WalkStep } from './result.ts';
import type { RunReport } from './run.ts';
import { sharesLines } from './steps/shares-text.ts';

export interface ReportLine {
  text: string;
  tone?: 'good' | 'bad' | 'title' | 'quiet';
}

export function reportLines(report: RunReport): ReportLine[] {
  const lines: ReportLine[] = [{ text: `${report.lab} ${report.title}`, tone: 'title' }];
  for (const { label, result } of walksToShow(report))
    lines.push({ text: '' }, { text: `The first packet, hop by hop (${label})`, tone: 'title' }, ...walkLines(result.walk));
  for (const { label, result } of report.runs) lines.push(...sharesOf(label, result));
  lines.push({ text: '' });
  for (const { label, result } of report.runs) lines.push(...checkLines(label, result), ...captureLines(label, result));
  if (report.comparison !== undefined) lines.push({ text: '' }, ...comparisonLines(report.comparison));
  lines.push({ text: '' }, { text: `captures: ${report.runs.map(run => join(report.folder, run.label)).join(' and ')}`, tone: 'quiet' });
  return lines;
}

/** One walk when both runs were found the same, else each run's. */
const walksToShow = (report: RunReport): RunReport['runs'] =>
  (report.comparison?.same ? report.runs.slice(0, 1).map(run => ({ ...run, label: 'both data planes' })) : report.runs).filter(
    run => run.result.walk.length > 0,
  ) as RunReport['runs'];

function walkLines(walk: readonly WalkStep[]): ReportLine[] {
  const width = Math.max(...walk.map(step => step.hop.length)) + 2;
  return walk.flatMap(step => [
    { text: `  ${step.hop.padEnd(width)}${step.packet}` },
    ...step.did.map(did => ({ text: `  ${' '.repeat(width)}  ${did}`, tone: 'quiet' as const })),
  ]);
}

const sharesOf = (label: string, result: RunResult): ReportLine[] =>
  result.shares.flatMap(shares => {
    const [title, ...rest] = sharesLines(shares);
    return [{ text: '' }, { text: `${title} (${label})`, tone: 'title' as const }, ...rest.map(text => ({ text }))];
  });

function checkLines(label: string, result: RunResult): ReportLine[] {
  const failed = failedChecks(result);
  const summary = `${label}: ${result.checks.length - failed.length} of ${result.checks.length} checks hold`;
  return [
    { text: summary, tone: failed.length === 0 ? 'good' : 'bad' },
    ...failed.flatMap(check => [
      { text: `  FAILED at ${check.at}: ${check.text}`, tone: 'bad' as const },
      { text: `    it was: ${check.saw}` },
    ]),
  ];
}

const comparisonLines = ({ same, summary }: NonNullable<RunReport['comparison']>): ReportLine[] =>
  summary.map((text, i) => (i === 0 ? { text, tone: same ? 'good' : 'bad' } : { text }));

/** A capture with holes is no evidence. */
const captureLines = (label: string, result: RunResult): ReportLine[] =>
  result.hops
    .filter(hop => hop.dropped > 0)
    .map(hop => ({
      text: `${label}: the capture at ${hop.name} lost ${hop.dropped} frames: the machine was too busy`,
      tone: 'bad' as const,
    }));
