import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { install, uninstall } from '../../../src/lab/wireshark/install.ts';

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'wireshark-install-'));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const folders = () => ({ profiles: join(home, 'profiles'), lua: join(home, 'lua'), extcap: join(home, 'extcap') });
const env = () => ({ XDG_STATE_HOME: join(home, 'state') });
const put = (path: string, text: string): void => {
  mkdirSync(dirname(join(home, path)), { recursive: true });
  writeFileSync(join(home, path), text);
};
const files = (at = ''): string[] =>
  readdirSync(join(home, at), { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name).slice(home.length + 1))
    .sort();

describe('wireshark install', () => {
  test('writes program, fields and profile, and uninstall leaves what was there before', () => {
    put('profiles/mine/preferences', 'mine');
    put('lua/other.lua', '-- other');
    put('extcap/other', '#!/bin/sh');
    const before = files();
    expect(new Set(install(folders(), env()).map(d => d.what))).toEqual(new Set(['written']));
    expect(statSync(join(home, 'extcap/kubehop')).mode & 0o777).toBe(0o755);
    expect(readFileSync(join(home, 'extcap/kubehop'), 'utf8')).toContain('/bin/kubehop\' wireshark extcap "$@"');
    expect(files('profiles/kubehop')).toEqual([
      'profiles/kubehop/colorfilters',
      'profiles/kubehop/decode_as_entries',
      'profiles/kubehop/dfilter_buttons',
      'profiles/kubehop/preferences',
    ]);
    expect(new Set(uninstall(folders(), env()).map(d => d.what))).toEqual(new Set(['removed']));
    expect(files()).toEqual(before);
    expect(existsSync(join(home, 'profiles/kubehop'))).toBe(false);
    expect(uninstall(folders(), env())).toEqual([]);
  });

  test('twice is as once', () => {
    install(folders(), env());
    const before = files();
    expect(install(folders(), env()).every(d => d.what === 'written')).toBe(true);
    expect(files()).toEqual(before);
  });

  test.each(['profiles/kubehop/preferences', 'lua/kubehop.lua', 'extcap/kubehop'])(
    'writes nothing when %s is there and somebody else has made it',
    path => {
      put(path, 'theirs');
      expect(() => install(folders(), env())).toThrow(/is there and not from kubehop: nothing was written/);
      expect(files()).toEqual([path]);
      expect(uninstall(folders(), env())).toEqual([]);
      expect(readFileSync(join(home, path), 'utf8')).toBe('theirs');
    },
  );

  test('keeps what the user has changed in the profile, at the next install and at uninstall', () => {
    install(folders(), env());
    put('profiles/kubehop/preferences', 'changed');
    put('profiles/kubehop/recent', 'windows');
    expect(
      install(folders(), env())
        .filter(d => d.what === 'kept')
        .map(d => d.path),
    ).toEqual([join(home, 'profiles/kubehop/preferences')]);
    uninstall(folders(), env());
    expect(files()).toEqual(['profiles/kubehop/preferences', 'profiles/kubehop/recent']);
    expect(readFileSync(join(home, 'profiles/kubehop/preferences'), 'utf8')).toBe('changed');
  });

  test('where only Wireshark has left its windows, the profile goes', () => {
    install(folders(), env());
    put('profiles/kubehop/recent', 'windows');
    uninstall(folders(), env());
    expect(files()).toEqual([]);
  });

  test('takes over what an earlier version wrote, and finds its own without a record', () => {
    install(folders(), env());
    rmSync(join(home, 'state'), { recursive: true });
    expect(install(folders(), env()).every(d => d.what === 'written')).toBe(true);
    put('state/kubehop/wireshark.json', '{}');
    uninstall(folders(), env());
    expect(files()).toEqual([]);
  });
});
