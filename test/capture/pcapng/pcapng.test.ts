import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { parseIpv4, parseMac } from '../../../src/base/address.ts';
import { readCapture } from '../../../src/capture/pcapng/reader.ts';
import { PcapngWriter, type SectionInfo } from '../../../src/capture/pcapng/writer.ts';
import { tcpSyn, vxlanUdp } from '../../wire/support/real-frames.ts';

const TIME = 1_763_629_123_123_456_789n;
const missing = spawnSync('tshark', ['--version']).status !== 0 || spawnSync('capinfos', ['--version']).status !== 0;

function file(write: (w: PcapngWriter) => void, section?: SectionInfo): Buffer {
  const chunks: Uint8Array[] = [];
  const w = new PcapngWriter(bytes => chunks.push(bytes.slice()), section);
  write(w);
  w.flush();
  return Buffer.concat(chunks);
}

const rich = file(
  w => {
    const eth0 = w.addInterface({
      name: 'node1/eth0',
      description: 'veth to lan0',
      mac: parseMac('02:00:00:00:00:11'),
      speedBps: 10_000_000_000,
      hardware: 'veth',
    });
    const hook = w.addInterface({ name: 'node1/prerouting', linkType: 101 });
    w.names(
      new Map([
        [parseIpv4('192.168.56.11'), ['node1']],
        [parseIpv4('192.168.56.12'), ['node2']],
        [parseIpv4('10.96.0.10'), ['web', 'web.default.svc.cluster.local']],
      ]),
    );
    w.packet({
      interfaceId: eth0,
      timeNs: TIME,
      bytes: tcpSyn,
      direction: 'in',
      reception: 'unicast',
      packetId: 7,
      comments: ['conntrack NEW', 'mark 0x4000 → masquerade'],
    });
    w.packet({ interfaceId: hook, timeNs: TIME + 1n, bytes: tcpSyn, start: 14, packetId: 2n ** 63n, verdict: 'drop', queue: 3 });
    w.packet({
      interfaceId: eth0,
      timeNs: TIME + 2n,
      bytes: vxlanUdp.subarray(0, 60),
      originalLength: vxlanUdp.length,
      direction: 'out',
      dropCount: 4,
    });
    w.statistics(eth0, { timeNs: TIME + 3n, startNs: TIME, endNs: TIME + 3n, received: 12, dropped: 4, osDropped: 1, delivered: 8 });
  },
  { hardware: 'test machine', os: 'Linux', application: 'kubehop', comment: 'exercise 07' },
);

