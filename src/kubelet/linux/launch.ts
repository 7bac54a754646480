/** How a container is started: its files and mounts, and the programs that take it into its namespaces and its rights away. */
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ContainerOptions, Identity, Mount } from '../runtime.ts';
import { APPLETS, type Entry, fstabText, makeStub, volumeEntry } from './container-root.ts';
import type { LinuxSandbox } from './linux-sandbox.ts';

const SETUP = fileURLToPath(new URL('container.sh', import.meta.url));
const TERMINATION_LOG = '/dev/termination-log';

/** Files and mounts of the run. @returns what is run in the container's own pid and mount namespaces */
export function prepare(sandbox: LinuxSandbox, options: ContainerOptions, directory: string): string[] {
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
export function unprivileged({ user, group, netAdmin = false }: Identity): string[] {
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
export const withApplets = (environment: ContainerOptions['environment']): Record<string, string> => ({
  ...environment,
  PATH: `${environment.PATH ?? ''}:${APPLETS}`,
});

/** A session of its own, with the terminal as its controlling one. */
export const terminal = (tty: boolean): string[] => (tty ? ['setsid', '--ctty', '--wait'] : []);
export const variables = (environment: Readonly<Record<string, string>>): string[] =>
  Object.entries(environment).map(([name, value]) => `${name}=${value}`);

/** For files in folders that may not be there. */
function writeFileIn(folder: string, name: string, content: string | Uint8Array, mode = 0o644): void {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
  writeFileSync(path, content);
  chmodSync(path, mode); // whatever the umask
}
