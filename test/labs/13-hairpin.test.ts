import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { Kubehop, lacking, title } from './support.ts';

describe.skipIf(lacking !== '')(title('exercise 13, by hand'), () => {
  const kubehop = new Kubehop();
  const pod = (name: string, command: string) => kubehop.run('exec', name, '--', ...command.split(' '));
  const node = (name: string, command: string) => kubehop.run('exec', name, '--', 'sh', '-c', command);
  afterEach(() => kubehop.run('lab', 'down', '--all'));
  afterAll(() => kubehop.close());

  test.each(['userspace', 'kernel'])(
    '%s: without the mark a pod would see itself as the client, and its kernel throws that away',
    async plane => {
      expect(await kubehop.run('lab', 'up', '13', '--on', plane)).toMatchObject({ code: 0 });
      const ask = () => pod('pod-b', 'curl -s --max-time 2 http://10.96.0.12/');
      expect((await ask()).stdout).toContain('"client":"10.244.1.1"');
      const rules = (await node('node1', 'iptables -t nat -S')).stdout.split('\n');
      const mark = rules.find(rule => rule.includes('-s 10.244.1.3/32') && rule.endsWith('-j KUBE-MARK-MASQ'))!;
      expect(await node('node1', `iptables -t nat ${mark.replace('-A', '-D')}`)).toMatchObject({ code: 0 });
      expect(await ask()).toMatchObject({ code: 28 });
      const entries = (await node('node1', 'conntrack -L -d 10.96.0.12')).stdout;
      expect(entries).toMatch(
        /SYN_SENT src=10\.244\.1\.3 dst=10\.96\.0\.12 .*\[UNREPLIED\] src=10\.244\.1\.3 dst=10\.244\.1\.3 sport=8080 /,
      );
      expect(await node('node1', `iptables -t nat ${mark.replace('-A', '-I')}`)).toMatchObject({ code: 0 });
      expect((await ask()).stdout).toContain('"client":"10.244.1.1"');
    },
  );

  test.each(['userspace', 'kernel'])('%s: what the bridge drops leaves no entry, however often it is tried', async plane => {
    expect(await kubehop.run('lab', 'up', '13', '--on', plane)).toMatchObject({ code: 0 });
    expect(await pod('pod-a', 'curl -s --max-time 3 http://10.96.0.11/')).toMatchObject({ code: 28 });
    expect((await node('node1', 'conntrack -L -d 10.96.0.11')).stdout).toBe('');
    const [counted] = /\[\d+:\d+\] -A KUBE-SEP-\w+ .*-j DNAT --to-destination 10\.244\.1\.2:8080/.exec(
      (await node('node1', 'iptables-save -c')).stdout,
    )!;
    expect(Number(/\d+/.exec(counted)![0])).toBeGreaterThan(1); // each SYN is a first packet
  });

  test('kernel: hairpin mode is a flag of the port, and no rule has to change for it', async () => {
    expect(await kubehop.run('lab', 'up', '13', '--on', 'kernel')).toMatchObject({ code: 0 });
    expect(await node('node1', 'bridge link set dev veth-pod-a hairpin on')).toMatchObject({ code: 0 });
    expect((await pod('pod-a', 'curl -s --max-time 5 http://10.96.0.11/')).stdout).toContain(
      '"pod":"pod-a","node":"node1","client":"10.244.1.1"',
    );
  });
});
