import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Capture } from '../../../src/capture/capture.ts';
import { readHops } from '../../../src/capture/captured-frame.ts';
import { readCaptureFile } from '../../../src/capture/pcapng/reader.ts';
import { CaptureSet } from '../../../src/device/capture-set.ts';

const root = process.getuid?.() === 0;
const has = (tool: string): boolean => spawnSync('sh', ['-c', `command -v ${tool}`]).status === 0;
const ip = (...args: string[]): string => execFileSync('ip', args, { encoding: 'utf8' });
const A = `capt${process.pid}a`;
const B = `capt${process.pid}b`;
const netns = (name: string): string => `/run/netns/${name}`;

/** `count` datagrams from `from`; each is `size` bytes that start with its number. */
const sendDatagrams = (from: string, to: string, port: number, count: number, size: number, pauseSeconds = 0): void => {
  const program = `import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for i in range(${count}):
    s.sendto(i.to_bytes(4, 'big') + bytes(${size} - 4), ('${to}', ${port}))
    if ${pauseSeconds}: time.sleep(${pauseSeconds})`;
  execFileSync('ip', ['netns', 'exec', from, '/usr/bin/python3', '-c', program]);
};

/** One frame of an experimental EtherType; `tag` stands before that in hexadecimal. */
const sendFrame = (from: string, device: string, dst: string, src: string, tag = ''): void => {
  const hex = `${`${dst}${src}`.replaceAll(':', '') + tag}88b5${'00'.repeat(46)}`;
  const program = `import socket
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(('${device}', 0))
s.send(bytes.fromhex('${hex}'))`;
  execFileSync('ip', ['netns', 'exec', from, '/usr/bin/python3', '-c', program]);
};

