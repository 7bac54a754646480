/** Both runs of an exercise side by side: each probe exactly, each conversation by flow. */
import { existsSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { LabError } from '../base/errors.ts';
import { compareConversation } from '../capture/compare/conversation.ts';
import { diffJson, diffText } from '../capture/compare/print.ts';
import { compareProbe } from '../capture/compare/probe.ts';
import type { Comparison, Difference, Run } from '../capture/compare/result.ts';
import type { NatEntry } from '../capture/flow-table.ts';
import { findLab } from './catalog.ts';
import { inPhase, natEntries, type Phase, type RunEvidence, readRun } from './evidence.ts';
import { lastFolder } from './state.ts';

export interface RunsCompared {
  same: boolean;
  /** Where the two part first, along the way and in time. */
  first: { hop: string; field: string; userspace: string; kernel: string } | undefined;
  /** For people, by line: all of it, and what is said of runs that are the same. */
  text: string[];
  summary: string[];
  /** The content of `diff.json`. */
  data: unknown;
}

/** @param out folder with `userspace/` and `kernel/`; absent: the last runs @throws LabError LAB_UNKNOWN, BAD_INPUT when a run is missing */
export function diffRuns(number: string, out?: string): RunsCompared {
  const lab = findLab(number).number;
  const folder = out === undefined ? lastFolder(lab) : resolve(out);
  for (const plane of ['userspace', 'kernel'])
    if (!existsSync(join(folder, plane, 'run.json')))
      throw new LabError('BAD_INPUT', `there is no ${plane} run in ${folder}: \`kubehop lab run ${lab} --on both\` makes both`);
  return compareFolder(folder);
}

/** Compares `DIR/userspace` and `DIR/kernel`, and leaves `diff.txt` and `diff.json` beside them. */
export function compareFolder(folder: string): RunsCompared {
  const userspace = readRun(join(folder, 'userspace'));
  const kernel = readRun(join(folder, 'kernel'));
  const nat = { userspace: natEntries(join(folder, 'userspace')), kernel: natEntries(join(folder, 'kernel')) };
  const pairs = userspace.phases.flatMap((phase, i) =>
    kernel.phases[i] !== undefined && (phase.kind === 'probe' || phase.kind === 'conversation') ? [[phase, kernel.phases[i]] as const] : [],
  );
  const comparisons = pairs.map(([u, k]) =>
    comparePhase(runOf(userspace, u, nat.userspace), runOf(kernel, k, nat.kernel), u, userspace.order),
  );
  const same = comparisons.length > 0 && userspace.phases.length === kernel.phases.length && comparisons.every(c => c.same);
  const first = comparisons.flatMap(c => c.differences)[0];
  const json = diffJson(comparisons);
  const head = same ? 'same: userspace and kernel did the same to every packet' : `different: ${firstText(first)}`;
  const text = `${head}\n\n${diffText(comparisons)}`;
  writeFileSync(join(folder, 'diff.txt'), text);
  writeFileSync(join(folder, 'diff.json'), json);
  const lines = text.trimEnd().split('\n');
  const summary = same ? [head, ...pairs.map(([phase], i) => `  ${phase.what}: ${comparedText(comparisons[i]!)}`)] : lines;
  return { same, first: first && plainDifference(first), text: lines, summary, data: JSON.parse(json) };
}

const comparePhase = (userspace: Run, kernel: Run, phase: Phase, hops: readonly string[]): Comparison =>
  phase.kind === 'probe'
    ? compareProbe(userspace, kernel, { hops, injectedAt: [phase.injectedAt], injected: 1 })
    : compareConversation(userspace, kernel, { hops });

const runOf = (evidence: RunEvidence, phase: Phase, nat: NatEntry[]): Run => ({
  hops: new Map([...evidence.frames].map(([hop, frames]) => [hop, frames.filter(frame => inPhase(phase, frame))])),
  macs: evidence.macs,
  nat,
});

const comparedText = ({ compared: { hops, packets, fields } }: Comparison): string =>
  `same in ${fields} fields of ${packets} packets at ${hops} hops`;

const shown = (value: Difference['kernel']): string => (value === null ? 'not there' : String(value));
const plainDifference = (d: Difference) => ({ hop: d.hop, field: d.field, userspace: shown(d.userspace), kernel: shown(d.kernel) });

const firstText = (d: Difference | undefined): string =>
  d === undefined
    ? 'the runs have not the same steps'
    : `first at ${d.hop}, ${d.field}: userspace ${shown(d.userspace)}, kernel ${shown(d.kernel)}`;
