import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { SeededRandom } from '../../src/base/random.ts';
import { hostState, Kubehop, lacking, title } from './support.ts';

const kubehop = new Kubehop();
afterAll(() => kubehop.close());
const before = hostState();

/** Nothing is left on the host, and the next run works. */
async function clean(): Promise<void> {
  await kubehop.empty();
  expect(hostState()).toEqual(before);
  expect(await kubehop.run('lab', 'run', '01', '--on', 'kernel')).toMatchObject({ code: 0 });
  expect(kubehop.sockets()).toEqual([]);
}

describe.skipIf(lacking !== '')(title('a lab in steps'), () => {
  afterEach(() => kubehop.run('lab', 'down', '--all'));

  test('up, look around, check twice, reset, down', async () => {
    expect(await kubehop.run('lab', 'up', '07')).toMatchObject({ code: 0 });
    expect((await kubehop.run('lab', 'list')).stdout).toMatch(/^07 +up /m);
    expect((await kubehop.run('exec', 'client', '--', 'curl', '-s', 'http://192.168.56.12:30080/')).stdout).toContain('"pod":"pod-b"');
    expect(await kubehop.run('lab', 'check', '07')).toMatchObject({ code: 0 });
    expect(await kubehop.run('lab', 'check', '07')).toMatchObject({ code: 0 });
    expect(await kubehop.run('exec', 'pod-b', '--', 'ip', 'link', 'set', 'eth0', 'down')).toMatchObject({ code: 0 });
    expect(await kubehop.run('lab', 'reset', '07')).toMatchObject({ code: 0 });
    expect((await kubehop.run('exec', 'client', '--', 'curl', '-s', 'http://192.168.56.11:30080/')).stdout).toContain('"pod":"pod-b"');
    expect(await kubehop.run('lab', 'down', '07')).toMatchObject({ code: 0 });
    await clean();
  });

  test("exec gives the command's exit status", async () => {
    await kubehop.run('lab', 'up', '01', '--on', 'kernel');
    expect(await kubehop.run('exec', 'host', '--', 'sh', '-c', 'exit 7')).toMatchObject({ code: 7 });
    expect(await kubehop.run('exec', 'host', '--', 'sh', '-c', 'kill -TERM $$')).toMatchObject({ code: 143 });
  });

  test('a lab that is up cannot be brought up again, and runs beside a run of its own', async () => {
    await kubehop.run('lab', 'up', '01', '--on', 'kernel');
    expect(await kubehop.run('lab', 'up', '01')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('lab 01 is up: `kubehop lab down 01` ends it'),
    });
    expect(await kubehop.run('lab', 'run', '01', '--on', 'kernel')).toMatchObject({ code: 0 });
  });

  test('a server that was killed is named, and a reset brings it back', async () => {
    await kubehop.run('lab', 'up', '02', '--on', 'kernel');
    await kubehop.run('exec', 'pod-a', '--', 'pkill', '-f', 'echo-server.ts pod-a');
    const check = await kubehop.run('lab', 'check', '02');
    expect(check).toMatchObject({ code: 2, stderr: expect.stringContaining('the server of pod-a has ended: SIGTERM') });
    expect(await kubehop.run('lab', 'reset', '02')).toMatchObject({ code: 0 });
    expect(await kubehop.run('lab', 'check', '02')).toMatchObject({ code: 0 });
  });

  test('a lab that nobody can reach any more ends by itself', async () => {
    const lost = new Kubehop();
    expect(await lost.run('lab', 'up', '01', '--on', 'kernel')).toMatchObject({ code: 0 });
    expect(lost.daemon()).toBeDefined();
    lost.close();
    await lost.empty();
    expect(hostState()).toEqual(before);
  });

  test('--keep leaves the lab standing', async () => {
    expect(await kubehop.run('lab', 'run', '01', '--on', 'kernel', '--keep')).toMatchObject({ code: 0 });
    expect(await kubehop.run('exec', 'host', '--', 'true')).toMatchObject({ code: 0 });
  });
});

