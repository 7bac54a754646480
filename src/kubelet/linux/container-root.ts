/**
 * What a container sees as `/`: the machine's programs, read-only; an /etc of its own without secrets; devices that give nothing away; nothing of
 * anybody's home. There are no image layers here, so every container sees the same programs.
 */
import { chmodSync, copyFileSync, existsSync, lstatSync, mkdirSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Mount } from '../runtime.ts';

/** Where programs are found that the machine has not: behind everything else in PATH. */
export const APPLETS = '/kubehop/bin';

const PROGRAM_FOLDERS = ['/usr', '/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32'];
const ETC_FILES = [
  'passwd',
  'group',
  'host.conf',
  'services',
  'protocols',
  'ld.so.cache',
  'ld.so.conf',
  'mime.types',
  'os-release',
  'debian_version',
];
const ETC_FOLDERS = ['alternatives', 'ca-certificates', 'ld.so.conf.d', 'lighttpd', 'nginx', 'ssl', 'terminfo'];
const DEVICES = ['null', 'zero', 'full', 'random', 'urandom', 'tty'];
const EMPTY = ['dev', 'etc', 'home', 'mnt', 'opt', 'proc', 'root', 'run', 'srv', 'sys', 'tmp', 'var', '.old', 'kubehop/bin'];
const VAR = ['cache', 'lib/nginx', 'log/nginx', 'spool', 'tmp'];
/** Names come from files and from name servers, and from nowhere else: what a desktop adds would catch `.local`. */
const NSSWITCH = 'passwd: files\ngroup: files\nhosts: files dns\nservices: files\nprotocols: files\n';

export interface RootOptions {
  /** Files and folders that every container sees under the same path: this project and the node that runs it. */
  readonly programs: readonly string[];
  /** Scripts by the name of a command. */
  readonly applets: Readonly<Record<string, string>>;
}

/** One line of fstab(5). */
export interface Entry {
  readonly from: string;
  /** Path in the container. */
  readonly at: string;
  readonly type: string;
  readonly options: string;
}

/** Makes the folder that is copied into each root. @returns what is mounted into each root besides */
export function buildSkeleton(folder: string, { programs, applets }: RootOptions): Entry[] {
  const at = (path: string): string => join(folder, path);
  for (const path of [...EMPTY, ...VAR.map(name => `var/${name}`)]) mkdirSync(at(path), { recursive: true, mode: 0o755 });
  for (const path of ['tmp', 'var/tmp', 'run']) chmodSync(at(path), 0o1777);
  const entries: Entry[] = [{ from: 'proc', at: '/proc', type: 'proc', options: 'nosuid,nodev,noexec' }];
  for (const path of PROGRAM_FOLDERS) {
    if (!existsSync(path)) continue;
    if (lstatSync(path).isSymbolicLink()) symlinkSync(readlinkSync(path), at(path));
    else entries.push(readOnly(path));
  }
  for (const path of programs) if (!entries.some(entry => entry.type === 'none' && isBelow(path, entry.at))) entries.push(readOnly(path));
  for (const name of ETC_FILES) if (existsSync(`/etc/${name}`)) copyFileSync(`/etc/${name}`, at(`etc/${name}`));
  for (const name of ETC_FOLDERS) if (existsSync(`/etc/${name}`)) entries.push(readOnly(`/etc/${name}`));
  writeFileSync(at('etc/nsswitch.conf'), NSSWITCH);
  for (const name of DEVICES) entries.push({ from: `/dev/${name}`, at: `/dev/${name}`, type: 'none', options: 'bind' });
  for (const [name, target] of Object.entries({
    fd: '/proc/self/fd',
    stdin: '/proc/self/fd/0',
    stdout: '/proc/self/fd/1',
    stderr: '/proc/self/fd/2',
  }))
    symlinkSync(target, at(`dev/${name}`));
  symlinkSync('../run', at('var/run'));
  for (const [name, script] of Object.entries(applets)) writeFileSync(at(`kubehop/bin/${name}`), script, { mode: 0o755 });
  for (const entry of entries) makeStub(folder, entry);
  return entries;
}

/** What would let uid 0 change the machine although it has no privilege: the owner of these files is uid 0. */
export const guardedProc: readonly Entry[] = ['sys', 'sysrq-trigger', 'irq', 'bus', 'fs']
  .filter(name => existsSync(`/proc/${name}`))
  .map(name => ({ from: `/proc/${name}`, at: `/proc/${name}`, type: 'none', options: 'bind,ro' }));

const readOnly = (path: string): Entry => ({ from: path, at: path, type: 'none', options: 'bind,ro' });
const isBelow = (path: string, folder: string): boolean => path === folder || path.startsWith(`${folder}/`);

/** A file or folder to mount over, as what is mounted is one. */
export function makeStub(folder: string, { from, at, type }: Entry): void {
  const path = join(folder, at);
  if (existsSync(path)) return;
  const isFile = type === 'none' && existsSync(from) && !lstatSync(from).isDirectory();
  mkdirSync(isFile ? dirname(path) : path, { recursive: true, mode: 0o755 });
  if (isFile) writeFileSync(path, '');
}

/** A volume's mount. @param source where its content is */
export const volumeEntry = ({ at, readOnly, subPath }: Mount, source: string): Entry => ({
  from: subPath === undefined ? source : join(source, subPath),
  at,
  type: 'none',
  options: readOnly ? 'bind,ro' : 'bind',
});

/** @param root where the container's root is while it is built */
export const fstabText = (entries: readonly Entry[], root: string): string =>
  entries.map(({ from, at, type, options }) => `${escaped(from)} ${escaped(join(root, at))} ${type} ${options} 0 0\n`).join('');

const escaped = (path: string): string => path.replace(/[\s\\]/g, c => `\\${c.charCodeAt(0).toString(8).padStart(3, '0')}`);
