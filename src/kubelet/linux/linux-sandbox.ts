/**
 * The namespaces of one pod. A pause process holds network, host name and IPC; each container joins these and has processes and mounts of its own:
 *
 *     pause                     net (named), uts, ipc
 *       container               the same three, and pid, mnt
 *         exec                  all five of the container
 */
import { execFile } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { ContainerOptions, PodIdentity, RunningContainer, Sandbox } from '../runtime.ts';
import { InsideProcess } from './inside-process.ts';
import { LinuxContainer } from './linux-container.ts';
import { LinuxProcess } from './linux-process.ts';
import type { Ground } from './linux-runtime.ts';

const PAUSE = fileURLToPath(new URL('pause.sh', import.meta.url));
const execute = promisify(execFile);

export class LinuxSandbox implements Sandbox {
  readonly netns: string;
  readonly lost: Promise<void>;
  readonly directory: string;
  readonly pod: PodIdentity;
  readonly ground: Ground;
  readonly #netnsName: string | undefined;
  readonly #pause: LinuxProcess;
  readonly #running = new Set<RunningContainer>();
  #runs = 0;
  #removing = false;

  private constructor(ground: Ground, pod: PodIdentity, netns: { name: string | undefined; path: string }, hostName: string) {
    this.ground = ground;
    this.pod = pod;
    this.netns = netns.path;
    this.#netnsName = netns.name;
    this.directory = join(ground.options.directory, 'pods', pod.uid);
    mkdirSync(join(this.directory, 'etc'), { recursive: true, mode: 0o755 });
    writeFileSync(join(this.directory, 'etc/hostname'), `${hostName}\n`);
    const own = netns.name === undefined ? [] : ['own'];
    const holder = ['unshare', '--uts', '--ipc', '--', 'sh', PAUSE, hostName, ...own];
    this.#pause = new LinuxProcess({ argv: ['nsenter', `--net=${this.netns}`, '--', ...holder], stdin: false, tty: false });
    this.lost = new Promise(resolve => void this.#pause.exited.then(() => this.#removing || resolve()));
  }

  /** @throws Error with what the tools said */
  static async create(
    ground: Ground,
    pod: PodIdentity,
    { hostName, hostNetwork }: { hostName: string; hostNetwork: boolean },
  ): Promise<LinuxSandbox> {
    const { netnsDirectory, netnsName, nodeNetns } = ground.options;
    const name = hostNetwork ? undefined : netnsName(pod);
    if (name !== undefined) await execute('ip', ['netns', 'add', name]);
    const sandbox = new LinuxSandbox(ground, pod, { name, path: name === undefined ? nodeNetns : join(netnsDirectory, name) }, hostName);
    try {
      await firstWord(sandbox.#pause);
      return sandbox;
    } catch (error) {
      await sandbox.remove();
      throw error;
    }
  }

  /** The process that holds the namespaces. */
  get pausePid(): number {
    return this.#pause.child.pid!;
  }
  nextRun(): number {
    return this.#runs++;
  }

  writeFiles(files: Readonly<Record<string, string>>): void {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(this.directory, 'etc', name), text);
  }

  async start(options: ContainerOptions): Promise<RunningContainer> {
    const { image } = options;
    const running = image.kind === 'inside' ? new InsideProcess(image, this.pod) : await LinuxContainer.start(this, image, options);
    this.#running.add(running);
    void running.exited.then(() => this.#running.delete(running));
    return running;
  }

  connect(port: number): Promise<Duplex> {
    return this.ground.sockets.open({ netns: this.netns, address: '127.0.0.1', port });
  }

  async remove(): Promise<void> {
    this.#removing = true;
    for (const running of this.#running) running.signal('SIGKILL');
    await Promise.all([...this.#running].map(running => running.exited));
    this.#pause.signal('SIGKILL');
    await this.#pause.exited;
    // A namespace goes with its last process and name, and the wire in it goes with the namespace.
    if (this.#netnsName !== undefined) await execute('ip', ['netns', 'delete', this.#netnsName]).catch(() => undefined);
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** Resolves when the process has said something. @throws Error with its words when it ends before */
function firstWord(process: LinuxProcess): Promise<void> {
  let said = '';
  return new Promise((resolve, reject) => {
    process.onOutput((stream, chunk) => {
      if (stream === 'stdout') resolve();
      else said += Buffer.from(chunk).toString();
    });
    void process.exited.then(({ code }) => reject(new Error(said.trim() || `what holds the namespaces ended with exit code ${code}`)));
  });
}
