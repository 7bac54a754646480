import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { commands } from '../fixtures/seeds/commands.ts';
import { Kubectl, Kubehop, lacking, title } from './support.ts';

process.env.KUBEHOP_LABS = fileURLToPath(new URL('../fixtures/labs', import.meta.url));
const folder = fileURLToPath(new URL('../fixtures/seeds/', import.meta.url));
const manifests = readdirSync(folder).filter(name => name.endsWith('.yaml'));

async function until(isSo: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 50; tries++) if (await isSo()) return;
  throw new Error('it did not come to be');
}

describe.skipIf(lacking !== '').each(['userspace', 'kernel'])(title('what explanations print, on %s'), plane => {
  const kubehop = new Kubehop();
  let kubectl: Kubectl;
  let server: ReturnType<Kubehop['start']>;
  const names: Record<string, string> = {};
  const inside = async (where: string, line: string): Promise<string> => {
    const { stdout, stderr } = await kubehop.run('exec', where, '--', 'sh', '-c', line);
    return stdout + stderr;
  };

  beforeAll(async () => {
    expect(await kubehop.run('lab', 'up', '95', '--on', plane)).toMatchObject({ code: 0 });
    kubectl = await Kubectl.of(kubehop, '95');
  });
  afterAll(async () => {
    await kubehop.run('lab', 'down', '--all');
    kubehop.close();
  });

  test.each(manifests)('%s is applied as printed', async name => {
    expect(await kubectl.run('apply', '-f', `${folder}${name}`)).toMatch(/ (created|configured)\n/);
    expect(await kubectl.run('diff', '-f', `${folder}${name}`)).toBe('');
    await kubectl.run('delete', '-f', `${folder}${name}`, '--wait');
  });

  describe('commands', () => {
    beforeAll(async () => {
      await kubectl.run('apply', '-f', `${folder}3-nodeport-demo.yaml`, '-f', `${folder}4-external-name.yaml`);
      await kubectl.run('rollout', 'status', 'deployment', 'web-nodeport-demo', '--timeout=30s');
      const json = (path: string, ...args: string[]) => kubectl.run('get', ...args, '-o', `jsonpath=${path}`);
      names.clusterIP = await json('{.spec.clusterIP}', 'service', 'web-nodeport-svc');
      names.pod = await json('{.items[?(@.spec.nodeName=="node1")].metadata.name}', 'pods', '-l', 'app=web-nodeport');
      await until(async () => (await inside('client', 'curl -s --max-time 1 192.168.56.11:30080')) !== '');
      await inside(names.pod, `curl -s --max-time 2 http://${names.clusterIP}/`);
      names.index = (await kubectl.run('exec', names.pod, '--', 'cat', '/sys/class/net/eth0/iflink')).trim();
      const rules = await inside('node1', 'iptables -t nat -S');
      names.hash = /--dport 30080 -j KUBE-EXT-(\w+)/.exec(rules)?.[1] ?? '';
      names.endpoint = new RegExp(`-A KUBE-SVC-${names.hash} .*-j KUBE-SEP-(\\w+)`).exec(rules)?.[1] ?? '';
      server = kubehop.start('exec', 'node1', '--', 'python3', '-m', 'http.server', '8080');
      await until(async () => (await inside('node1', 'ss -Htln')).includes(':8080'));
    });
    afterAll(async () => {
      process.kill(-server.process.pid!, 'SIGTERM');
      await server.done;
    });

    test.each(commands.map(command => ({ ...command, title: `${command.section}: ${command.line}` })))(
      '$title',
      async ({ where, line, says }) => {
        const filled = line.replace(/\{(\w+)\}/g, (whole, name) => names[name] ?? whole);
        const answer =
          where === 'host' ? (await kubectl.shell(filled).done).stdout : await inside(where === 'pod' ? names.pod! : where, filled);
        expect(answer).toMatch(says);
      },
    );
  });

  test.each([
    ['node1', 'eth0', 'udp port 8472', /8472: (OTV|VXLAN)/],
    ['node1', 'flannel.1', '', /IP 10\.244\.1\.\d+\S* > 10\.244\.2\.\d+/],
  ])('3.12: on %s, tcpdump -i %s %s', async (node, device, filter, says) => {
    const [from, to] = await Promise.all(
      ['node1', 'node2'].map(each =>
        kubectl.run(
          'get',
          'pods',
          '-l',
          'app=web-nodeport',
          '-o',
          `jsonpath={.items[?(@.spec.nodeName=="${each}")]['metadata.name','status.podIP']}`,
        ),
      ),
    );
    const dump = kubehop.start('exec', node, '--', 'sh', '-c', `timeout 10 tcpdump -n -l -c 2 -i ${device} ${filter}`);
    const ping = kubehop.start('exec', from!.split(' ')[0]!, '--', 'ping', '-q', '-i', '0.2', '-w', '15', to!.split(' ')[1]!);
    expect((await dump.done).stdout).toMatch(says);
    process.kill(-ping.process.pid!, 'SIGINT');
    await ping.done;
  });
});
