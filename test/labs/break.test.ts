import { afterAll, describe, expect, test } from 'vitest';
import { Kubehop, lacking, title } from './support.ts';

describe.skipIf(lacking !== '')(title('lab break and lab hint'), { timeout: 120_000 }, () => {
  const kubehop = new Kubehop();
  afterAll(async () => {
    await kubehop.run('lab', 'down', '--all');
    kubehop.close();
  });
  const onNode1 = (...words: string[]) => kubehop.run('exec', 'node1', '--', ...words);

  test('say what people see, help in three steps, and know what was repaired', async () => {
    expect(await kubehop.run('lab', 'break', '23', '1')).toMatchObject({ code: 2, stderr: expect.stringContaining('kubehop lab up 23') });
    expect(await kubehop.run('lab', 'up', '23', '--on', 'userspace:node1,kernel:node2')).toMatchObject({ code: 0 });
    expect(await kubehop.run('lab', 'hint', '23')).toMatchObject({ code: 2, stderr: expect.stringContaining('no fault stands') });
    expect(await kubehop.run('lab', 'break', '23', '99')).toMatchObject({ code: 2, stderr: expect.stringContaining('faults 1 to') });

    expect(await kubehop.run('lab', 'break', '23', '1')).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^Fault 1: pod-a does not reach/),
    });
    const found = await kubehop.run('lab', 'check', '23');
    expect(found.code).toBe(1);
    expect(found.stdout).toMatch(/FAILED at pod-a: pod-a reaches `near`.*\n.*it was: curl: \(28\).*\n.*where this was expected: /);
    expect(found.stdout).toContain('Fault 1 is not repaired');
    for (let i = 1; i <= 4; i++) {
      const { hints } = JSON.parse((await kubehop.run('lab', 'hint', '23', '--json')).stdout);
      expect(hints).toHaveLength(Math.min(3, i));
    }
    expect((await kubehop.run('lab', 'hint', '23')).stdout).toContain('solution/01-bridge-nf.sh');

    expect(await onNode1('sysctl', '-w', 'net.bridge.bridge-nf-call-iptables=1')).toMatchObject({ code: 0 });
    const repaired = await kubehop.run('lab', 'check', '23');
    expect(repaired).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/Fault 1 is repaired\. What happened \(bridge-nf\):(.|\n)*lab break 23 2$/m),
    });
    expect((await kubehop.run('lab', 'break', '23')).stdout).toMatch(/^ 1 {2}repaired /m);
    expect((await kubehop.run('lab', 'break', '23')).stdout).toMatch(/^ 2 {12}The pod/m);
  });

  test('another fault comes into a lab that is built anew', async () => {
    expect(await onNode1('iptables', '-P', 'FORWARD', 'DROP')).toMatchObject({ code: 0 });
    expect(await kubehop.run('lab', 'break', '23', '3')).toMatchObject({ code: 0, stderr: expect.stringContaining('built anew') });
    expect((await onNode1('iptables', '-S', 'FORWARD')).stdout).toMatch(/^-P FORWARD ACCEPT$/m);
    expect(await kubehop.run('lab', 'reset', '23')).toMatchObject({ code: 0 });
    expect(await kubehop.run('lab', 'hint', '23')).toMatchObject({ code: 2 });
  });

  test('routes of a userspace node come and go by the words of a kernel node', async () => {
    expect(await onNode1('ip', 'route', 'add', '10.244.2.2/32', 'via', '192.168.56.12', 'dev', 'eth0')).toMatchObject({
      code: 0,
      stderr: '',
    });
    expect((await onNode1('ip', 'route', 'get', '10.244.2.2')).stdout).toMatch(/^10\.244\.2\.2 via 192\.168\.56\.12 dev eth0 /);
    expect(await onNode1('ip', 'route', 'add', '10.244.2.2', 'via', '192.168.56.12')).toMatchObject({
      code: 2,
      stderr: 'RTNETLINK answers: File exists\n',
    });
    expect((await kubehop.run('exec', 'pod-a', '--', 'curl', '-s', '--max-time', '5', 'http://10.244.2.2:8080/')).stdout).toContain(
      '"pod":"far"',
    );
    expect(await onNode1('ip', 'route', 'del', '10.244.2.2')).toMatchObject({ code: 0 });
    expect(await onNode1('ip', 'route', 'del', '10.244.2.2')).toMatchObject({ code: 2, stderr: 'RTNETLINK answers: No such process\n' });
    expect((await onNode1('ip', 'route', 'get', '10.244.2.2')).stdout).toContain('dev flannel.1');
  });

  test('objects of an API are applied and deleted without kubectl', async () => {
    const folder = 'labs/23-break-and-fix';
    expect(await kubehop.run('lab', 'apply', '23', '-f', `${folder}/admin.yaml`)).toMatchObject({
      code: 0,
      stdout: 'service/admin unchanged\n',
    });
    expect(await kubehop.run('lab', 'delete', '23', 'service/admin')).toMatchObject({ code: 0, stdout: 'service/admin deleted\n' });
    expect((await onNode1('iptables-save', '-t', 'nat')).stdout).not.toContain('default/admin');
    expect(await kubehop.run('lab', 'apply', '23', '-f', `${folder}/admin.yaml`)).toMatchObject({
      code: 0,
      stdout: 'service/admin created\n',
    });
  });
});
