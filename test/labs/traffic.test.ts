import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { readHops } from '../../src/capture/captured-frame.ts';
import { sightOf } from '../../src/lab/sight.ts';
import { Kubehop, lacking, title } from './support.ts';

describe.skipIf(lacking !== '')(title('a large body through the node port'), () => {
  const kubehop = new Kubehop();
  afterAll(async () => {
    await kubehop.run('lab', 'down', '--all');
    kubehop.close();
  });

  test.each(['userspace', 'kernel'])('%s: 20 at once arrive whole', { timeout: 180_000 }, async plane => {
    expect(await kubehop.run('lab', 'up', '07', '--on', plane)).toMatchObject({ code: 0 });
    const url = 'http://192.168.56.11:30080/10MiB';
    const fetchAll = `for i in $(seq 20); do (curl -sf --max-time 120 ${url} | sha256sum) & done; wait`;
    const { stdout } = await kubehop.run('exec', 'client', '--', 'sh', '-c', fetchAll);
    const sums = stdout
      .trim()
      .split('\n')
      .map(line => line.split(' ')[0]);
    const { stdout: known } = await kubehop.run('exec', 'client', '--', 'curl', '-sf', `${url}.sha256`);
    expect(sums).toEqual(Array(20).fill(known.trim()));
    expect(await kubehop.run('lab', 'down', '07')).toMatchObject({ code: 0 });
  });
});

describe.skipIf(lacking !== '')(title('eth0 of a userspace node'), () => {
  const kubehop = new Kubehop();
  afterAll(async () => {
    await kubehop.run('lab', 'down', '--all');
    kubehop.close();
  });
  const router = { node1: '02:00:c0:a8:38:0b', node2: '02:00:c0:a8:38:0c' };

  test('carries only what the router sent', async () => {
    const out = join(kubehop.home, 'out');
    expect(await kubehop.run('lab', 'run', '07', '--on', 'userspace', '--out', out)).toMatchObject({ code: 0 });
    const hops = readHops(join(out, 'userspace', 'hops'));
    for (const [node, mac] of Object.entries(router)) {
      const left = hops.get(`${node}/eth0`)!.filter(frame => frame.direction === 'out');
      expect(left.length).toBeGreaterThan(0);
      for (const frame of left) {
        const sight = sightOf(frame)!;
        expect((sight.outer ?? sight).srcMac).toBe(mac);
        // ARP, what was put into the tunnel, and the answers to the client: no reset and no ARP answer of the kernel's own.
        const answer = sight.src === '192.168.56.11:30080' && !sight.flags!.includes('RST');
        expect({ sight, known: sight.protocol === 'arp' || sight.outer?.vni === 1 || answer }).toMatchObject({ known: true });
      }
    }
  });

  test('the kernel has counted as many frames as the router', async () => {
    expect(await kubehop.run('lab', 'up', '07')).toMatchObject({ code: 0 });
    expect(await kubehop.run('exec', 'client', '--', 'curl', '-sf', 'http://192.168.56.11:30080/10MiB.sha256')).toMatchObject({ code: 0 });
    expect(await kubehop.run('exec', 'client', '--', 'curl', '-s', '--max-time', '5', 'http://192.168.56.11:1/')).toMatchObject({
      code: 7,
    });
    for (const node of ['node1', 'node2']) {
      const sent = async () =>
        JSON.parse((await kubehop.run('exec', node, '--', 'ip', '-s', '-j', 'link', 'show', 'eth0')).stdout)[0].stats64.tx.packets;
      const counted = async () => (await kubehop.counters('07', node))!.ports.find(port => port.name === 'eth0')!.txPackets;
      await expect.poll(async () => (await sent()) - (await counted())).toBe(0);
      expect(await sent()).toBeGreaterThan(0);
    }
    expect(await kubehop.run('lab', 'down', '07')).toMatchObject({ code: 0 });
  });
});
