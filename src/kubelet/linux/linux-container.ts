/** One run of a container: a root of its own, the pod's namespaces, no privilege, and the program. */
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { Image } from '../images.ts';
import {
  type ContainerOptions,
  type Identity,
  type Mount,
  type ProcessOptions,
  type RunningContainer,
  type RunningProcess,
  StartError,
} from '../runtime.ts';
import { APPLETS, type Entry, fstabText, makeStub, volumeEntry } from './container-root.ts';
import { findProgram } from './find-program.ts';
import { childrenOf, LinuxProcess } from './linux-process.ts';
import { type LinuxSandbox, writeFileIn } from './linux-sandbox.ts';

const SETUP = fileURLToPath(new URL('container.sh', import.meta.url));
const TERMINATION_LOG = '/dev/termination-log';
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

/** Files and mounts of the run. @returns what is run in the container's own pid and mount namespaces */
function prepare(sandbox: LinuxSandbox, options: ContainerOptions, directory: string): string[] {
  const { ground } = sandbox;
  const [root, tree, fstab] = [join(directory, 'root'), join(directory, 'tree'), join(directory, 'fstab')];
  for (const folder of [root, tree]) mkdirSync(folder, { recursive: true, mode: 0o755 });
  writeFileIn(directory, 'termination-log', '', 0o666);
  const own: Entry[] = ['hosts', 'hostname', 'resolv.conf'].map(name => ({
    from: join(sandbox.directory, 'etc', name),
    at: `/etc/${name}`,
    type: 'none',
    options: 'bind',
  }));
  own.push({ from: join(directory, 'termination-log'), at: TERMINATION_LOG, type: 'none', options: 'bind' });
  for (const mount of options.mounts) own.push(volumeEntry(mount, volumeSource(sandbox, mount)));
  for (const entry of own) if (!isInProgramFolder(ground.mounts, entry)) makeStub(tree, entry);
  writeFileSync(fstab, fstabText([...ground.mounts, ...own], root));
  const { argv, environment, workingDir = '/', tty } = options;
  const program = [...unprivileged(options), ...terminal(tty), 'env', '-i', '--default-signal', ...variables(environment), ...argv];
  return ['sh', SETUP, root, ground.skeleton, tree, fstab, workingDir, ...program];
}

/** In a folder of the machine nothing can be made: what is mounted there must be there. */
const isInProgramFolder = (mounts: readonly Entry[], { at }: Entry): boolean =>
  mounts.some(m => m.type === 'none' && at.startsWith(`${m.at}/`));

/** Volumes last as long as the pod, so containers that start later find them again. */
function volumeSource(sandbox: LinuxSandbox, { source }: Mount): string {
  if (source.kind === 'host' && existsSync(source.path)) return source.path;
  const folder = join(sandbox.directory, 'volumes', source.kind === 'host' ? encodeURIComponent(source.path) : source.volume);
  if (!existsSync(folder)) {
    mkdirSync(folder, { recursive: true });
    chmodSync(folder, 0o777); // whoever the container runs as
  }
  if (source.kind === 'files') for (const [name, content] of Object.entries(source.files)) writeFileIn(folder, name, content, source.mode);
  return folder;
}

/** No capability but these two, which matter in the pod's own network namespace only, and none to be had. */
function unprivileged({ user, group, netAdmin = false }: Identity): string[] {
  const kept = ['net_raw', 'net_bind_service', ...(netAdmin ? ['net_admin'] : [])].map(name => `+${name}`).join();
  const ids = [...(isMapped('uid', user) ? [`--reuid=${user}`] : []), ...(isMapped('gid', group) ? [`--regid=${group}`] : [])];
  const groups = ids.length === 0 ? [] : ['--clear-groups'];
  return ['setpriv', ...ids, ...groups, `--bounding-set=-all,${kept}`, '--inh-caps=-all', '--no-new-privs', '--'];
}

/** Is there such an id in this user namespace? In that of an ordinary user there is 0 alone, and everything runs as that. */
const isMapped = (kind: 'uid' | 'gid', id: number | undefined): boolean =>
  id !== undefined &&
  readFileSync(`/proc/self/${kind}_map`, 'utf8')
    .trim()
    .split('\n')
    .some(line => {
      const [first = 0, , count = 0] = line.trim().split(/\s+/).map(Number);
      return id >= first && id < first + count;
    });

/** What the machine has comes first. */
const withApplets = (environment: ContainerOptions['environment']): Record<string, string> => ({
  ...environment,
  PATH: `${environment.PATH ?? ''}:${APPLETS}`,
});

/** A session of its own, with the terminal as its controlling one. */
const terminal = (tty: boolean): string[] => (tty ? ['setsid', '--ctty', '--wait'] : []);
const variables = (environment: Readonly<Record<string, string>>): string[] =>
  Object.entries(environment).map(([name, value]) => `${name}=${value}`);
