/** Programs of the load in a namespace: servers that go on until they are stopped, clients whose words are read. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { LabError } from '../../base/errors.ts';
import { inNetns } from '../shell.ts';

export interface ProgramOptions {
  /** Processors it may run on, as taskset(1) writes them. */
  readonly processors?: string | undefined;
}

/** One of the programs of this folder. */
export const own = (file: string, ...args: (string | number)[]): string[] => [
  process.execPath,
  '--disable-warning=ExperimentalWarning',
  fileURLToPath(new URL(file, import.meta.url)),
  ...args.map(String),
];

const start = (namespace: string, argv: readonly string[], { processors }: ProgramOptions): ChildProcess => {
  const [tool, ...rest] = inNetns(namespace, [...(processors === undefined ? [] : ['taskset', '-c', processors]), ...argv]);
  return spawn(tool!, rest, { stdio: ['ignore', 'pipe', 'pipe'] });
};

export class Server {
  readonly #child: ChildProcess;
  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** Waits until it has said something: it listens then. @throws LabError DAEMON */
  static async start(namespace: string, argv: readonly string[], options: ProgramOptions = {}): Promise<Server> {
    const child = start(namespace, argv, options);
    const said: Buffer[] = [];
    child.stderr!.on('data', piece => said.push(piece));
    const ready = once(child.stdout!, 'data').then(() => true);
    const ended = once(child, 'close').then(() => false);
    if (!(await Promise.race([ready, ended])))
      throw new LabError('DAEMON', `${argv.slice(-2).join(' ')} ended: ${Buffer.concat(said).toString().trim()}`);
    return new Server(child);
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, 'close');
    this.#child.kill('SIGKILL');
    await gone;
  }
}

/** Runs a client to its end. @returns what it wrote to stdout @throws LabError DAEMON, also when it takes longer than `withinMs` */
export async function client(
  namespace: string,
  argv: readonly string[],
  { withinMs, ...options }: ProgramOptions & { withinMs: number },
): Promise<string> {
  const child = start(namespace, argv, options);
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout!.on('data', piece => out.push(piece));
  child.stderr!.on('data', piece => err.push(piece));
  const late = setTimeout(() => child.kill('SIGKILL'), withinMs);
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  clearTimeout(late);
  const words = Buffer.concat(out).toString();
  if (code === 0) return words;
  const said = Buffer.concat(err).toString().trim().split('\n')[0];
  throw new LabError('DAEMON', `${argv.slice(0, 4).join(' ')}: ${signal ?? `exit ${code}`}: ${said || words.slice(0, 300)}`);
}
