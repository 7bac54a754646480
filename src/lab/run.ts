/** An exercise from start to end: on one data plane or on both, one lab after the other, each in namespaces of its own. */
import { existsSync, mkdirSync, realpathSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { LabError } from '../base/errors.ts';
import type { RouterDescription } from '../node/description.ts';
import { findLab, loadLab } from './catalog.ts';
import type { DaemonClient } from './daemon/client.ts';
import type { Instance } from './daemon/directories.ts';
import { end, launch } from './daemon/launch.ts';
import { compareFolder, type RunsCompared } from './diff.ts';
import { checkSteps } from './networks.ts';
import { PAGE, writeReportPage } from './page/report-page.ts';
import { type PlannedRun, planRuns } from './planes.ts';
import { failedChecks, type RunResult } from './result.ts';
import { becomeLast, newRunFolder } from './state.ts';
import type { PodNetwork } from './topology/model.ts';

export interface RunOptions {
  number: string;
  on: string;
  /** The pods' network, where it is not to be the exercise's own. */
  network?: PodNetwork | undefined;
  /** Where the evidence goes; without it, the user's state directory. */
  out?: string;
  seed: number;
  /** Folder with what the reader has written; without it, the exercise's `start/`. */
  work?: string;
  /** The last lab stays up. */
  keep: boolean;
  faults?: RouterDescription['faults'];
  /** Aborted: everything ends at once. */
  signal?: AbortSignal;
  say: (line: string, detail: boolean) => void;
}

export interface RunReport {
  lab: string;
  title: string;
  seed: number;
  folder: string;
  runs: { label: PlannedRun['label']; result: RunResult }[];
  /** When both data planes ran. */
  comparison?: RunsCompared;
  /** The page that shows it, in `folder`. */
  page: string;
}

/** Every check holds, no capture has holes, and both runs are the same. */
export const isWell = (report: RunReport): boolean =>
  report.runs.every(({ result }) => failedChecks(result).length === 0 && result.hops.every(hop => hop.dropped === 0)) &&
  (report.comparison?.same ?? true);

/** @throws LabError; and the signal's reason when it was aborted. Nothing of a lab is left then. */
export async function runLab(options: RunOptions): Promise<RunReport> {
  const { number } = findLab(options.number);
  checkSteps(number, await loadLab(number), options.network);
  const lab = await loadLab(number, options.network);
  const plan = planRuns(options.on, lab.nodes);
  const folder = options.out === undefined ? newRunFolder(number) : outFolder(options.out);
  try {
    const runs: RunReport['runs'] = [];
    for (const [i, run] of plan.entries()) {
      const keep = options.keep && i === plan.length - 1;
      runs.push({ label: run.label, result: await runOnce(number, run, join(folder, run.label), keep, options) });
    }
    const comparison = plan.length === 2 ? { comparison: compareFolder(folder) } : {};
    const report = { lab: number, title: lab.title, seed: options.seed, runs, ...comparison };
    writeReportPage(
      folder,
      report,
      plan.map(run => run.label),
    );
    return inPlace(report, options.out === undefined ? becomeLast(number, folder) : folder);
  } catch (error) {
    if (options.out === undefined) rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

async function runOnce(number: string, run: PlannedRun, out: string, keep: boolean, options: RunOptions): Promise<RunResult> {
  const { signal, say } = options;
  signal?.throwIfAborted();
  forgetEvidence(out);
  say(`${run.label}: exercise ${number}`, false);
  const launched = await launch({
    lab: number,
    planes: run.planes,
    seed: options.seed,
    transient: !keep,
    ...(options.network === undefined ? {} : { network: options.network }),
    api: (await loadLab(number)).api === true,
    faults: [...(options.faults ?? [])],
  });
  const stop = () => void end(launched.instance);
  signal?.addEventListener('abort', stop);
  let ended = !keep;
  try {
    return await launched.client.request({ op: 'perform', out, work: workFolder(number, options.work) }, p => say(p.line, p.detail));
  } catch (error) {
    ended = true;
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener('abort', stop);
    launched.client.close();
    if (ended) await end(launched.instance);
  }
}

/** `lab up`: the lab stands, and waits. */
export async function upLab(
  options: Pick<RunOptions, 'number' | 'on' | 'network' | 'seed' | 'faults' | 'signal' | 'say'> & { storeFile?: string | undefined },
): Promise<Instance> {
  const { number } = findLab(options.number);
  const lab = await loadLab(number);
  const plan = planRuns(options.on, lab.nodes);
  if (plan.length > 1)
    throw new LabError('BAD_INPUT', '--on both: a lab that is up has one data plane: userspace, kernel, or PLANE:NODE,...');
  if (options.storeFile !== undefined && lab.api !== true)
    throw new LabError('BAD_INPUT', `--store: exercise ${number} has no API, and nothing to keep`);
  const launched = await launch({
    lab: number,
    ...(options.storeFile === undefined ? {} : { storeFile: resolve(options.storeFile) }),
    planes: plan[0]!.planes,
    ...(options.network === undefined ? {} : { network: options.network }),
    seed: options.seed,
    transient: false,
    api: lab.api === true,
    faults: [...(options.faults ?? [])],
  });
  const stop = () => void end(launched.instance);
  options.signal?.addEventListener('abort', stop);
  try {
    await launched.client.request({ op: 'build' }, p => options.say(p.line, p.detail));
    return launched.instance;
  } catch (error) {
    await end(launched.instance);
    options.signal?.throwIfAborted();
    throw error;
  } finally {
    options.signal?.removeEventListener('abort', stop);
    launched.client.close();
  }
}

/** The steps and checks of the exercise on a lab that is up. */
export async function checkLab(
  instance: Instance,
  client: DaemonClient,
  out: string | undefined,
  work: string | undefined,
  say: RunOptions['say'],
): Promise<RunReport> {
  const number = instance.lab;
  const lab = await loadLab(number);
  checkSteps(number, lab, instance.network);
  const { title, nodes } = await loadLab(number, instance.network);
  const on = new Set(Object.values(instance.planes));
  const label = on.size > 1 ? 'mixed' : planRuns([...on].join(), nodes)[0]!.label;
  const folder = out === undefined ? newRunFolder(number) : outFolder(out);
  forgetEvidence(join(folder, label));
  const result = await client.request({ op: 'perform', out: join(folder, label), work: workFolder(number, work) }, p =>
    say(p.line, p.detail),
  );
  const report = { lab: number, title, seed: instance.seed, runs: [{ label, result }] };
  writeReportPage(folder, report, [label]);
  return inPlace(report, out === undefined ? becomeLast(number, folder) : folder);
}

const inPlace = (report: Omit<RunReport, 'folder' | 'page'>, folder: string): RunReport => ({
  ...report,
  folder,
  page: join(folder, PAGE),
});

/** Whatever was changed in a lab that is up is undone: it is built anew on the same data planes. */
export async function resetLab(instance: Instance, signal: AbortSignal, say: RunOptions['say']): Promise<Instance> {
  await end(instance);
  const on = Object.entries(instance.planes).map(([node, plane]) => `${plane}:${node}`);
  return upLab({ number: instance.lab, on: on.join(), network: instance.network, seed: instance.seed, signal, say });
}

const hidden = (path: string): boolean => /^(\/var)?\/run\//.test(`${path}/`);

/** @throws LabError BAD_INPUT for a place that the lab cannot see. */
function outFolder(out: string): string {
  const folder = resolve(out);
  try {
    if (!hidden(folder)) makeFolder(folder);
  } catch (cause) {
    throw new LabError('BAD_INPUT', `--out ${out}: cannot make this folder: ${(cause as NodeJS.ErrnoException).code}`, { cause });
  }
  if (hidden(folder) || hidden(realpathSync(folder)))
    throw new LabError('BAD_INPUT', `--out ${out}: a lab has its own /run: choose another folder`);
  return folder;
}

/** With those above it. Not `recursive`: Node does not come back from that in /proc. */
function makeFolder(folder: string): void {
  if (existsSync(folder) || dirname(folder) === folder) return;
  makeFolder(dirname(folder));
  mkdirSync(folder);
}

/** @param work a folder of the reader's own @throws LabError BAD_INPUT for a place that the lab cannot see, or that is not there */
function workFolder(number: string, work: string | undefined): string {
  const folder = resolve(work ?? join(findLab(number).folder, 'start'));
  if (work !== undefined && !existsSync(folder)) throw new LabError('BAD_INPUT', `--work ${work}: there is no such folder`);
  if (work !== undefined && hidden(realpathSync(folder)))
    throw new LabError('BAD_INPUT', `--work ${work}: a lab has its own /run: choose another folder`);
  return folder;
}

/** What an earlier run left in a folder of evidence, and nothing else. */
function forgetEvidence(folder: string): void {
  if (!existsSync(folder)) return;
  for (const name of ['hops', 'journey.pcapng', 'journey.jsonl', 'trace.jsonl', 'conntrack.txt', 'rules.txt', 'shares.txt', 'shares.svg'])
    rmSync(join(folder, name), { recursive: true, force: true });
}
