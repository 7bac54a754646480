import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { type CaptureFile, readCapture, readCaptureFile } from '../../src/capture/pcapng/reader.ts';
import { Kubehop, lacking, title } from './support.ts';

// Live, tshark lets dumpcap read.
const hasTshark = spawnSync('sh', ['-c', 'command -v tshark && dumpcap -v']).status === 0;

/** What has come out of a pipe up to now; undefined while that is less than a first block. */
function readSoFar(pieces: readonly Buffer[]): CaptureFile | undefined {
  const bytes = Buffer.concat(pieces);
  return bytes.length < 12 ? undefined : readCapture(bytes);
}

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

  test('comes out of a pipe while the lab goes on, and tshark reads along', { timeout: 60_000 }, async () => {
    expect(await kubehop.run('lab', 'up', '07', '--on', 'userspace')).toMatchObject({ code: 0 });
    const running = kubehop.start('capture', 'client/eth0', 'lan0', 'node1/prerouting', '-w', '-');
    const pieces: Buffer[] = [];
    const along = hasTshark
      ? spawn('tshark', ['-i', '-', '-l', '-n', '-Y', 'tcp', '-T', 'fields', '-e', 'frame.interface_name'])
      : undefined;
    let read = '';
    along?.stdout.on('data', piece => {
      read += piece;
    });
    running.process.stdout!.on('data', piece => {
      pieces.push(piece);
      along?.stdin.write(piece);
    });
    await expect.poll(() => readSoFar(pieces)?.interfaces.length, { timeout: 10_000 }).toBe(3);
    expect(await ask()).toMatchObject({ code: 0 });
    const seen = (): string[] => {
      const file = readSoFar(pieces);
      return [...new Set(file?.packets.map(p => file.interfaces[p.interfaceId]!.name))].sort();
    };
    await expect.poll(seen, { timeout: 10_000 }).toEqual(['client/eth0', 'lan0', 'node1/prerouting']);
    if (along !== undefined) await expect.poll(() => new Set(read.trim().split('\n')).size, { timeout: 10_000 }).toBe(3);
    expect(running.process.exitCode).toBe(null);
    running.process.kill('SIGINT');
    expect(await running.done).toMatchObject({ code: 0 });
    along?.stdin.end();
    const whole = readSoFar(pieces)!;
    expect(whole.truncated).toBe(false);
    expect(whole.interfaces.every(i => i.statistics !== undefined)).toBe(true);
  });

  test('begins another file when one has its size: each can be read by itself, and none has too much', { timeout: 60_000 }, async () => {
    expect(await kubehop.run('lab', 'up', '07', '--on', 'kernel')).toMatchObject({ code: 0 });
    const running = await capture('client/eth0', '-w', join(kubehop.home, 'cut.pcapng'), '--file-size', '0.05');
    expect(await kubehop.run('exec', 'client', '--', 'curl', '-sf', '-o', '/dev/null', 'http://192.168.56.11:30080/1MiB')).toMatchObject({
      code: 0,
    });
    running.process.kill('SIGINT');
    const { code, stderr } = await running.done;
    expect(code).toBe(0);
    const files = readdirSync(kubehop.home)
      .filter(name => name.startsWith('cut_'))
      .sort()
      .map(name => join(kubehop.home, name));
    expect(files.length).toBeGreaterThan(5);
    expect(files[0]).toContain('cut_00001.pcapng');
    const read = files.map(readCaptureFile);
    expect(read.every(file => !file.truncated && file.interfaces[0]!.name === 'client/eth0')).toBe(true);
    expect(stderr).toContain(`client/eth0: ${read.reduce((n, file) => n + file.packets.length, 0)} frames`);
    // A frame that is larger than a file has one of its own.
    for (const [i, path] of files.entries()) expect(statSync(path).size <= 50_000 || read[i]!.packets.length === 1).toBe(true);
  });

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
