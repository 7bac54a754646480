import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Kubehop, lacking, title } from './support.ts';

describe.skipIf(lacking !== '')(title('what a run leaves in --out'), () => {
  const kubehop = new Kubehop();
  const out = join(kubehop.home, 'out');
  beforeAll(async () => {
    expect(await kubehop.run('lab', 'run', '07', '--out', out, '--json')).toMatchObject({ code: 0 });
  });
  afterAll(() => kubehop.close());

  test('captures, journey, conntrack and rules of each data plane, and the comparison', () => {
    for (const plane of ['userspace', 'kernel'])
      expect(readdirSync(join(out, plane))).toEqual(
        expect.arrayContaining(['conntrack.txt', 'hops', 'journey.jsonl', 'journey.pcapng', 'rules.txt']),
      );
    expect(existsSync(join(out, 'diff.txt'))).toBe(true);
    expect(JSON.parse(readFileSync(join(out, 'diff.json'), 'utf8'))).toMatchObject({ same: true });
  });

  test('interface hops under the same names on both', () => {
    const hops = (plane: string) => readdirSync(join(out, plane, 'hops'));
    expect(hops('userspace')).toEqual(expect.arrayContaining(hops('kernel')));
    expect(hops('kernel')).toEqual(
      expect.arrayContaining(['client_eth0.pcapng', 'lan0.pcapng', 'node1_flannel.1.pcapng', 'node2_cni0.pcapng', 'pod-b_eth0.pcapng']),
    );
  });

  test('the same again: kubehop diff reads what stands there', async () => {
    const { code, stdout } = await kubehop.run('diff', '07', '--out', out);
    expect({ code, stdout }).toMatchObject({ code: 0 });
    expect(stdout).toMatch(/^same: /);
  });
});

describe.skipIf(lacking !== '')(title('nodes on different data planes'), () => {
  const kubehop = new Kubehop();
  afterAll(() => kubehop.close());
  test.each(['userspace:node1', 'userspace:node2'])('--on %s: the other is the kernel, and every check holds', async on => {
    const { code, stdout, stderr } = await kubehop.run('lab', 'run', '07', '--on', on);
    expect({ code, stdout, stderr }).toMatchObject({ code: 0 });
    expect(stdout).toMatch(/mixed: (\d+) of \1 checks hold/);
  });
});

describe.skipIf(lacking !== '')(title('a busy machine'), () => {
  const kubehop = new Kubehop();
  afterAll(() => kubehop.close());
  const rounds = Number(process.env.KUBEHOP_ROUNDS ?? 2); // more of them: KUBEHOP_ROUNDS=50

  test(`changes nothing: ${rounds} runs of ${rounds} are the same`, { timeout: 60_000 * rounds }, async () => {
    const busy = spawn('sh', ['-c', 'while :; do :; done'], { stdio: 'ignore' });
    try {
      for (let round = 0; round < rounds; round++) {
        const { code, stdout } = await kubehop.run('lab', 'run', '07');
        expect({ round, code, stdout }).toMatchObject({ code: 0 });
      }
    } finally {
      busy.kill('SIGKILL');
    }
  });
});
