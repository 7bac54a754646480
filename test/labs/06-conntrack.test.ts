import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { Kubehop, lacking, title } from './support.ts';

describe.skipIf(lacking !== '')(title('exercise 06'), () => {
  const kubehop = new Kubehop();
  afterEach(() => kubehop.run('lab', 'down', '--all'));
  afterAll(() => kubehop.close());
  const entries = async (): Promise<string> =>
    (await kubehop.run('exec', 'node1', '--', 'conntrack', '-L', '-d', '10.96.0.10', '-p', 'tcp')).stdout;

  test('leaves the same entries on both data planes, but for the seconds and what a jump of the clock has carried away', {
    timeout: 120_000,
  }, async () => {
    const out = join(kubehop.home, 'out');
    const { code, stdout } = await kubehop.run('lab', 'run', '06', '--out', out);
    expect(stdout).toMatch(/^userspace: (\d+) of \1 checks hold\nkernel: (\d+) of \2 checks hold\n\nsame: /m);
    expect(code).toBe(0);
    const [userspace, kernel] = ['userspace', 'kernel'].map(plane =>
      readFileSync(join(out, plane, 'conntrack.txt'), 'utf8')
        .split('\n')
        .filter(line => /^tcp .* sport=4000[124] dport=8080 |^tcp .* sport=40004 dport=80 /.test(line))
        .map(line => line.replace(/^(tcp +6) \d+/, '$1'))
        .sort(),
    );
    expect(userspace).toEqual(kernel);
    expect(kernel).toContainEqual(
      expect.stringMatching(/ESTABLISHED src=10\.244\.1\.2 dst=10\.96\.0\.10 sport=40004 dport=80 \[UNREPLIED\]/),
    );
    expect(kernel).toContainEqual(expect.stringMatching(/ESTABLISHED src=10\.244\.1\.2 dst=10\.244\.2\.2 sport=40004 .*\[ASSURED\]/));
  });

  test.each(['userspace', 'kernel'])('%s: can be checked again and again', { timeout: 120_000 }, async plane => {
    expect(await kubehop.run('lab', 'up', '06', '--on', plane)).toMatchObject({ code: 0 });
    for (let round = 0; round < 2; round++) {
      const { code, stdout } = await kubehop.run('lab', 'check', '06');
      expect({ round, code, stdout }).toMatchObject({ code: 0 });
    }
  });

  test.each(['userspace:node1,kernel:node2', 'kernel:node1,userspace:node2'])('holds on %s', { timeout: 120_000 }, async on => {
    const { code, stdout } = await kubehop.run('lab', 'run', '06', '--on', on);
    expect(stdout).toMatch(/mixed: (\d+) of \1 checks hold/);
    expect(code).toBe(0);
  });

  test('five days pass over a connection of a real socket, and only then it is forgotten', async () => {
    expect(await kubehop.run('lab', 'up', '06', '--on', 'userspace')).toMatchObject({ code: 0 });
    const client = kubehop.start('exec', 'pod-a', '--', 'bash', '-c', 'exec 3<>/dev/tcp/10.96.0.10/80; sleep 60');
    await expect.poll(entries, { timeout: 10_000 }).toMatch(/tcp +6 4319\d\d ESTABLISHED src=10\.244\.1\.2 .*\[ASSURED\]/);
    expect(await kubehop.run('lab', 'advance', 'node1', '119h')).toMatchObject({ code: 0 });
    expect(await entries()).toMatch(/tcp +6 3[56]\d\d ESTABLISHED /);
    expect(await kubehop.run('lab', 'advance', 'node1', '1h')).toMatchObject({ code: 0 });
    expect(await entries()).toBe('');
    process.kill(-client.process.pid!, 'SIGKILL');
    await client.done;
  });

  test('the clock of a kernel node does not jump, and the message says why', async () => {
    expect(await kubehop.run('lab', 'up', '06', '--on', 'kernel')).toMatchObject({ code: 0 });
    expect(await kubehop.run('lab', 'advance', 'node1', '24h')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("node1: the clock of a kernel node is the machine's and cannot jump"),
    });
  });
});
