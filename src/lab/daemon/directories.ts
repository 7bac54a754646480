/** Where a lab keeps things on the host, and which of them a dead daemon has left. Everything is the user's own, mode 0700. */
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import type { PodNetwork } from '../topology/model.ts';

/** Results of earlier runs (XDG Base Directory specification). */
export function stateRoot(env: NodeJS.ProcessEnv = process.env): string {
  const xdg = env.XDG_STATE_HOME;
  return join(xdg !== undefined && isAbsolute(xdg) ? xdg : join(homedir(), '.local', 'state'), 'kubehop');
}

/** Sockets of running labs: in $XDG_RUNTIME_DIR where the system gave us one that is ours, else beside the results. */
export function runtimeRoot(env: NodeJS.ProcessEnv = process.env): string {
  const xdg = env.XDG_RUNTIME_DIR;
  if (xdg !== undefined && isAbsolute(xdg) && ownedByUs(xdg)) return join(xdg, 'kubehop');
  return join(stateRoot(env), 'run');
}

function ownedByUs(directory: string): boolean {
  try {
    return statSync(directory).uid === process.getuid!();
  } catch {
    return false;
  }
}

/** A lab that runs: one directory, one daemon. */
export interface Instance {
  readonly directory: string;
  /** Process id of `unshare` on the host, with the time it started: a number that was given to somebody else is not taken for ours. */
  readonly pid: number;
  readonly startTime: string;
  readonly lab: string;
  readonly planes: Readonly<Record<string, string>>;
  /** Of its pods, where it is not the exercise's own. */
  readonly network?: PodNetwork;
  readonly seed: number;
  /** Made by `lab up` or kept: not the private run of another command. */
  readonly lasting: boolean;
}

const FILE = 'daemon.json';
/** A directory without its file is one that is being made, unless it is this old. */
const HALF_MADE_MS = 30_000;

export function writeInstance(instance: Instance): void {
  const { directory, ...rest } = instance;
  writeFileSync(join(directory, FILE), `${JSON.stringify(rest)}\n`, { mode: 0o600 });
}

/** @returns whether it was made; false when it is there. */
export function makeInstanceDirectory(directory: string): boolean {
  mkdirSync(join(directory, '..'), { recursive: true, mode: 0o700 });
  try {
    mkdirSync(directory, { mode: 0o700 });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** The labs that run. What a killed daemon has left (its socket, its log) is removed on the way. */
export function runningInstances(root = runtimeRoot()): Instance[] {
  const running: Instance[] = [];
  for (const name of list(root)) {
    const directory = join(root, name);
    const instance = readInstance(directory);
    if (instance !== undefined && startTimeOf(instance.pid) === instance.startTime) running.push(instance);
    else if (instance !== undefined || ageMs(directory) > HALF_MADE_MS) rmSync(directory, { recursive: true, force: true });
  }
  return running;
}

function readInstance(directory: string): Instance | undefined {
  try {
    return { directory, ...JSON.parse(readFileSync(join(directory, FILE), 'utf8')) };
  } catch {
    return undefined; // not written yet, or half
  }
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory).sort();
  } catch {
    return []; // nothing ever ran
  }
}

function ageMs(directory: string): number {
  try {
    return Date.now() - statSync(directory).mtimeMs;
  } catch {
    return 0; // removed meanwhile
  }
}

/** Field 22 of /proc/PID/stat (proc(5)), or undefined when there is no such process or it is a zombie. */
export function startTimeOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' '); // the name may hold spaces; the next field is the third
    return fields[0] === 'Z' ? undefined : fields[22 - 3];
  } catch {
    return undefined;
  }
}

/** Children of the first thread of a process. */
export function childrenOf(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}
