/** What a run has shown, in words. Colour is the caller's. */
import { join } from 'node:path';
import { drawPath } from './drawing.ts';
import { failedChecks, type RunResult, type Story, type WalkStep } from './result.ts';
import type { RunReport } from './run.ts';
import { sharesLines } from './steps/shares-text.ts';

export interface ReportLine {
  text: string;
  tone?: 'good' | 'bad' | 'title' | 'quiet' | 'changed';
}

export function reportLines(report: RunReport): ReportLine[] {
  const lines: ReportLine[] = [{ text: `${report.lab} ${report.title}`, tone: 'title' }];
  for (const { label, story, folder } of storiesToShow(report)) lines.push(...storyLines(label, story, folder));
  for (const { label, result } of report.runs) lines.push(...sharesOf(label, result));
  lines.push({ text: '' });
  for (const { label, result } of report.runs) lines.push(...checkLines(label, result), ...captureLines(label, result));
  if (report.comparison !== undefined) lines.push({ text: '' }, ...comparisonLines(report.comparison));
  lines.push({ text: '' }, { text: `captures: ${report.runs.map(run => join(report.folder, run.label)).join(' and ')}`, tone: 'quiet' });
  lines.push({ text: `to look at: ${report.page}   (a page for any browser: each packet hop by hop)` });
  return lines;
}

/** One story when both runs were found the same, else each run's. */
function storiesToShow(report: RunReport): { label: string; story: Story; folder: string }[] {
  const stories = report.runs.flatMap(({ label, result }) =>
    result.story === undefined ? [] : [{ label: label as string, story: result.story, folder: join(report.folder, label) }],
  );
  return report.comparison?.same ? stories.slice(0, 1).map(story => ({ ...story, label: 'both data planes' })) : stories;
}

function storyLines(label: string, story: Story, folder: string): ReportLine[] {
  const { walk, answer, conntrack, packet, answerPacket } = story;
  const lines: ReportLine[] = [{ text: '' }, { text: `The first packet, hop by hop (${label})`, tone: 'title' }, ...walkLines(walk)];
  if (answer.length > 0) lines.push({ text: '' }, { text: 'The answer', tone: 'title' }, ...walkLines(answer));
  lines.push({ text: '' }, { text: 'The path, down and back', tone: 'title' }, ...drawPath(walk, answer));
  if (conntrack.length > 0) {
    lines.push({ text: '' }, { text: 'What conntrack remembers of it', tone: 'title' });
    for (const { node, entry } of conntrack) lines.push({ text: `  ${node}  ${entry}` });
  }
  const filter = [packet, answerPacket].filter(id => id !== undefined).map(id => `frame.packet_id == ${id}`);
  lines.push(
    { text: '' },
    { text: 'In Wireshark', tone: 'title' },
    { text: `  ${join(folder, 'journey.pcapng')}` },
    { text: `  filter: ${filter.join(' || ')}` },
    { text: '  each packet has its story as a comment: which rules it met, what was rewritten, and why', tone: 'quiet' },
  );
  return lines;
}

function walkLines(walk: readonly WalkStep[]): ReportLine[] {
  const width = Math.max(...walk.map(step => step.hop.length)) + 2;
  const under = `  ${' '.repeat(width)}  `;
  return walk.flatMap(step => [
    { text: `  ${step.hop.padEnd(width)}${step.packet}` },
    ...step.rules.map(({ text, origin }) => ({
      text: `${under}${text}${origin === undefined ? '' : `   <- ${origin}`}`,
      tone: 'quiet' as const,
    })),
    ...step.did.map(did => ({
      text: `${under}${did}`,
      tone: /^(destination|source|dropped)/.test(did) ? ('changed' as const) : ('quiet' as const),
    })),
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
    ...result.checks.flatMap(check => (check.ok && check.figure !== undefined ? [{ text: `  ${check.at}: ${check.figure}` }] : [])),
    ...failed.flatMap((check, i) => [
      { text: `  FAILED at ${check.at}: ${check.text}`, tone: 'bad' as const },
      { text: `    it was: ${check.saw}` },
      // Once for those that fail for one reason.
      ...(check.hint === undefined || check.hint === failed[i + 1]?.hint
        ? []
        : [{ text: `  hint: ${check.hint}`, tone: 'changed' as const }]),
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
