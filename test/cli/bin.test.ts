import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

const SCRIPT = resolve(import.meta.dirname, '../../bin/kubehop');

describe('bin/kubehop', () => {
  let home: string;
  let path: string;

  beforeEach(() => {
    home = realpathSync(mkdtempSync(join(tmpdir(), 'kubehop-bin-')));
    path = join(home, 'path');
    for (const directory of ['bin', 'src/cli', 'node_modules/.bin', 'node_modules/commander', 'path', 'elsewhere'])
      mkdirSync(join(home, directory), { recursive: true });
    copyFileSync(SCRIPT, join(home, 'bin/kubehop'));
    // The tools of the script itself, and no node.
    for (const tool of ['dirname', 'readlink']) symlinkSync(`/usr/bin/${tool}`, join(path, tool));
  });
  afterEach(() => rmSync(home, { recursive: true, force: true }));

  /** A node that says who it is, what it was given, and passes or fails the question for its version. */
  function fakeNode(at: string, version: string, newEnough: boolean): void {
    const file = join(home, at);
    writeFileSync(
      file,
      `#!/bin/sh\ncase $1 in -e) exit ${newEnough ? 0 : 1};; --version) echo ${version};; *) printf '%s|' "${at}" "$@";; esac\n`,
    );
    chmodSync(file, 0o755);
  }
  const run = (command: string, ...args: string[]) => {
    const { status, stdout, stderr } = spawnSync('/bin/sh', [command, ...args], { env: { PATH: path }, cwd: '/', encoding: 'utf8' });
    return { status, stdout, stderr };
  };

  test('finds its checkout through links, and runs the Node.js of the npm packages', () => {
    fakeNode('node_modules/.bin/node', 'v24.21.0', true);
    symlinkSync('../bin/kubehop', join(home, 'elsewhere/first'));
    symlinkSync(join(home, 'elsewhere/first'), join(home, 'elsewhere/second'));
    expect(run(join(home, 'elsewhere/second'), 'lab', 'run', 'a b').stdout).toBe(
      `node_modules/.bin/node|--disable-warning=ExperimentalWarning|${home}/src/cli/main.ts|lab|run|a b|`,
    );
  });

  test('takes the node on PATH when the npm packages have none', () => {
    fakeNode('path/node', 'v22.19.0', true);
    expect(run(join(home, 'bin/kubehop'), 'doctor')).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/^path\/node\|.*\|doctor\|$/),
    });
  });

  test('says what to do when the node on PATH is too old', () => {
    fakeNode('path/node', 'v20.19.0', false);
    expect(run(join(home, 'bin/kubehop'))).toEqual({
      status: 2,
      stdout: '',
      stderr:
        `error SETUP: ${path}/node is v20.19.0: Node.js 22.19 or later is needed\n` +
        `hint: run \`sudo ${home}/scripts/setup\`: it installs what is missing\n`,
    });
  });

  test('says what to do when the npm packages are missing', () => {
    fakeNode('path/node', 'v24.0.0', true);
    rmSync(join(home, 'node_modules'), { recursive: true });
    expect(run(join(home, 'bin/kubehop'))).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('error SETUP: the npm packages are missing'),
    });
  });
});
