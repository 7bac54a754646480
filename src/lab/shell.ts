/** Runs the commands of the topology, and any other process of a lab. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { LabError } from '../base/errors.ts';
import { type Command, commandLines, type Step } from './topology/command.ts';

/** Where `ip netns` keeps its names; inside a lab a tmpfs of its own. */
export const NETNS_DIR = '/run/netns';
export const netnsPath = (name: string): string => `${NETNS_DIR}/${name}`;

const ENTER = fileURLToPath(new URL('pod/enter.sh', import.meta.url));
/** Where the files stand by which a pod of an API resolves names. */
export const NAMES_DIR = '/run/kubehop/etc';
/** What is run in the network namespace of a pod, client or node: with the names that it knows. */
export const enter = (name: string, argv: readonly string[]): string[] => ['sh', ENTER, name, ...argv];

export interface Output {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

/** @throws LabError TOOL_MISSING when the program does not exist. A failing program is a result, not an error. */
export function run(argv: readonly string[], options: { stdin?: string; timeoutMs?: number } = {}): Promise<Output> {
  return new Promise((resolve, reject) => {
    const child = spawn(argv[0]!, argv.slice(1), { stdio: ['pipe', 'pipe', 'pipe'], timeout: options.timeoutMs, killSignal: 'SIGKILL' });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout.on('data', chunk => out.push(chunk));
    child.stderr.on('data', chunk => err.push(chunk));
    child.on('error', cause => {
      const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
      reject(new LabError(missing ? 'TOOL_MISSING' : 'OS', `cannot run ${argv[0]}: ${(cause as Error).message}`, { cause }));
    });
    child.on('close', (code, signal) => {
      resolve({ code, signal, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() });
    });
    child.stdin.on('error', () => undefined); // it ended before it read all: its exit code tells
    child.stdin.end(options.stdin ?? '');
  });
}

/** A program that goes on until `gone` is aborted; what it writes is told as it comes. @throws LabError TOOL_MISSING */
export function runUntil(argv: readonly string[], onText: (text: string) => void, gone: AbortSignal): Promise<Output> {
  return new Promise((resolve, reject) => {
    const child = spawn(argv[0]!, argv.slice(1), { stdio: ['ignore', 'pipe', 'pipe'] });
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', onText);
    child.stderr.setEncoding('utf8').on('data', text => {
      stderr += text;
    });
    child.on('error', cause => reject(new LabError('TOOL_MISSING', `cannot run ${argv[0]}: ${cause.message}`, { cause })));
    child.on('close', (code, signal) => resolve({ code, signal, stdout: '', stderr }));
    if (gone.aborted) child.kill();
    gone.addEventListener('abort', () => child.kill(), { once: true });
  });
}

/** @throws LabError OS with the command, its exit code and what it said. */
export async function runOrThrow(argv: readonly string[], options: { stdin?: string; timeoutMs?: number } = {}): Promise<string> {
  const { code, signal, stdout, stderr } = await run(argv, options);
  if (code !== 0) {
    const said = stderr.trim() || stdout.trim() || 'nothing on stderr';
    throw new LabError('OS', `${argv.join(' ')}: ${signal === null ? `exit ${code}` : `ended by ${signal}`}: ${said}`);
  }
  return stdout;
}

/** The argument vector that runs a program in a namespace of this lab. */
export const inNetns = (name: string, argv: readonly string[]): string[] => ['nsenter', `--net=${netnsPath(name)}`, '--', ...argv];

export async function runCommand(command: Command): Promise<string> {
  if (command.tool === 'exec')
    return runOrThrow(inNetns(command.namespace, command.argv), command.stdin === undefined ? {} : { stdin: command.stdin });
  const enter = command.namespace === undefined ? [] : ['-n', command.namespace];
  const stdin = `${command.lines.join('\n')}\n`;
  const { code, stderr } = await run([command.tool, ...enter, '-batch', '-'], { stdin });
  if (code === 0) return '';
  // iproute2 says `Command failed -:3`: the line is named, so that the reader need not count
  const number = Number(/-:(\d+)/.exec(stderr)?.[1] ?? 0);
  const line = number > 0 ? commandLines(command)[number - 1] : `${command.tool} -batch`;
  throw new LabError('OS', `${line}: ${stderr.trim().replaceAll('\n', '; ')}`);
}

/** @param said gets every command as a person would type it, before it runs. */
export async function runStep(step: Step, said: (line: string) => void): Promise<void> {
  await Promise.all(
    step.parallel.map(async commands => {
      for (const command of commands) {
        for (const line of commandLines(command)) said(line);
        await runCommand(command);
      }
    }),
  );
}
