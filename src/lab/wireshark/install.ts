/**
 * Puts the extcap program, the Lua fields and the profile where Wireshark looks for them, and takes them away again. A record with a hash
 * of each file tells what is ours: a file that somebody else made, or that was changed since, is never written over and never removed.
 */
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LabError } from '../../base/errors.ts';
import { stateRoot } from '../daemon/directories.ts';
import { type WiresharkFolders, writable } from './folders.ts';

export const PROFILE = 'kubehop';
const SOURCES = fileURLToPath(new URL('.', import.meta.url));
const PROGRAM = fileURLToPath(new URL('../../../bin/kubehop', import.meta.url));
/** What Wireshark itself leaves in a profile: where its windows were. */
const BY_WIRESHARK = ['recent'];

interface OurFile {
  readonly path: string;
  readonly text: string;
  readonly program: boolean;
}

export interface Done {
  readonly path: string;
  /** `kept`: changed since we wrote it. */
  readonly what: 'written' | 'removed' | 'kept' | 'refused';
}

function ourFiles(folders: WiresharkFolders): OurFile[] {
  const source = (name: string): string => readFileSync(join(SOURCES, name), 'utf8');
  const profile = readdirSync(join(SOURCES, 'profile')).map(name => ({
    path: join(folders.profiles, PROFILE, name),
    text: source(join('profile', name)),
    program: false,
  }));
  return [
    { path: join(folders.extcap, 'kubehop'), text: wrapper(), program: true },
    { path: join(folders.lua, 'kubehop.lua'), text: source('kubehop.lua'), program: false },
    ...profile,
  ];
}

const wrapper = (): string => `#!/bin/sh
# Running labs in Wireshark's list of interfaces. Written by \`kubehop wireshark install\`.
exec '${PROGRAM.replaceAll("'", "'\\''")}' wireshark extcap "$@"
`;

type Written = Record<string, string>;
const recordPath = (env: NodeJS.ProcessEnv): string => join(stateRoot(env), 'wireshark.json');
const hash = (text: string): string => createHash('sha256').update(text).digest('hex');

function readWritten(env: NodeJS.ProcessEnv): Written {
  try {
    return JSON.parse(readFileSync(recordPath(env), 'utf8')) as Written;
  } catch {
    return {}; // never installed; or the record is lost, and then only what is as we would write it is ours
  }
}

function contents(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new LabError('OS', `cannot read ${path}: ${(error as Error).message}`, { cause: error });
  }
}

/** `changed`: we wrote it, and somebody has been there since. */
function standing({ path, text }: OurFile, written: Written): 'absent' | 'ours' | 'changed' | 'foreign' {
  const there = contents(path);
  if (there === undefined) return 'absent';
  if (there === text || hash(there) === written[path]) return 'ours';
  return path in written ? 'changed' : 'foreign';
}

/** Nothing is written when a file of somebody else stands in the way. @throws LabError BAD_INPUT, OS */
export function install(folders: WiresharkFolders, env: NodeJS.ProcessEnv = process.env): Done[] {
  const written = readWritten(env);
  const files = ourFiles(folders);
  const foreign = files.find(file => standing(file, written) === 'foreign');
  if (foreign !== undefined)
    throw new LabError('BAD_INPUT', `${foreign.path} is there and not from kubehop: nothing was written; move it away and install again`);
  const done: Done[] = [];
  for (const file of files) {
    const { path, text, program } = file;
    if (standing(file, written) === 'changed') done.push({ path, what: 'kept' });
    else if (program && !writable(dirname(path))) done.push({ path, what: 'refused' });
    else {
      write(path, text, program ? 0o755 : 0o644);
      written[path] = hash(text);
      done.push({ path, what: 'written' });
    }
  }
  write(recordPath(env), `${JSON.stringify(written, null, 2)}\n`, 0o600);
  return done;
}

function write(path: string, text: string, mode: number): void {
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text, { mode });
    chmodSync(path, mode); // also of a file that was there
  } catch (cause) {
    throw new LabError('OS', `cannot write ${path}: ${(cause as Error).message}`, { cause });
  }
}

/** Also what an earlier version has written where Wireshark looked then. @throws LabError OS */
export function uninstall(folders: WiresharkFolders, env: NodeJS.ProcessEnv = process.env): Done[] {
  const written = readWritten(env);
  const now = ourFiles(folders);
  const earlier = Object.keys(written)
    .filter(path => now.every(file => file.path !== path))
    .map(path => ({ path, text: '', program: false }));
  const done: Done[] = [];
  for (const file of [...now, ...earlier]) {
    const { path } = file;
    const is = standing(file, written);
    if (is === 'ours') remove(path);
    if (is === 'ours') done.push({ path, what: 'removed' });
    if (is === 'changed') done.push({ path, what: 'kept' });
  }
  leave(join(folders.profiles, PROFILE));
  rmSync(recordPath(env), { force: true });
  return done;
}

function remove(path: string): void {
  try {
    rmSync(path);
  } catch (cause) {
    throw new LabError('OS', `cannot remove ${path}: ${(cause as Error).message}`, { cause });
  }
}

/** The profile's folder goes when there is nothing of the user's in it. */
function leave(folder: string): void {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch {
    return; // it is gone
  }
  if (names.some(name => !BY_WIRESHARK.includes(name))) return;
  for (const name of names) remove(join(folder, name));
  rmdirSync(folder);
}
