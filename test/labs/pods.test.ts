import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Kubectl, Kubehop, lacking, title } from './support.ts';

const labs = { KUBEHOP_LABS: fileURLToPath(new URL('../fixtures/labs', import.meta.url)) };
const manifest = fileURLToPath(new URL('../fixtures/api/odd-names.yaml', import.meta.url));

describe.skipIf(lacking !== '')(title('pods of an API'), () => {
  const kubehop = new Kubehop();
  let kubectl: Kubectl;
  const inside = async (where: string, line: string): Promise<string> => {
    const { stdout, stderr } = await kubehop.run('exec', where, '--', 'sh', '-c', line);
    return stdout + stderr;
  };
  const addressOf = (pod: string, namespace = 'default') =>
    kubectl.run('-n', namespace, 'get', 'pod', pod, '-o', 'jsonpath={.status.podIP}');

  beforeAll(async () => {
    expect(await kubehop.with(labs).run('lab', 'up', '95', '--on', 'userspace:node1,kernel:node2')).toMatchObject({ code: 0 });
    kubectl = await Kubectl.of(kubehop, '95');
    await kubectl.run('apply', '-f', manifest);
    await kubectl.run('wait', '--for=condition=ready', 'pods', '--all', '--timeout=30s');
    await kubectl.run('-n', 'kube-system', 'wait', '--for=condition=ready', 'pod/web', '--timeout=30s');
  });
  afterAll(async () => {
    await kubehop.run('lab', 'down', '--all');
    await kubehop.empty();
    kubehop.close();
  });

  test('those that are called as a client, a node to come, or another pod are found by their names with the namespace', async () => {
    expect(await inside('client', 'ip -br address show eth0')).toContain('203.0.113.9/24');
    for (const pod of ['client', 'node3', 'web.kube-system'])
      expect(await inside(`${pod}.default`, 'ip -br address show eth0')).toContain(` ${await addressOf(pod)}/24`);
    expect(await inside('web.kube-system', 'ip -br address show eth0')).toContain(` ${await addressOf('web', 'kube-system')}/24`);
    expect(await inside('pod-a', 'cat /etc/resolv.conf')).toContain('nameserver 10.96.0.10');
    const { stderr } = await kubehop.run('exec', 'nobody', '--', 'true');
    const long = /aaaa[a.]+~[0-9a-f]{8}/.exec(stderr)?.[0] ?? '';
    expect(await inside(long, 'ip -br address show eth0')).toContain('10.244.');
  });

  test('a node is shown by the same words on either data plane', async () => {
    const mirrored = (text: string): string => text.replace(/(10\.244\.|192\.168\.56\.1)([12])/g, (_, a, n) => `${a}${3 - Number(n)}`);
    const [router, kernel] = [await inside('node1', 'ip route'), await inside('node2', 'ip route')];
    const sorted = (text: string): string[] => text.trim().split('\n').sort();
    expect(sorted(mirrored(router))).toEqual(sorted(kernel));
    expect(await inside('node1', `ip route get ${await addressOf('pod-b')}`)).toContain(' via 10.244.2.0 dev flannel.1 src 10.244.1.0 ');
    expect(await inside('node2', `ip route get ${await addressOf('pod-a')}`)).toContain(' via 10.244.1.0 dev flannel.1 src 10.244.2.0 ');
    expect(await inside('node1', 'ip route add 10.9.0.0/16 via 192.168.56.1')).toContain("the routes of this node are its router's");
    expect(await kubehop.run('exec', 'node1', '--', 'ip', 'route', 'add', '10.9.0.0/16', 'dev', 'eth0')).toMatchObject({ code: 1 });
  });

  test('tcpdump sees what is inside of a router as it sees a device', async () => {
    const [from, to] = [await addressOf('pod-a'), await addressOf('pod-b')];
    const places = ['node1', 'node2'].flatMap(node => ['flannel.1', 'cni0'].map(device => ({ node, device })));
    const dumps = places.map(({ node, device }) =>
      kubehop.start('exec', node, '--', 'timeout', '15', 'tcpdump', '-lnn', '-c', '1', '-i', device, 'icmp[icmptype] == icmp-echo'),
    );
    const ping = kubehop.start('exec', 'pod-a', '--', 'ping', '-q', '-i', '0.2', '-w', '20', to);
    for (const [i, { done }] of dumps.entries())
      expect((await done).stdout, Object.values(places[i]!).join('/')).toContain(`IP ${from} > ${to}: ICMP echo request`);
    process.kill(-ping.process.pid!, 'SIGINT');
    await ping.done;
    expect(await inside('node1', 'timeout 5 tcpdump -D')).toContain('eth0');
    expect(await inside('node1', 'timeout 5 tcpdump -Q in -i cni0')).toContain('cni0 is inside of this node');
    expect(await inside('node1', 'ls /run/kubehop')).not.toContain('.pipe');
  });
});