describe('pcapng', () => {
  test('comes back as it was written', () => {
    const f = readCapture(rich);
    expect(f.format).toBe('pcapng');
    expect(f.truncated).toBe(false);
    expect(f.section).toEqual({ hardware: 'test machine', os: 'Linux', application: 'kubehop' });
    expect(f.interfaces).toMatchObject([
      {
        name: 'node1/eth0',
        description: 'veth to lan0',
        linkType: 1,
        hardware: 'veth',
        speedBps: 10_000_000_000,
        statistics: { received: 12, dropped: 4, osDropped: 1, delivered: 8 },
      },
      { name: 'node1/prerouting', linkType: 101, statistics: undefined },
    ]);
    expect(f.names.get(parseIpv4('192.168.56.12'))).toEqual(['node2']);
    expect(f.names.get(parseIpv4('10.96.0.10'))).toEqual(['web', 'web.default.svc.cluster.local']);
    expect(f.packets.map(p => p.timeNs)).toEqual([TIME, TIME + 1n, TIME + 2n]);
    expect(f.packets[0]).toMatchObject({
      interfaceId: 0,
      direction: 'in',
      packetId: 7n,
      comments: ['conntrack NEW', 'mark 0x4000 → masquerade'],
    });
    expect(Buffer.from(f.packets[0]!.bytes).equals(tcpSyn)).toBe(true);
    expect(f.packets[1]).toMatchObject({ interfaceId: 1, direction: undefined, packetId: 2n ** 63n, verdict: 'drop' });
    expect(f.packets[1]!.bytes.length).toBe(tcpSyn.length - 14);
    expect(f.packets[2]).toMatchObject({ direction: 'out', originalLength: vxlanUdp.length });
    expect(f.packets[2]!.bytes.length).toBe(60);
  });

  test('keeps packets of every length, padding included', () => {
    const lengths = [0, 1, 2, 3, 4, 5, 1514, 65_535, 300_000];
    const f = readCapture(
      file(w => {
        const id = w.addInterface({ name: 'a' });
        for (const n of lengths)
          w.packet({ interfaceId: id, timeNs: 1n, bytes: new Uint8Array(n).fill(n & 255), comments: ['x'.repeat(n % 7)] });
      }),
    );
    expect(f.packets.map(p => p.bytes.length)).toEqual(lengths);
    expect(f.packets.every(p => p.bytes.every(v => v === (p.bytes.length & 255)))).toBe(true);
  });

  test('gives whole blocks to its sink, so that a reader of the pipe can follow', () => {
    const parts: Buffer[] = [];
    const w = new PcapngWriter(bytes => parts.push(Buffer.from(bytes)));
    const id = w.addInterface({ name: 'a' });
    for (let i = 0; i < 1000; i++) w.packet({ interfaceId: id, timeNs: BigInt(i), bytes: new Uint8Array(1500) });
    w.flush();
    expect(parts.length).toBeGreaterThan(3);
    for (let n = 1; n <= parts.length; n++) expect(readCapture(Buffer.concat(parts.slice(0, n))).truncated).toBe(false);
  });

  test('cuts a comment that is too long for an option, between two characters', () => {
    const bytes = file(w =>
      w.packet({ interfaceId: w.addInterface({ name: 'a' }), timeNs: 1n, bytes: tcpSyn, comments: [`a${'→'.repeat(30_000)}`] }),
    );
    const comment = readCapture(bytes).packets[0]!.comments[0]!;
    expect(comment).toBe(`a${'→'.repeat(21_844)}`);
  });

  test('that was cut off anywhere gives the blocks before', () => {
    const whole = readCapture(rich).packets.length;
    for (let n = 4; n < rich.length; n++) {
      const f = readCapture(rich.subarray(0, n));
      expect(f.packets.length).toBeLessThanOrEqual(whole);
    }
    expect(readCapture(rich.subarray(0, rich.length - 1)).truncated).toBe(true);
  });

  test('that is damaged is refused with an error of ours, or read', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(rich.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }), changes => {
        const b = Buffer.from(rich);
        for (const [at, value] of changes) b[at] = value;
        try {
          readCapture(b, 'damaged');
        } catch (error) {
          expect(error).toMatchObject({ name: 'LabError', code: 'BAD_INPUT' });
        }
      }),
      { numRuns: 2000 },
    );
  });

  test('is read in either byte order, with any resolution', () => {
    const b = Buffer.alloc(28 + 32 + 36);
    b.writeUInt32BE(0x0a0d0d0a, 0);
    b.writeUInt32BE(28, 4);
    b.writeUInt32BE(0x1a2b3c4d, 8);
    b.writeUInt16BE(1, 12);
    b.writeBigInt64BE(-1n, 16);
    b.writeUInt32BE(28, 24);
    b.writeUInt32BE(1, 28); // interface, 2^-20 s
    b.writeUInt32BE(32, 32);
    b.writeUInt16BE(1, 36);
    b.writeUInt16BE(9, 44);
    b.writeUInt16BE(1, 46);
    b[48] = 0x80 | 20;
    b.writeUInt32BE(32, 56);
    b.writeUInt32BE(6, 60); // packet of 4 bytes
    b.writeUInt32BE(36, 64);
    b.writeBigUInt64BE(3n << 19n, 72);
    b.writeUInt32BE(4, 80);
    b.writeUInt32BE(4, 84);
    b.writeUInt32BE(0x01020304, 88);
    b.writeUInt32BE(36, 92);
    const f = readCapture(b);
    expect(f.packets).toMatchObject([{ timeNs: 1_500_000_000n }]);
    expect([...f.packets[0]!.bytes]).toEqual([1, 2, 3, 4]);
  });
});

