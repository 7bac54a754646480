/** One run of a container: a root of its own, the pod's namespaces, no privilege, and the program. */
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import type { Image } from '../images.ts';
import { type ContainerOptions, type ProcessOptions, type RunningContainer, type RunningProcess, StartError } from '../runtime.ts';
import { findProgram } from './find-program.ts';
import { prepare, terminal, unprivileged, variables, withApplets } from './launch.ts';
import { childrenOf, LinuxProcess } from './linux-process.ts';
import type { LinuxSandbox } from './linux-sandbox.ts';

const MOST_MESSAGE_BYTES = 4096;
const SERVING_WITHIN_MS = 3000;
/** Descriptors beside the standard ones. */
const FEED = 3;
const STARTED = 4;

/**
 * The first child of a process that has unshared its PID namespace is PID 1 of the new one; the shell waits for it. (`unshare --fork` of util-linux 2.38
 * loses the signal that ended its child.) What a shell does to a job in the background is undone: its standard input here, signals that it ignores by `env`.
 */
const WAIT = ['sh', '-c', 'exec 9<&0; "$@" <&9 9<&- & exec 9<&-; wait $!', 'wait'];

type ProcessImage = Image & { kind: 'process' };

export class LinuxContainer extends LinuxProcess implements RunningContainer {
  readonly #directory: string;
  readonly #options: ContainerOptions;
  readonly #applets: Readonly<Record<string, string>>;

  private constructor(argv: readonly string[], options: ContainerOptions, directory: string, applets: Readonly<Record<string, string>>) {
    super({ argv, stdin: options.stdin, tty: options.tty, more: ['pipe', 'pipe'] });
    this.#directory = directory;
    this.#options = options;
    this.#applets = applets;
  }

  /** @throws StartError */
  static async start(sandbox: LinuxSandbox, image: ProcessImage, wanted: ContainerOptions): Promise<LinuxContainer> {
    const { applets } = sandbox.ground.options;
    const options = { ...wanted, environment: withApplets(wanted.environment) };
    const missing = findProgram(options.argv, options.environment, options.mounts, applets);
    if (missing !== undefined) throw new StartError('StartError', missing);
    const directory = join(sandbox.directory, `${options.container}-${sandbox.nextRun()}`);
    const launcher = prepare(sandbox, options, directory);
    const namespaces = [`--net=${sandbox.netns}`, `--uts=/proc/${sandbox.pausePid}/ns/uts`, `--ipc=/proc/${sandbox.pausePid}/ns/ipc`];
    const argv = ['nsenter', ...namespaces, '--', 'unshare', '--mount', '--pid', '--', ...WAIT, ...launcher];
    const container = new LinuxContainer(argv, options, directory, applets);
    await container.#started();
    container.#feed(image);
    if (image.serving !== undefined) await container.#serving(image.serving);
    return container;
  }

  async exec(options: ProcessOptions): Promise<RunningProcess> {
    const environment = { ...this.#options.environment, ...options.environment };
    const missing = findProgram(options.argv, environment, this.#options.mounts, this.#applets);
    if (missing !== undefined) throw new StartError('StartError', missing);
    const { user, group, netAdmin } = this.#options;
    const identity = {
      ...(user === undefined ? {} : { user }),
      ...(group === undefined ? {} : { group }),
      ...(netAdmin === undefined ? {} : { netAdmin }),
    };
    const directory = options.workingDir ?? this.#options.workingDir ?? '/';
    const program = [
      ...unprivileged({ ...identity, ...options }),
      ...terminal(options.tty),
      'env',
      '-i',
      '-C',
      directory,
      ...variables(environment),
      ...options.argv,
    ];
    const enter = ['nsenter', `--target=${this.pid}`, '--mount', '--uts', '--ipc', '--net', '--pid', '--', ...program];
    return new LinuxProcess({ argv: enter, stdin: options.stdin, tty: options.tty });
  }

  terminationMessage(): string {
    try {
      return readFileSync(join(this.#directory, 'termination-log')).subarray(0, MOST_MESSAGE_BYTES).toString();
    } catch {
      return ''; // its pod is gone
    } finally {
      rmSync(this.#directory, { recursive: true, force: true });
    }
  }

  /** Waits until nothing but the program is left to do. */
  async #started(): Promise<void> {
    const word = this.child.stdio[STARTED] as Readable;
    const isStarted = await new Promise<boolean>(resolve => {
      word.on('data', () => {
        this.program = childrenOf(this.child.pid!)[0] ?? 0;
        resolve(true);
      });
      word.on('close', () => resolve(false));
      word.on('error', () => resolve(false));
    });
    if (isStarted) return;
    await this.exited;
    throw new StartError(
      'CreateContainerError',
      this.keptText.trim().slice(0, MOST_MESSAGE_BYTES) || 'the namespaces of the container cannot be made',
    );
  }

  /** Waits until it says that it serves, or has ended. One that keeps silent is not waited for. */
  async #serving(word: string): Promise<void> {
    let cancel = (): void => {};
    const said = new Promise<void>(resolve => {
      const timer = setTimeout(resolve, SERVING_WITHIN_MS);
      cancel = () => clearTimeout(timer);
      this.keptMore = () => {
        if (this.keptText.includes(word)) resolve();
      };
    });
    await Promise.race([said, this.exited]);
    cancel();
    this.keptMore = () => {};
  }

  #feed(image: ProcessImage): void {
    const to = this.child.stdio[FEED] as Writable;
    to.on('error', () => undefined); // it does not read any more
    if (image.feed === undefined) {
      to.end();
      return;
    }
    const stop = image.feed(to);
    void this.exited.then(stop);
  }
}
