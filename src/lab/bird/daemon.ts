/** One BIRD in one namespace of a lab. It dies with the lab, as everything in its PID namespace. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LabError } from '../../base/errors.ts';
import { toolDirectory, writeTool } from '../node-shell.ts';
import { endProcess } from '../pod/start.ts';
import { inNetns, runOrThrow } from '../shell.ts';
import type { BirdPrograms } from './program.ts';

export class BirdDaemon {
  readonly #place: string;
  readonly #programs: BirdPrograms;
  readonly #say: (line: string) => void;
  #config: string;
  #process: ChildProcess | undefined;
  #lastWords = '';

  private constructor(place: string, programs: BirdPrograms, config: string, say: (line: string) => void) {
    this.#place = place;
    this.#programs = programs;
    this.#config = config;
    this.#say = say;
  }

  /** Resolves when it runs; what it is to learn comes later. @throws LabError of what could not be run */
  static async start(place: string, programs: BirdPrograms, config: string, say: (line: string) => void): Promise<BirdDaemon> {
    const daemon = new BirdDaemon(place, programs, config, say);
    await daemon.#start();
    return daemon;
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** Why it runs no more, or undefined. */
  get ended(): string | undefined {
    const child = this.#process;
    if (child === undefined || (child.exitCode === null && child.signalCode === null)) return undefined;
    return `${child.signalCode ?? `exit ${child.exitCode}`}: ${this.#lastWords.trim()}`;
  }

  /** `birdc WORDS` @throws LabError with what it said */
  ask(...words: string[]): Promise<string> {
    return runOrThrow([this.#programs.client, '-s', this.#socket, ...words]);
  }

  /** Sessions that are the same in the new configuration go on. */
  async configure(config: string): Promise<void> {
    if (config === this.#config) return;
    this.#config = config;
    this.#write();
    const said = await this.ask('configure');
    if (!/^Reconfigur/m.test(said)) throw new LabError('DAEMON', `bird of ${this.#place}: ${said.trim()}`);
  }

  async stop(): Promise<void> {
    const process = this.#process;
    this.#process = undefined;
    if (process !== undefined) await endProcess(process);
  }

  get #socket(): string {
    return join(toolDirectory(this.#place), 'bird.ctl');
  }
  get #file(): string {
    return join(toolDirectory(this.#place), 'bird.conf');
  }

  #write(): void {
    mkdirSync(toolDirectory(this.#place), { recursive: true, mode: 0o700 });
    writeFileSync(this.#file, this.#config, { mode: 0o600 });
  }

  async #start(): Promise<void> {
    this.#write();
    writeTool(this.#place, 'birdc', [`exec ${this.#programs.client} -s ${this.#socket} "$@"`]);
    const [command, ...args] = inNetns(this.#place, [this.#programs.daemon, '-f', '-c', this.#file, '-s', this.#socket]);
    const child = spawn(command!, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    this.#process = child;
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.#lastWords = text;
      for (const line of text.trimEnd().split('\n')) this.#say(`bird of ${this.#place}: ${line}`);
    });
    await once(child, 'spawn');
    child.once('exit', (code, signal) => {
      if (this.#process === child) this.#say(`bird of ${this.#place} has ended: ${signal ?? `exit ${code}`}`);
    });
  }
}