describe.skipIf(!root)('a capture of interface hops (skipped without root: it makes network namespaces)', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'capture-test-'));
    for (const name of [A, B]) ip('netns', 'add', name);
    ip('link', 'add', 'eth0', 'netns', A, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', B);
    for (const [i, name] of [A, B].entries()) {
      execFileSync('ip', ['netns', 'exec', name, 'sysctl', '-qw', 'net.ipv6.conf.all.disable_ipv6=1']);
      ip('-n', name, 'addr', 'add', `203.0.113.${9 + i}/24`, 'dev', 'eth0');
      ip('-n', name, 'link', 'set', 'eth0', 'up');
    }
    execFileSync('ip', [
      'netns',
      'exec',
      B,
      'nft',
      'add table inet t; add chain inet t i { type filter hook input priority 0; }; add rule inet t i udp dport 9 drop',
    ]);
  });
  afterAll(() => {
    for (const name of [A, B]) spawnSync('ip', ['netns', 'del', name]);
    rmSync(folder, { recursive: true, force: true });
  });

  test('has every frame that was sent before stop, once per hop, with its direction', async () => {
    const out = join(folder, 'all');
    const capture = await Capture.start({
      hops: [
        { name: 'client/eth0', netns: netns(A), interface: 'eth0' },
        { name: 'node1/eth0', netns: netns(B), interface: 'eth0' },
      ],
      output: { folder: out },
    });
    sendDatagrams(A, '203.0.113.10', 9, 2000, 64);
    const report = await capture.stop();
    expect(report.unread).toBe(0);
    expect(report.hops.map(h => h.dropped)).toEqual([0, 0]);
    const hops = readHops(out);
    for (const [hop, direction] of [
      ['client/eth0', 'out'],
      ['node1/eth0', 'in'],
    ] as const) {
      const datagrams = hops.get(hop)!.filter(f => f.bytes.length === 14 + 28 + 64);
      expect(datagrams.map(f => Buffer.from(f.bytes).readUInt32BE(42))).toEqual(Array.from({ length: 2000 }, (_, i) => i));
      expect(new Set(datagrams.map(f => f.direction))).toEqual(new Set([direction]));
      expect(datagrams.every((f, i) => i === 0 || f.timeNs >= datagrams[i - 1]!.timeNs)).toBe(true);
    }
    const last = report.hops[1]!;
    expect(last.written).toBe(hops.get('node1/eth0')!.length);
  });

  // One block for each `retireMs` in which something came: 64 of them in a ring.
  test.each([
    { retireMs: 8, frames: 80 },
    { retireMs: 25, frames: 250 },
  ])('with blocks of $retireMs ms loses nothing of $frames frames, 4 ms apart, while nobody reads', ({ retireMs, frames }) => {
    const set = new CaptureSet([{ netns: netns(B), interface: 'eth0', retireMs }]);
    try {
      const [socket] = set.sockets;
      sendDatagrams(A, '203.0.113.10', 9, frames, 64, 0.004);
      set.waiting();
      let seen = 0;
      socket!.drain(() => seen++);
      expect([socket!.dropped, seen >= frames - socket!.waiting]).toEqual([0, true]);
      expect(socket!.received).toBeGreaterThanOrEqual(frames);
    } finally {
      set.close();
    }
  });

  test('accounts for every frame, also in a ring that is too small, and says so in the file', async () => {
    const out = join(folder, 'small');
    const capture = await Capture.start({
      hops: [{ name: 'node1/eth0', netns: netns(B), interface: 'eth0', ringBytes: 1 }],
      output: { folder: out },
    });
    sendDatagrams(A, '203.0.113.10', 9, 20_000, 1400);
    const report = await capture.stop();
    const hop = report.hops[0]!;
    expect(hop.received).toBe(hop.written + hop.dropped);
    expect(hop.received).toBeGreaterThanOrEqual(20_000);
    const file = readCaptureFile(join(out, 'node1_eth0.pcapng'));
    expect(file.interfaces[0]!.statistics).toEqual({ received: hop.received, dropped: hop.dropped, delivered: hop.written });
    expect(file.packets.length).toBe(hop.written);
  });

  test('writes all hops into one stream, sorted by time', async () => {
    const stream = join(folder, 'merged.pcapng');
    const capture = await Capture.start({
      hops: [
        { name: 'client/eth0', netns: netns(A), interface: 'eth0' },
        { name: 'node1/eth0', netns: netns(B), interface: 'eth0' },
      ],
      output: { stream },
    });
    sendDatagrams(A, '203.0.113.10', 9, 500, 200);
    await capture.stop();
    const file = readCaptureFile(stream);
    expect(file.interfaces.map(i => i.name)).toEqual(['client/eth0', 'node1/eth0']);
    expect(file.packets.length).toBeGreaterThanOrEqual(1000);
    expect(file.packets.every((p, i) => i === 0 || p.timeNs >= file.packets[i - 1]!.timeNs)).toBe(true);
  });

  test.skipIf(!has('tshark') || !has('capinfos'))('is read by tshark and capinfos without error (skipped without them)', async () => {
    const out = join(folder, 'wireshark');
    const capture = await Capture.start({
      hops: [{ name: 'client/eth0', netns: netns(A), interface: 'eth0' }],
      output: { folder: out },
    });
    sendDatagrams(A, '203.0.113.10', 9, 3, 64);
    await capture.stop();
    const path = join(out, 'client_eth0.pcapng');
    const tshark = spawnSync(
      'tshark',
      ['-r', path, '-Y', 'udp', '-T', 'fields', '-e', 'frame.interface_name', '-e', 'udp.dstport', '-e', 'frame.packet_flags_direction'],
      {
        encoding: 'utf8',
      },
    );
    expect(tshark.status).toBe(0);
    expect(tshark.stdout.trim().split('\n')).toEqual(Array.from({ length: 3 }, () => 'client/eth0\t9\t0x00000002'));
    const capinfos = spawnSync('capinfos', [path], { encoding: 'utf8' });
    expect(capinfos.status).toBe(0);
    expect(capinfos.stdout).toContain('nanoseconds (9)');
  });

  test('sees what crosses a bridge when it is asked to be promiscuous, and not otherwise', async () => {
    const bridge = `captbr${process.pid % 10_000}`;
    ip('-n', A, 'link', 'add', bridge, 'type', 'bridge');
    for (const [i, port] of ['one', 'two'].entries()) {
      ip('-n', A, 'link', 'add', `${port}0`, 'type', 'veth', 'peer', 'name', `${port}1`, 'address', `02:00:00:00:01:0${i}`);
      ip('-n', A, 'link', 'set', `${port}0`, 'master', bridge, 'up');
      ip('-n', A, 'link', 'set', `${port}1`, 'up');
    }
    ip('-n', A, 'link', 'set', bridge, 'up');
    const seen = async (promiscuous: boolean): Promise<number> => {
      const out = join(folder, `bridge-${promiscuous}`);
      const capture = await Capture.start({
        hops: [{ name: 'lan0', netns: netns(A), interface: bridge, promiscuous }],
        output: { folder: out },
      });
      sendFrame(A, 'two1', '02:00:00:00:01:00', '02:00:00:00:01:01'); // the bridge learns where `two` is
      sendFrame(A, 'one1', '02:00:00:00:01:01', '02:00:00:00:01:00');
      await capture.stop();
      return readHops(out)
        .get('lan0')!
        .filter(f => Buffer.from(f.bytes.subarray(0, 14)).toString('hex') === '020000000101' + '020000000100' + '88b5').length;
    };
    expect(await seen(true)).toBe(1);
    expect(await seen(false)).toBe(0);
    ip('-n', A, 'link', 'del', bridge);
  });

  test('keeps a VLAN tag that the kernel took out of the frame', async () => {
    const out = join(folder, 'vlan');
    const capture = await Capture.start({
      hops: [{ name: 'node1/eth0', netns: netns(B), interface: 'eth0' }],
      output: { folder: out },
    });
    sendFrame(A, 'eth0', 'ff:ff:ff:ff:ff:ff', '02:00:00:00:00:01', '8100002a');
    await capture.stop();
    const tagged = readHops(out)
      .get('node1/eth0')!
      .filter(f => Buffer.from(f.bytes.subarray(12, 16)).toString('hex') === '8100002a');
    expect(tagged.length).toBe(1);
    expect(Buffer.from(tagged[0]!.bytes.subarray(16, 18)).toString('hex')).toBe('88b5');
  });

  test('says what is missing when an interface does not exist', async () => {
    const start = Capture.start({
      hops: [{ name: 'node1/eth7', netns: netns(B), interface: 'eth7' }],
      output: { folder: join(folder, 'none') },
    });
    await expect(start).rejects.toMatchObject({ code: 'DEVICE', message: expect.stringContaining('"eth7"') });
  });
});
