import { once } from 'node:events';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { readCaptureFile } from '../../src/capture/pcapng/reader.ts';
import { Kubehop, lacking, title } from './support.ts';

describe.skipIf(lacking !== '')(title('kubehop capture'), () => {
  const kubehop = new Kubehop();
  const file = join(kubehop.home, 'live.pcapng');
  afterEach(async () => {
    await kubehop.run('lab', 'down', '--all');
  });

  /** Until it says that it sees. */
  async function capture(...args: string[]) {
    const running = kubehop.start('capture', ...args);
    let said = '';
    while (!said.includes('Ctrl-C ends it')) said += (await once(running.process.stderr!, 'data'))[0];
    return running;
  }
  const ask = () => kubehop.run('exec', 'client', '--', 'curl', '-s', '--max-time', '10', 'http://192.168.56.11:30080/');

  test.each(['userspace', 'kernel'])(
    'sees hops of a %s lab, also before the envelope, in order, and ends cleanly on Ctrl-C',
    { timeout: 60_000 },
    async plane => {
      expect(await kubehop.run('lab', 'up', '07', '--on', plane)).toMatchObject({ code: 0 });
      const running = await capture('node1/flannel.1', 'lan0', '-w', file);
      expect(await ask()).toMatchObject({ code: 0 });
      running.process.kill('SIGINT');
      const { code, stderr } = await running.done;
      expect(code).toBe(0);
      const read = readCaptureFile(file);
      expect(read.truncated).toBe(false);
      expect(read.names.get(0x0af40202)).toEqual(['pod-b']);
      expect(read.packets.every((p, i) => i === 0 || p.timeNs >= read.packets[i - 1]!.timeNs)).toBe(true);
      for (const hop of ['lan0', 'node1/flannel.1']) {
        const id = read.interfaces.findIndex(i => i.name === hop);
        const frames = read.packets.filter(p => p.interfaceId === id);
        expect(frames.length).toBeGreaterThan(8);
        expect(stderr).toContain(`${hop}: ${frames.length} frames`);
        expect(read.interfaces[id]!.statistics).toMatchObject({ delivered: frames.length });
      }
    },
  );

  test('goes on beside the checks of the same lab, whose evidence is whole', { timeout: 60_000 }, async () => {
    expect(await kubehop.run('lab', 'up', '07')).toMatchObject({ code: 0 });
    const running = await capture('node1/flannel.1', 'node1/prerouting', '-w', file);
    expect(await kubehop.run('lab', 'check', '07')).toMatchObject({ code: 0 });
    running.process.kill('SIGINT');
    expect(await running.done).toMatchObject({ code: 0 });
    expect(readCaptureFile(file).packets.length).toBeGreaterThan(10);
  });

  test('says which hops there are when one is asked for that is not', { timeout: 60_000 }, async () => {
    expect(await kubehop.run('lab', 'up', '07', '--on', 'kernel')).toMatchObject({ code: 0 });
    const { code, stderr } = await kubehop.run('capture', 'node9/eth0', '-w', file);
    expect(code).toBe(2);
    expect(stderr).toContain('there is no hop "node9/eth0" in this lab: it has client/eth0,');
  });

  test('needs a lab that is up', async () => {
    const { code, stderr } = await kubehop.run('capture', 'lan0', '-w', file);
    expect([code, stderr]).toEqual([2, expect.stringContaining('no lab is up')]);
    kubehop.close();
  });
});
