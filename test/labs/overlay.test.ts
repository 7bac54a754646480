import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { Kubehop, lacking, title } from './support.ts';

process.env.KUBEHOP_LABS = fileURLToPath(new URL('../fixtures/labs', import.meta.url));

const POD_B = '10.244.2.2';
const CLIENT = '203.0.113.9';
const SERVICE = '10.96.0.50';
const NODE_PORT = '192.168.56.11:30080';

/** Answers each datagram with itself. */
const UDP_ECHO = `
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('${POD_B}', 9000))
while True:
    data, peer = s.recvfrom(65535)
    s.sendto(data, peer)`;
const UDP_ASK = `
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(3)
s.setsockopt(socket.IPPROTO_IP, 10, 0)  # IP_MTU_DISCOVER, IP_PMTUDISC_DONT: what is too long is cut
s.connect(('${POD_B}', 9000))
for size in (1, 100, 1400, 1422, 1423, 1472, 1473, 4000, 8000):
    sent = bytes(i * 7 % 251 for i in range(size))
    s.send(sent)
    print(size, s.recv(65535) == sent)`;

const kubehop = new Kubehop();
const output = async (where: string, ...argv: string[]): Promise<string> => {
  const { stdout, stderr } = await kubehop.run('exec', where, '--', ...argv);
  return stdout + stderr;
};

/** Times, process ids and ports that differ by nature. */
const steady = (text: string): string =>
  text
    .replace(/ *(time=?)?[0-9.]+ ?ms/g, '')
    .replace(/rtt .*/g, '')
    .replace(/^\n+|\n+$/g, '');

/** What can be seen from pods and from outside, without what differs by nature. */
async function look(lab: string, on: string): Promise<Record<string, string>> {
  expect(await kubehop.run('lab', 'up', lab, '--on', on)).toMatchObject({ code: 0 });
  const seen: Record<string, string> = {};
  for (const node of ['node1', 'node2'])
    await output(node, 'sysctl', '-qw', 'net.ipv4.icmp_ratelimit=0', 'net.ipv4.icmp_msgs_per_sec=100000');

  const sum = (await output('pod-a', 'curl', '-sf', `http://${POD_B}:8080/100MiB.sha256`)).trim();
  expect(sum).toMatch(/^[0-9a-f]{64}$/);
  for (const [name, where, url] of [
    ['pod to pod', 'pod-a', `http://${POD_B}:8080`],
    ['pod to Service', 'pod-a', `http://${SERVICE}`],
    ['client to node port', 'client', `http://${NODE_PORT}`],
  ] as const) {
    expect([name, await output(where, 'sh', '-c', `curl -sf --max-time 60 ${url}/100MiB | sha256sum`)]).toEqual([name, `${sum}  -\n`]);
    seen[`${name}: who asks`] = JSON.parse(await output(where, 'curl', '-sf', `${url}/`)).client;
  }

  const echo = kubehop.start('exec', 'pod-b', '--', 'python3', '-c', UDP_ECHO);
  try {
    await expect.poll(() => output('pod-b', 'ss', '-uln'), { timeout: 5000 }).toContain(':9000');
    seen.udp = await output('pod-a', 'python3', '-c', UDP_ASK);
  } finally {
    echo.process.kill('SIGKILL');
    await output('pod-b', 'pkill', '-f', 'recvfrom');
    await echo.done;
  }
  for (const size of [1400, 1422, 1423, 1472, 1473, 2000, 8000, 8972])
    for (const df of ['do', 'want', 'dont'])
      seen[`ping ${size} ${df}`] = steady(await output('pod-a', 'ping', '-n', '-c', '1', '-W', '2', '-s', String(size), '-M', df, POD_B));
  seen['ping from outside'] = steady(await output('client', 'ping', '-n', '-c', '1', '-s', '1473', '-M', 'do', '192.168.56.12'));
  for (const to of [POD_B, CLIENT]) seen[`tracepath ${to}`] = steady(await output('pod-a', 'tracepath', '-n', to));
  const trace = ['traceroute', '-n', '-q', '2', '-w', '2', '-m', '6'];
  for (const how of [['-I'], ['-U'], ['-T', '-p', '8080']])
    seen[`traceroute ${how[0]}`] = steady(await output('pod-a', ...trace, ...how, POD_B));
  seen['traceroute to the Service'] = steady(await output('pod-a', ...trace, '-T', '-p', '80', SERVICE));
  seen['traceroute to the node port'] = steady(await output('client', ...trace, '-T', '-p', '30080', '192.168.56.11'));
  expect(await kubehop.run('lab', 'down', lab)).toMatchObject({ code: 0 });
  return seen;
}

const placements = ['userspace', 'userspace:node1,kernel:node2', 'kernel:node1,userspace:node2'];

describe.skipIf(lacking !== '')(title('between pods of two nodes'), () => {
  afterAll(async () => {
    await kubehop.run('lab', 'down', '--all');
    kubehop.close();
  });

  describe.each([
    ['90', 'flannel-vxlan', 1450],
    ['91', 'flannel-host-gw', 1500],
    ['92', 'flannel-vxlan with DirectRouting', 1450],
  ] as const)('lab %s, %s', (lab, _, mtu) => {
    let kernel: Record<string, string> = {};
    test('kernel', { timeout: 120_000 }, async () => {
      kernel = await look(lab, 'kernel');
      expect(kernel.udp).toBe('1 True\n100 True\n1400 True\n1422 True\n1423 True\n1472 True\n1473 True\n4000 True\n8000 True\n');
      expect(kernel[`tracepath ${POD_B}`]).toContain(`pmtu ${mtu} hops 3 back 3`);
    });
    test.each(placements)('%s shows the same', { timeout: 120_000 }, async on => {
      expect(await look(lab, on)).toEqual(kernel);
    });
  });
});
