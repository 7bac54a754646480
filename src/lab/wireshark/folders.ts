/** Where Wireshark looks for a user's profiles, Lua scripts and extcap programs: it is asked, because that differs between versions and systems. */
import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { dirname, join } from 'node:path';
import { LabError } from '../../base/errors.ts';

export interface WiresharkFolders {
  readonly profiles: string;
  readonly lua: string;
  /** The user's own where there is one (Wireshark 4.2 and later), else that of the machine. */
  readonly extcap: string;
}

/** @param text of `tshark -G folders`: `Personal Lua Plugins:<TAB>/home/...` @throws LabError BAD_INPUT */
export function readFolders(text: string): WiresharkFolders {
  const found = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [, name, path] = /^([^:]+):\s+(.+?)\s*$/.exec(line) ?? [];
    if (name !== undefined && !found.has(name.toLowerCase())) found.set(name.toLowerCase(), path!);
  }
  const need = (...names: string[]): string => {
    for (const name of names) {
      const path = found.get(name);
      if (path !== undefined) return path;
    }
    throw new LabError('BAD_INPUT', `tshark -G folders names no "${names[0]}": it says ${[...found.keys()].join(', ') || 'nothing'}`);
  };
  return {
    profiles: join(need('personal configuration'), 'profiles'),
    lua: need('personal lua plugins', 'personal plugins'),
    extcap: need('personal extcap path', 'extcap path', 'global extcap path'),
  };
}

/** @throws LabError TOOL_MISSING, BAD_INPUT */
export function askFolders(): WiresharkFolders {
  for (const program of ['tshark', 'wireshark']) {
    const { error, stdout } = spawnSync(program, ['-G', 'folders'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    if (error === undefined && stdout.trim() !== '') return readFolders(stdout);
  }
  throw new LabError('TOOL_MISSING', 'neither tshark nor wireshark can be run: they say where profiles and programs belong');
}

/** Whether a file can be made there; folders on the way need not exist yet. */
export function writable(folder: string): boolean {
  for (let at = folder; ; at = dirname(at)) {
    try {
      accessSync(at, constants.W_OK | constants.X_OK);
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || dirname(at) === at) return false;
    }
  }
}
