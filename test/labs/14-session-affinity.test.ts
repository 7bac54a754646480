import { afterAll, afterEach, describe, expect, test } from 'vitest';
import type { RunReport } from '../../src/lab/run.ts';
import { Kubehop, lacking, title } from './support.ts';

describe.skipIf(lacking !== '')(title('exercise 14'), { timeout: 120_000 }, () => {
  const kubehop = new Kubehop();
  afterEach(() => kubehop.run('lab', 'down', '--all'));
  afterAll(() => kubehop.close());
  const on = (where: string, command: string) => kubehop.run('exec', where, '--', 'sh', '-c', command);

  test('says how many of the crowd were sent elsewhere, on each data plane', async () => {
    const { code, stdout } = await kubehop.run('lab', 'run', '14', '--json');
    expect({ code, stdout }).toMatchObject({ code: 0 });
    const { runs } = JSON.parse(stdout) as RunReport;
    for (const { result } of runs) {
      const figures = result.checks.flatMap(check => check.figure ?? []);
      expect(figures).toEqual([
        'one client, 200 times: 0 came to another backend than before',
        '80 clients, 3 times: 0 came to another backend than before',
        expect.stringMatching(/^230 clients, 2 times: \d{2,3} came to another backend than before$/),
      ]);
    }
  });

  test('userspace: a client who stays away for longer than was promised is given to chance again', async () => {
    await kubehop.run('lab', 'up', '14', '--on', 'userspace');
    const backend = async () =>
      /"pod":"(web-\d)"/.exec((await on('client', 'curl -s --max-time 5 http://192.168.56.11:30002/')).stdout)![1];
    const first = await backend();
    for (let i = 0; i < 5; i++) expect(await backend()).toBe(first);
    // Each time a coin is thrown: that it falls on the same side twenty times is one in a million.
    for (let i = 0; i < 20; i++) {
      expect(await kubehop.run('lab', 'advance', 'node1', '3601s')).toMatchObject({ code: 0 });
      const next = await backend();
      expect(await backend()).toBe(next);
      if (next !== first) return;
    }
    expect.unreachable('twenty times the same backend');
  });

  test('kernel: a list holds a hundred addresses', async () => {
    await kubehop.run('lab', 'up', '14', '--on', 'kernel');
    expect(await kubehop.run('lab', 'check', '14')).toMatchObject({ code: 0 });
    const lines = (await on('node1', 'cat /proc/net/xt_recent/KUBE-SEP-* | wc -l')).stdout;
    expect(Number(lines)).toBeLessThanOrEqual(201); // and one of the Service with one endpoint
    expect(await kubehop.run('lab', 'check', '14')).toMatchObject({ code: 0 }); // what an earlier crowd left is in nobody's way
  });
});