describe.skipIf(lacking !== '')(title('an end at any moment'), () => {
  // The seed is fixed: a moment that fails can be tried again. More of them: KUBEHOP_ROUNDS=50.
  const rounds = Number(process.env.KUBEHOP_ROUNDS ?? 3);
  const random = new SeededRandom(Number(process.env.KUBEHOP_SEED ?? 7));
  const pause = (ms: number) => new Promise(resolve => setTimeout(resolve, ms));

  test(`kill -9 of the daemon, ${rounds} times`, { timeout: 60_000 + rounds * 10_000 }, async () => {
    for (let round = 0; round < rounds; round++) {
      const run = kubehop.start('lab', 'run', '07', '--on', round % 2 === 0 ? 'userspace' : 'kernel');
      let ended = false;
      void run.done.then(() => {
        ended = true;
      });
      while (kubehop.daemon() === undefined && !ended) await pause(1);
      await pause(random.below(1500));
      const pid = kubehop.daemon();
      if (pid !== undefined) process.kill(pid, 'SIGKILL');
      const { code, stderr } = await run.done;
      if (pid !== undefined) expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringMatching(/error DAEMON: the lab/) });
      await kubehop.empty();
      expect(hostState()).toEqual(before);
    }
    await clean();
  });

  test('kill -9 of the command: the lab ends by itself', async () => {
    const run = kubehop.start('lab', 'run', '07', '--on', 'userspace');
    while (kubehop.daemon() === undefined) await pause(1);
    await pause(random.below(1000));
    run.process.kill('SIGKILL');
    await run.done;
    await clean();
  });

  test.each([50, 400, 900])('Ctrl-C after %i ms: exit 130', async afterMs => {
    const run = kubehop.start('lab', 'run', '07', '--on', 'both');
    await pause(150 + afterMs);
    process.kill(-run.process.pid!, 'SIGINT');
    const { code, stderr } = await run.done;
    expect({ code, stderr }).toMatchObject({ code: 130 });
    expect(stderr).not.toContain('error');
    await clean();
  });
});

describe.skipIf(lacking !== '')(title('bad input'), () => {
  test.each([
    [['lab', 'run', '99'], /error LAB_UNKNOWN: there is no exercise "99": there are .*07 nodeport/],
    [['lab', 'run', '07', '--on', 'usrspace'], /error BAD_INPUT: --on "usrspace": write userspace, kernel, both/],
    [['lab', 'run', '07', '--on', 'kernel:node9'], /there is no node "node9": this lab has node1, node2/],
    [['lab', 'run', '07', '--seed', 'x'], /a whole number from 0 to 4294967295/],
    [['lab', 'run', '07', '--out', '/proc/nowhere'], /error BAD_INPUT: --out \/proc\/nowhere: cannot make this folder: ENOENT/],
    [['lab', 'run', '07', '--out', '/run/kubehop-out'], /--out \/run\/kubehop-out: a lab has its own \/run: choose another folder/],
    [['lab', 'up', '07', '--on', 'both'], /a lab that is up has one data plane/],
    [['lab', 'check', '07'], /lab 07 is not up: `kubehop lab up 07` builds it/],
    [['lab', 'down'], /say which lab/],
    [['exec', 'pod-a', '--', 'ls'], /no lab is up: `kubehop lab up NN` builds it/],
  ])('%j exits 2 and says why', async (args, message) => {
    const { code, stderr } = await kubehop.run(...args);
    expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringMatching(message) });
    expect(stderr).toContain('hint: ');
  });

  test('no root and no user namespaces: says what this machine lacks', async () => {
    const tools = join(kubehop.home, 'tools');
    mkdirSync(tools, { recursive: true });
    writeFileSync(join(tools, 'unshare'), '#!/bin/sh\necho "unshare: unshare failed: Operation not permitted" >&2\nexit 1\n', {
      mode: 0o755,
    });
    const { code, stderr } = await kubehop.with({ PATH: `${tools}:${process.env.PATH}` }).run('lab', 'run', '01', '--on', 'kernel');
    expect({ code, stderr }).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('may not create namespaces: unshare: unshare failed: Operation not permitted'),
    });
    expect(stderr).toContain('hint: run `kubehop doctor`');
    await clean();
  });

  test('a diff without runs says how to make them', async () => {
    const fresh = new Kubehop();
    expect(await fresh.run('diff', '07')).toMatchObject({ code: 2, stderr: expect.stringContaining('there is no userspace run in') });
    fresh.close();
  });

  test.skipIf(process.getuid!() === 0)('a folder that cannot be written', async () => {
    const closed = join(kubehop.home, 'closed');
    mkdirSync(closed);
    chmodSync(closed, 0o500);
    expect(await kubehop.run('lab', 'run', '01', '--out', join(closed, 'out'))).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('EACCES'),
    });
  });
});
