// Wireshark reads what the codecs wrote: an independent judge of every field at once.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { parseIpv4, parseMac } from '../../src/base/address.ts';
import { PcapngWriter } from '../../src/capture/pcapng/writer.ts';
import * as arp from '../../src/wire/arp.ts';
import * as checksum from '../../src/wire/checksum.ts';
import * as ethernet from '../../src/wire/ethernet.ts';
import * as icmp from '../../src/wire/icmp.ts';
import * as ipv4 from '../../src/wire/ipv4.ts';
import * as tcp from '../../src/wire/tcp.ts';
import * as udp from '../../src/wire/udp.ts';
import * as vxlan from '../../src/wire/vxlan.ts';

const missing = spawnSync('tshark', ['--version']).status !== 0;
const folder = mkdtempSync(join(tmpdir(), 'wire-tshark-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const SRC = parseIpv4('10.244.1.5');
const DST = parseIpv4('10.244.2.2');
const macs = { src: parseMac('0a:58:0a:f4:01:05'), dst: parseMac('0a:58:0a:f4:01:01') };
const L3 = ethernet.HEADER_LEN;
const L4 = L3 + ipv4.HEADER_LEN;

function ipFrame(protocol: number, l4Length: number, write: (b: Uint8Array, at: number, sum: number) => void): Uint8Array {
  const b = new Uint8Array(L4 + l4Length);
  ethernet.encode({ ...macs, type: ethernet.EtherType.Ipv4 }, b);
  const header = { tos: 0x10, identification: 0xbeef, dontFragment: true, moreFragments: false, fragmentOffset: 0, ttl: 61 };
  ipv4.encode({ ...header, totalLength: b.length - L3, protocol, src: SRC, dst: DST, options: new Uint8Array(0) }, b, L3);
  write(b, L4, checksum.pseudoHeader(SRC, DST, protocol, l4Length));
  return b;
}

const tcpFrame = ipFrame(ipv4.Protocol.Tcp, 28, (b, at, sum) => {
  const options = Uint8Array.of(2, 4, 5, 0x82, 4, 2, 1, 1);
  const h = { srcPort: 40000, dstPort: 80, seq: 0xfffffff0, ack: 77, flags: tcp.Flag.Syn | tcp.Flag.Ack, window: 64240, urgentPointer: 0 };
  tcp.encode({ ...h, checksum: 0, options }, b, at);
  tcp.setChecksum(b, at, checksum.finish(checksum.add(sum, b, at, b.length)));
});
const udpFrame = ipFrame(ipv4.Protocol.Udp, 13, (b, at, sum) => {
  udp.encode({ srcPort: 45353, dstPort: 9999, length: 13, checksum: 0 }, b, at);
  b.set([1, 2, 3, 4, 5], at + 8);
  udp.setChecksum(b, at, checksum.finish(checksum.add(sum, b, at, b.length)));
});
const icmpFrame = ipFrame(ipv4.Protocol.Icmp, 8 + 28, (b, at) => {
  b.set(udpFrame.subarray(L3, L3 + 28), at + 8);
  icmp.finish(b, at, b.length, icmp.Type.DestUnreachable, icmp.Unreachable.FragNeeded, 1450);
});
const vxlanFrame = ipFrame(ipv4.Protocol.Udp, 16 + tcpFrame.length, (b, at) => {
  const next = udp.encode({ srcPort: 51000, dstPort: vxlan.IANA_PORT, length: b.length - at, checksum: 0 }, b, at);
  b.set(tcpFrame, vxlan.encode({ vni: 4096 }, b, next));
});
const arpFrame = new Uint8Array(42);
arp.encode(
  { op: arp.Op.Reply, sha: macs.src, spa: SRC, tha: macs.dst, tpa: DST },
  arpFrame,
  ethernet.encode({ ...macs, type: ethernet.EtherType.Arp }, arpFrame),
);

function tshark(frame: Uint8Array, fields: readonly string[]): string[] {
  const path = join(folder, 'frame.pcapng');
  const chunks: Uint8Array[] = [];
  const writer = new PcapngWriter(bytes => chunks.push(bytes.slice()));
  writer.packet({ interfaceId: writer.addInterface({ name: 'test' }), timeNs: 1n, bytes: frame });
  writer.flush();
  writeFileSync(path, Buffer.concat(chunks));
  const checks = ['ip.check_checksum:TRUE', 'tcp.check_checksum:TRUE', 'udp.check_checksum:TRUE', 'tcp.relative_sequence_numbers:FALSE'];
  const all = [...fields, '_ws.malformed'];
  const args = ['-r', path, ...checks.flatMap(c => ['-o', c]), '-T', 'fields', '-E', 'occurrence=a', ...all.flatMap(f => ['-e', f])];
  const run = spawnSync('tshark', args, { encoding: 'utf8' });
  expect(run.status, run.stderr).toBe(0);
  const values = run.stdout.replace(/\n$/, '').split('\t');
  expect(values.pop()).toBe('');
  return values;
}

const GOOD = '1'; // proto.checksum.vals

describe.skipIf(missing)('frames that the codecs wrote, read by tshark (skipped: tshark is not installed)', () => {
  test('Ethernet and IPv4', () => {
    const fields = [
      'eth.src',
      'eth.dst',
      'eth.type',
      'ip.src',
      'ip.dst',
      'ip.ttl',
      'ip.id',
      'ip.len',
      'ip.dsfield',
      'ip.flags.df',
      'ip.checksum.status',
    ];
    expect(tshark(tcpFrame, fields)).toEqual([
      '0a:58:0a:f4:01:05',
      '0a:58:0a:f4:01:01',
      '0x0800',
      '10.244.1.5',
      '10.244.2.2',
      '61',
      '0xbeef',
      '48',
      '0x10',
      '1',
      GOOD,
    ]);
  });

  test('TCP with options', () => {
    const fields = [
      'tcp.srcport',
      'tcp.dstport',
      'tcp.seq_raw',
      'tcp.ack_raw',
      'tcp.flags',
      'tcp.window_size_value',
      'tcp.options.mss_val',
      'tcp.checksum.status',
    ];
    expect(tshark(tcpFrame, fields)).toEqual(['40000', '80', '4294967280', '77', '0x0012', '64240', '1410', GOOD]);
  });

  test('UDP', () => {
    expect(tshark(udpFrame, ['udp.srcport', 'udp.dstport', 'udp.length', 'udp.checksum.status', 'udp.payload'])).toEqual([
      '45353',
      '9999',
      '13',
      GOOD,
      '0102030405',
    ]);
  });

  test('an ICMP error and what it quotes', () => {
    expect(tshark(icmpFrame, ['icmp.type', 'icmp.code', 'icmp.mtu', 'icmp.checksum.status', 'udp.dstport'])).toEqual([
      '3',
      '4',
      '1450',
      GOOD,
      '9999',
    ]);
  });

  test('VXLAN and the frame in it', () => {
    expect(tshark(vxlanFrame, ['vxlan.vni', 'ip.ttl', 'udp.dstport', 'tcp.dstport', 'ip.checksum.status', 'tcp.checksum.status'])).toEqual([
      '4096',
      '61,61',
      '4789',
      '80',
      '1,1',
      GOOD,
    ]);
  });

  test('ARP', () => {
    expect(tshark(arpFrame, ['arp.opcode', 'arp.src.hw_mac', 'arp.src.proto_ipv4', 'arp.dst.hw_mac', 'arp.dst.proto_ipv4'])).toEqual([
      '2',
      '0a:58:0a:f4:01:05',
      '10.244.1.5',
      '0a:58:0a:f4:01:01',
      '10.244.2.2',
    ]);
  });
});