describe('classic pcap', () => {
  const pcap = (little: boolean, magic: number, fraction: number): Buffer => {
    const b = Buffer.alloc(24 + 16 + 3);
    const view = new DataView(b.buffer, b.byteOffset);
    for (const [at, v] of [
      [0, magic],
      [16, 65535],
      [20, 1],
      [24, 1_763_629_123],
      [28, fraction],
      [32, 3],
      [36, 99],
    ] as const)
      view.setUint32(at, v, little);
    b.set([9, 8, 7], 40);
    return b;
  };
  const forms = [
    { form: 'little endian, microseconds', little: true, magic: 0xa1b2c3d4, fraction: 123_456 },
    { form: 'big endian, microseconds', little: false, magic: 0xa1b2c3d4, fraction: 123_456 },
    { form: 'little endian, nanoseconds', little: true, magic: 0xa1b23c4d, fraction: 123_456_000 },
    { form: 'big endian, nanoseconds', little: false, magic: 0xa1b23c4d, fraction: 123_456_000 },
  ];
  test.each(forms)('is read: $form', ({ little, magic, fraction }) => {
    const f = readCapture(pcap(little, magic, fraction));
    expect(f.format).toBe('pcap');
    expect(f.packets).toMatchObject([{ timeNs: 1_763_629_123_123_456_000n, originalLength: 99 }]);
    expect([...f.packets[0]!.bytes]).toEqual([9, 8, 7]);
    expect(readCapture(pcap(little, magic, fraction).subarray(0, 42))).toMatchObject({ truncated: true, packets: [] });
  });

  test('and nothing else is taken for a capture', () => {
    expect(() => readCapture(Buffer.from('GET / HTTP/1.1'), 'page.html')).toThrow(
      'page.html: neither pcapng nor pcap: the first bytes are 47455420',
    );
    expect(() => readCapture(new Uint8Array(0))).toThrow('missing');
  });
});

describe.skipIf(missing)('pcapng, read by Wireshark (skipped: tshark or capinfos is not installed)', () => {
  const folder = mkdtempSync(join(tmpdir(), 'pcapng-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'rich.pcapng');
  writeFileSync(path, rich);
  const tool = (name: string, ...args: string[]): string => {
    const run = spawnSync(name, args, { encoding: 'utf8' });
    expect(run.status, run.stderr).toBe(0);
    expect(run.stderr.replace(/^Running as user.*\n/m, '')).toBe('');
    return run.stdout;
  };

  test('shows interfaces, times, directions, ids, verdicts and comments', () => {
    const fields = [
      'frame.interface_name',
      'frame.time_epoch',
      'frame.packet_flags_direction',
      'frame.packet_id',
      'frame.comment',
      'frame.cap_len',
      'frame.len',
    ];
    const out = tool('tshark', '-r', path, '-T', 'fields', ...fields.flatMap(f => ['-e', f]));
    const rows = out
      .trimEnd()
      .split('\n')
      .map(row => row.split('\t'));
    expect(rows[0]).toEqual([
      'node1/eth0',
      '1763629123.123456789',
      '0x00000001',
      '7',
      'conntrack NEW,mark 0x4000 → masquerade',
      '74',
      '74',
    ]);
    expect(rows[1]!.slice(0, 2)).toEqual(['node1/prerouting', '1763629123.123456790']);
    expect(rows[2]!.slice(5)).toEqual(['60', '99']);
    expect(tool('tshark', '-r', path, '-V', '-c', '2')).toContain('TC_ACT_SHOT');
  });

  test('shows the names of addresses', () => {
    expect(tool('tshark', '-r', path, '-N', 'n', '-c', '1')).toContain('node1 → node2');
  });

  test('and capinfos tells hardware, system, application and what was dropped', () => {
    const out = tool('capinfos', path);
    for (const words of ['test machine', 'kubehop', 'exercise 07', 'Name = node1/eth0', 'Speed = 10000000000', 'nanoseconds (9)'])
      expect(out).toContain(words);
    expect(out).toMatch(/Number of stat entries = 1/);
  });
});
