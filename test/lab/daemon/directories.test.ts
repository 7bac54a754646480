import { existsSync, mkdirSync, mkdtempSync, rmSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  makeInstanceDirectory,
  runningInstances,
  runtimeRoot,
  startTimeOf,
  stateRoot,
  writeInstance,
} from '../../../src/lab/daemon/directories.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'kubehop-directories-'));
});
afterEach(() => rmSync(root, { recursive: true }));

function instance(name: string, pid: number, startTime: string) {
  const directory = join(root, name);
  makeInstanceDirectory(directory);
  const made = { directory, pid, startTime, lab: '07', planes: { node1: 'kernel' }, seed: 1, lasting: true };
  writeInstance(made);
  return made;
}

describe('the labs that run', () => {
  test('are those whose process is alive', () => {
    const made = instance('07', process.pid, startTimeOf(process.pid)!);
    expect(runningInstances(root)).toEqual([made]);
  });

  test('are not those whose process number was given to another', () => {
    const { directory } = instance('07', process.pid, '1');
    expect(runningInstances(root)).toEqual([]);
    expect(existsSync(directory)).toBe(false);
  });

  test('leave one that is being made alone, and forget one that was never finished', () => {
    const directory = join(root, '02');
    mkdirSync(directory);
    expect(runningInstances(root)).toEqual([]);
    expect(existsSync(directory)).toBe(true);
    utimesSync(directory, 0, 0);
    expect(runningInstances(root)).toEqual([]);
    expect(existsSync(directory)).toBe(false);
  });

  test('are none where nothing ever ran', () => {
    expect(runningInstances(join(root, 'nowhere'))).toEqual([]);
  });

  test('have one directory each', () => {
    expect(makeInstanceDirectory(join(root, '07'))).toBe(true);
    expect(makeInstanceDirectory(join(root, '07'))).toBe(false);
  });
});

describe('directories', () => {
  test('follow XDG where it is absolute', () => {
    expect(stateRoot({ XDG_STATE_HOME: '/var/state' })).toBe('/var/state/kubehop');
    expect(stateRoot({ XDG_STATE_HOME: 'relative' })).not.toContain('relative');
  });
  test('take the runtime directory only when it is ours', () => {
    expect(runtimeRoot({ XDG_RUNTIME_DIR: root })).toBe(join(root, 'kubehop'));
    expect(runtimeRoot({ XDG_RUNTIME_DIR: join(root, 'gone'), XDG_STATE_HOME: root })).toBe(join(root, 'kubehop', 'run'));
  });
});
