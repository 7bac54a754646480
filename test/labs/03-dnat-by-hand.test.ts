import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { findLab } from '../../src/lab/catalog.ts';
import type { RunReport } from '../../src/lab/run.ts';
import { Kubehop, lacking, title } from './support.ts';

/** Fail with the rules of the text, on either data plane: the six that the exercise's README foretells. */
const foretold = [
  /^client\/eth0: src 192\.168\.56\.11:30080, dst 203\.0\.113\.9:40004, flags SYN,ACK$/,
  /^node1: conntrack entry .*sport=40004/,
  /^client: `curl .*192\.168\.56\.11:30080\/` exits 0/,
  /^node1: rule -A PREROUTING .* has counted 2 packets$/,
  /^node1: `curl .*203\.0\.113\.9:30080\/; echo exit \$\?` prints/,
  /^client\/eth0: src 192\.168\.56\.11:\*, dst 203\.0\.113\.9:30080/,
];

describe.skipIf(lacking !== '')(title('exercise 03'), { timeout: 120_000 }, () => {
  const kubehop = new Kubehop();
  afterAll(() => kubehop.close());
  const run = async (...words: string[]): Promise<{ code: number | null; report: RunReport }> => {
    const { code, stdout, stderr } = await kubehop.run('lab', 'run', '03', '--json', ...words);
    expect(stdout, stderr).not.toBe('');
    return { code, report: JSON.parse(stdout) };
  };
  const failed = (report: RunReport, i: number): string[] =>
    report.runs[i]!.result.checks.filter(check => !check.ok).map(check => `${check.at}: ${check.text}`);

  test('fails untouched, as foretold, and in the same way on both data planes', async () => {
    const { code, report } = await run();
    expect(code).toBe(1);
    for (const i of [0, 1]) expect(failed(report, i)).toEqual(foretold.map(pattern => expect.stringMatching(pattern)));
    expect(report.comparison).toMatchObject({ same: true });
  });

  test('holds with its solution on both', async () => {
    const out = join(kubehop.home, 'out');
    const { code, report } = await run('--solution', '--out', out);
    expect({ code, failed: [failed(report, 0), failed(report, 1)] }).toEqual({ code: 0, failed: [[], []] });
    expect(report.comparison).toMatchObject({ same: true });
    // Rules were changed several times since: the journey names those that this packet met.
    const journey = readFileSync(join(out, 'userspace', 'journey.jsonl'), 'utf8').split('\n');
    expect(journey.find(line => line.includes('IP_LOCALNET'))).toMatch(
      /nat PREROUTING [^"]*--dport 30080 -j DNAT --to-destination 127\.0\.0\.1:8080/,
    );
  });

  test('is passed by rules of the reader, and not by the solution', async () => {
    const passed = async () =>
      JSON.parse((await kubehop.run('lab', 'list', '--json')).stdout).find((lab: { number: string }) => lab.number === '03').passed;
    expect(await passed()).toBe(false);
    const work = join(kubehop.home, 'mine');
    mkdirSync(work);
    writeFileSync(
      join(work, 'node1.rules'),
      '*nat\n-A PREROUTING -d 192.168.56.11 -p tcp --dport 30080 -j REDIRECT --to-ports 8080\n-A OUTPUT -o lo -p tcp --dport 30080 -j REDIRECT --to-ports 8080\nCOMMIT\n',
    );
    expect((await run('--work', work)).code).toBe(0);
    expect(await passed()).toBe(true);
  });

  test('says what is wrong with a file that iptables-restore refuses, and runs to its end', async () => {
    const work = join(kubehop.home, 'wrong');
    cpSync(join(findLab('03').folder, 'solution'), work, { recursive: true });
    const file = join(work, 'node1.rules');
    writeFileSync(file, readFileSync(file, 'utf8').replace('--to-destination', '--to-destinatoin'));
    for (const on of ['kernel', 'userspace']) {
      const { code, report } = await run('--work', work, '--on', on);
      expect(code).toBe(1);
      const check = report.runs[0]!.result.checks.find(c => c.text === 'iptables-restore takes wrong/node1.rules');
      expect(check).toMatchObject({ ok: false, saw: expect.stringMatching(/iptables-restore.*(to-destinatoin|line)/s) });
    }
  });

  test('names a folder that is not there', async () => {
    expect(await kubehop.run('lab', 'run', '03', '--work', join(kubehop.home, 'nowhere'))).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('no such folder'),
    });
    expect(await kubehop.run('lab', 'run', '07', '--solution')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('nothing to write'),
    });
  });
});

describe.skipIf(lacking !== '').each(['userspace', 'kernel'])(title('the shell of a node, %s'), { timeout: 60_000 }, on => {
  const kubehop = new Kubehop();
  afterAll(async () => {
    await kubehop.run('lab', 'down', '--all');
    kubehop.close();
  });
  const node1 = (...words: string[]) => kubehop.run('exec', 'node1', '--', ...words);

  test('knows iptables, conntrack and sysctl, and they act on the packets of the node', async () => {
    expect(await kubehop.run('lab', 'up', '03', '--on', on)).toMatchObject({ code: 0 });
    expect(await node1('sysctl', '-n', 'net.ipv4.conf.all.route_localnet')).toMatchObject({ stdout: '1\n' });
    expect(
      await node1(
        'iptables',
        '-t',
        'nat',
        '-A',
        'OUTPUT',
        '-p',
        'tcp',
        '--dport',
        '30080',
        '-j',
        'DNAT',
        '--to-destination',
        '10.244.1.2:8080',
      ),
    ).toMatchObject({ code: 0, stdout: '' });
    expect(await node1('curl', '-s', '--max-time', '5', 'http://127.0.0.1:30080/')).toMatchObject({ code: 7 });
    expect(await node1('curl', '-s', '--max-time', '5', 'http://192.168.56.11:30080/')).toMatchObject({
      stdout: expect.stringContaining('"pod":"pod-a"'),
    });
    expect((await node1('iptables', '-t', 'nat', '-L', 'OUTPUT', '-n', '-v')).stdout).toMatch(/tcp dpt:30080 to:10\.244\.1\.2:8080$/m);
    expect((await node1('conntrack', '-L', '-p', 'tcp')).stdout).toMatch(
      /src=192\.168\.56\.11 dst=192\.168\.56\.11 .*dport=30080 src=10\.244\.1\.2/,
    );
    expect((await node1('sh', '-c', 'iptables-save -t nat | grep -v 30080 | iptables-restore && iptables-save')).stdout).not.toContain(
      '30080 ',
    );
    expect(await node1('iptables', '-C', 'OUTPUT', '-j', 'DROP')).toMatchObject({ code: 1 });
  });

  test('whatever was typed there, a check begins with the rules of the start', async () => {
    expect(await node1('iptables', '-t', 'raw', '-A', 'PREROUTING', '-p', 'tcp', '-j', 'DROP')).toMatchObject({ code: 0 });
    expect(await node1('iptables', '-P', 'INPUT', 'DROP')).toMatchObject({ code: 0 });
    const { code, stdout } = await kubehop.run('lab', 'check', '03', '--solution');
    expect({ code, stdout }).toMatchObject({ code: 0 });
  });
});
