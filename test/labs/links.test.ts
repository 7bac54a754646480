/** `ip` and `bridge` in the shell of a node: the router's interfaces and neighbours in the words in which the kernel tells its own. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Kubehop, lacking, title } from './support.ts';

/** As the kernel prints them, byte by byte. */
const SAME = [
  'ip address',
  'ip addr show dev cni0',
  'ip a s flannel.1',
  'ip addr show nosuch',
  'ip -br addr',
  'ip -4 addr',
  'ip link',
  'ip link show eth0',
  'ip neigh show dev flannel.1',
  'ip neigh show dev nosuch',
  'bridge fdb show dev flannel.1',
  'bridge fdb show dev cni0',
  'bridge fdb show dev nosuch',
];

describe.skipIf(lacking !== '')(title('interfaces and neighbours of a node, on both data planes'), () => {
  const kubehop = new Kubehop();
  const told: Record<string, Record<string, { code: number | null; text: string }>> = {};
  beforeAll(async () => {
    for (const plane of ['userspace', 'kernel']) {
      expect(await kubehop.run('lab', 'up', '07', '--on', plane)).toMatchObject({ code: 0 });
      const on = (where: string, command: string) => kubehop.run('exec', where, '--', 'bash', '-c', command);
      expect((await on('client', 'curl -s --max-time 5 http://192.168.56.11:30080/')).code).toBe(0);
      expect((await on('node1', 'curl -s --max-time 5 http://10.244.2.2:8080/')).code).toBe(0);
      await on('node1', 'ping -c 1 -W 1 10.244.1.2; ping -c 1 -W 4 192.168.56.99');
      const all: (typeof told)[string] = {};
      for (const command of [
        ...SAME,
        'ip neigh',
        'ip neigh show dev eth0',
        'bridge fdb',
        'bridge fdb show br cni0',
        'ip addr add 10.9.9.9 dev eth0',
      ]) {
        const { code, stdout, stderr } = await on('node1', command);
        all[command] = { code, text: stdout + stderr };
      }
      told[plane] = all;
      await kubehop.run('lab', 'down', '--all');
    }
  }, 120_000);
  afterAll(async () => {
    await kubehop.run('lab', 'down', '--all');
    kubehop.close();
  });
  const both = (command: string) => [told.userspace![command]!, told.kernel![command]!] as const;

  test.each(SAME)('%s', command => {
    const [router, kernel] = both(command);
    expect(router).toEqual(kernel);
    expect(kernel.text).not.toBe('');
  });

  test.each(['ip neigh', 'ip neigh show dev eth0'])('%s: the same neighbours, with their MACs; those that did not answer', command => {
    // REACHABLE ends in DELAY or STALE whenever the time has come, on either side. The kernel collects what is FAILED as soon as all namespaces of
    // the machine together have more than gc_thresh1 neighbours.
    const known = (text: string): string[] =>
      text
        .split('\n')
        .filter(line => line !== '' && !line.endsWith(' FAILED '))
        .map(line => line.replace(/ (REACHABLE|STALE|DELAY|PROBE) $/, ' known '))
        .toSorted();
    const [router, kernel] = both(command);
    expect(known(router.text)).toEqual(known(kernel.text));
    expect(router.text).toMatch(/^192\.168\.56\.99 (dev eth0 )?FAILED $/m);
  });

  test.each(['bridge fdb', 'bridge fdb show br cni0'])('%s: what is behind each port; a pod is written there and not learned', command => {
    const [router, kernel] = both(command);
    expect(router.text.replaceAll(' static\n', ' \n')).toBe(kernel.text);
  });

  test('what is the router’s is not changed here', () => {
    expect(told.userspace!['ip addr add 10.9.9.9 dev eth0']).toEqual({
      code: 1,
      text: "ip addr add 10.9.9.9 dev eth0: this is told by the node's router: show and show dev DEV are known here\n",
    });
  });
});
