/** A child process as the kubelet sees one: its output told as it comes, with or without a terminal, and signals to the program itself. */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import type { Readable, Writable } from 'node:stream';
import { ReadStream, WriteStream } from 'node:tty';
import { close, dup } from '../../os/libc.ts';
import { openPty, resizePty } from '../../os/pty.ts';
import type { LogStream } from '../container-log.ts';
import type { ExitStatus, RunningProcess } from '../runtime.ts';

export interface LaunchOptions {
  readonly argv: readonly string[];
  readonly stdin: boolean;
  readonly tty: boolean;
  /** Descriptors from 3 on. */
  readonly more?: readonly ('pipe' | 'ignore')[];
}

type Listener = (stream: LogStream, chunk: Uint8Array) => void;
/** Output that nobody has asked for yet. */
const MOST_KEPT_BYTES = 1 << 20;
/** What a child of the program has open may come for a while after its end. */
const DRAIN_MS = 100;

export class LinuxProcess implements RunningProcess {
  readonly child: ChildProcess;
  readonly exited: Promise<ExitStatus>;
  readonly stdin: Writable | undefined;
  readonly #master: number | undefined;
  readonly #terminal: ReadStream | undefined;
  readonly #listeners = new Set<Listener>();
  #kept: { readonly stream: LogStream; readonly chunk: Uint8Array }[] = [];
  #keptBytes = 0;
  #isOver = false;
  /** Of the program, where it is not the child itself but what the child waits for. */
  program = 0;

  constructor({ argv, stdin, tty, more = [] }: LaunchOptions) {
    const [command, ...rest] = argv;
    if (tty) {
      const { master, slave } = openPty();
      resizePty(master, 80, 24);
      this.child = launch(command!, rest, { stdio: [slave, slave, slave, ...more], detached: true });
      close(slave);
      this.#master = master;
      this.stdin = stdin ? new WriteStream(dup(master)) : undefined;
      this.#terminal = new ReadStream(master);
      this.#listen('stdout', this.#terminal);
    } else {
      this.child = launch(command!, rest, { stdio: [stdin ? 'pipe' : 'ignore', 'pipe', 'pipe', ...more], detached: true });
      this.stdin = this.child.stdin ?? undefined;
      this.#listen('stdout', this.child.stdout!);
      this.#listen('stderr', this.child.stderr!);
    }
    this.stdin?.on('error', () => undefined); // it has ended, or does not read: its exit tells
    this.exited = this.#untilExit();
  }

  get pid(): number {
    return this.program || (this.child.pid ?? 0);
  }

  onOutput(listener: Listener): () => void {
    for (const { stream, chunk } of this.#kept.splice(0)) listener(stream, chunk);
    this.#keptBytes = 0;
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  signal(name: string): void {
    if (this.#isOver || this.child.pid === undefined) return;
    const number = constants.signals[name as NodeJS.Signals] ?? constants.signals.SIGTERM;
    // the shell of a container and `nsenter --pid` wait for the program: it is their child
    const program = this.program || childrenOf(this.child.pid)[0] || this.child.pid;
    try {
      process.kill(program, number);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }

  resize(columns: number, rows: number): void {
    if (this.#master !== undefined && !this.#isOver) resizePty(this.#master, columns, rows);
  }

  /** Output that nobody has taken yet, as text. */
  protected get keptText(): string {
    return Buffer.concat(this.#kept.map(({ chunk }) => chunk)).toString();
  }
  /** Called when there is more of it. */
  protected keptMore: () => void = () => {};

  #listen(stream: LogStream, from: Readable): void {
    from.on('data', (chunk: Uint8Array) => {
      if (this.#listeners.size > 0) for (const listener of this.#listeners) listener(stream, chunk);
      else if (this.#keptBytes < MOST_KEPT_BYTES) {
        this.#kept.push({ stream, chunk });
        this.#keptBytes += chunk.length;
        this.keptMore();
      }
    });
    from.on('error', () => undefined); // EIO: the last one who had the terminal open is gone
  }

  #untilExit(): Promise<ExitStatus> {
    return new Promise(resolve => {
      const end = (code: number | null, signal: NodeJS.Signals | null): void => {
        this.#isOver = true;
        const number = signal === null ? undefined : constants.signals[signal];
        resolve(number === undefined ? { code: code ?? 1 } : { code: 128 + number, signal: number });
      };
      this.child.once('error', () => end(127, null));
      this.child.once('exit', (code, signal) => {
        const over = (): void => {
          clearTimeout(timer);
          // whoever still has the terminal open is not waited for
          this.#terminal?.destroy();
          if (this.#terminal !== undefined) this.stdin?.destroy();
          end(code, signal);
        };
        const timer = setTimeout(over, DRAIN_MS);
        if (this.#terminal?.destroyed === true) over();
        else (this.#terminal ?? this.child).once('close', over);
      });
    });
  }
}

/** Its own process group: an interrupt at the terminal of the lab is not meant for it. */
const launch = (command: string, argv: readonly string[], options: SpawnOptions): ChildProcess => spawn(command, argv, options);

/** Children of a process with one thread. */
export function childrenOf(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number);
  } catch {
    return []; // it has ended
  }
}
