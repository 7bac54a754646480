/** What `kubehop wireshark install` writes, read by the tshark of this machine: its complaints, the fields, the columns, the colours. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PcapngWriter } from '../../../src/capture/pcapng/writer.ts';
import { withExtcap } from './own-extcap.ts';

const missing = spawnSync('tshark', ['-v']).error === undefined ? '' : ' (skipped: no tshark)';
const KUBEHOP = fileURLToPath(new URL('../../../bin/kubehop', import.meta.url));
const home = mkdtempSync(join(tmpdir(), 'wireshark-home-'));
const extcap = join(home, 'extcap');
const { XDG_CONFIG_HOME: _, ...rest } = process.env;
const env = { ...rest, HOME: home, XDG_STATE_HOME: join(home, 'state'), XDG_RUNTIME_DIR: join(home, 'run') };
const file = join(home, 'journey.pcapng');

/** Only tshark's warning of root is not a complaint. */
function tshark(...args: string[]): { out: string[]; complaints: string[] } {
  const { stdout, stderr } = spawnSync(...withExtcap(extcap, ['tshark', ...args]), { encoding: 'utf8', env });
  const lines = (text: string): string[] => text.split('\n').filter(line => line.trim() !== '');
  return { out: lines(stdout), complaints: lines(stderr).filter(line => !line.startsWith('Running as user')) };
}
const fields = (filter: string, ...names: string[]): string[][] =>
  tshark('-C', 'kubehop', '-r', file, '-Y', filter, '-T', 'fields', ...names.flatMap(name => ['-e', name])).out.map(line =>
    line.split('\t'),
  );

/** Ethernet, IPv4 and UDP from 10.244.1.2; with a port of 8472 what follows is VXLAN 1 and an empty frame. */
function frame(dst: readonly number[], port: number): Uint8Array {
  const inner = port === 8472 ? [8, 0, 0, 0, 0, 0, 1, 0, ...new Array(12).fill(2), 0x88, 0xb5, ...new Array(46).fill(0)] : [1, 2, 3, 4];
  const udp = [0x9c, 0x40, port >> 8, port & 255, 0, 8 + inner.length, 0, 0, ...inner];
  const length = 20 + udp.length;
  const ip = [0x45, 0, length >> 8, length & 255, 0, 1, 0, 0, 64, 17, 0, 0, 10, 244, 1, 2, ...dst];
  return Uint8Array.from([...new Array(12).fill(2), 8, 0, ...ip, ...udp]);
}
const SERVICE = [10, 96, 0, 10];
const POD = [10, 244, 2, 2];

const frames: { hop: number; dst: readonly number[]; port?: number; packetId?: number; comment?: string }[] = [
  { hop: 0, dst: SERVICE, packetId: 1, comment: 'packet 1, 1 of 3, flow 1' },
  {
    hop: 1,
    dst: POD,
    packetId: 1,
    comment:
      'packet 1, 2 of 3, flow 1; destination 10.96.0.10:53 (default/dns) becomes 10.244.2.2:53; because\n' +
      'nat PREROUTING > KUBE-SERVICES #3 > KUBE-SEP-X DNAT 10.96.0.10:53 -> 10.244.2.2:53; filter FORWARD policy ACCEPT | mark 0 -> 0x4000 | ct NEW -> confirmed',
  },
  { hop: 0, dst: POD, packetId: 1, comment: 'packet 1, 3 of 3, flow 1' },
  {
    hop: 0,
    dst: POD,
    packetId: 2,
    comment: 'packet 2 (a guess), 1 of 1, flow 1: answer to udp; dropped: NETFILTER_DROP\nct ESTABLISHED reply',
  },
  { hop: 1, dst: SERVICE, packetId: 7, comment: 'conntrack NEW, mark 0x8000' },
  { hop: 1, dst: SERVICE, packetId: 8, comment: 'dropped: UDP_CSUM' },
  { hop: 0, dst: POD, port: 8472 },
];

describe.skipIf(missing !== '')(`wireshark install and tshark${missing}`, () => {
  const kubehop = (...args: string[]) => spawnSync(...withExtcap(extcap, [KUBEHOP, 'wireshark', ...args]), { encoding: 'utf8', env });
  const mine = join(home, '.config', 'wireshark');
  beforeAll(() => {
    mkdirSync(extcap);
    mkdirSync(mine, { recursive: true });
    writeFileSync(join(mine, 'preferences'), 'tcp.relative_sequence_numbers: FALSE\n');
    const pieces: Uint8Array[] = [];
    const writer = new PcapngWriter(bytes => pieces.push(bytes.slice()), { application: 'test' });
    for (const name of ['pod-a/eth0', 'node1/eth0']) writer.addInterface({ name });
    for (const [i, { hop, dst, port = 53, packetId, comment }] of frames.entries())
      writer.packet({
        interfaceId: hop,
        timeNs: 1_700_000_000_000_000_000n + BigInt(i),
        bytes: frame(dst, port),
        packetId,
        comments: comment === undefined ? [] : [comment],
      });
    writer.flush();
    writeFileSync(file, Buffer.concat(pieces));
    expect(kubehop('install')).toMatchObject({ status: 0, stderr: '' });
  });
  afterAll(() => rmSync(home, { recursive: true, force: true }));

  test('the profile is loaded without a complaint, with its columns, and knows port 8472 for VXLAN', () => {
    const { out, complaints } = tshark('-C', 'kubehop', '-r', file);
    expect(complaints).toEqual([]);
    expect(out).toHaveLength(frames.length);
    expect(out[1]).toContain('node1/eth0 1');
    expect(out[1]).toContain('KUBE-SERVICES #3');
    expect(fields('vxlan', 'frame.number', 'vxlan.vni')).toEqual([['7', '1']]);
    expect(tshark('-r', file, '-Y', 'vxlan').out).toEqual([]); // it is the profile that knows
  });

  test('comments of a journey are fields, and filters', () => {
    expect(fields('kubehop.ct == "NEW" && kubehop.rule', 'frame.number', 'kubehop.packet_id', 'kubehop.mark', 'kubehop.nat')).toEqual([
      ['2', '1', '0x00004000', 'DNAT 10.96.0.10:53 -> 10.244.2.2:53'],
    ]);
    expect(fields('frame.number == 2', 'kubehop.rule')).toEqual([
      ['nat PREROUTING > KUBE-SERVICES #3 > KUBE-SEP-X DNAT 10.96.0.10:53 -> 10.244.2.2:53,filter FORWARD policy ACCEPT'],
    ]);
    expect(fields('kubehop.packet_id == 1 && kubehop.flow == 1', 'kubehop.position')).toEqual([['1'], ['2'], ['3']]);
    expect(fields('kubehop.reply == 1', 'kubehop.ct', 'kubehop.guess', 'kubehop.dropped')).toEqual([
      ['ESTABLISHED', '1', 'NETFILTER_DROP'],
    ]);
    expect(fields('kubehop.confirmed == 1', 'frame.number')).toEqual([['2']]);
  });

  test('so are those of a live capture', () => {
    expect(fields('kubehop.ct == "NEW"', 'kubehop.packet_id', 'kubehop.mark')).toEqual([
      ['1', '0x00004000'],
      ['7', '0x00008000'],
    ]);
    expect(fields('kubehop.dropped == "UDP_CSUM"', 'kubehop.packet_id')).toEqual([['8']]);
  });

  test('a packet is after NAT from the hop on at which it was rewritten', () => {
    const colours = tshark('-C', 'kubehop', '-r', file, '--color', '-T', 'fields', '-e', 'frame.coloring_rule.name').out;
    expect(colours.map(name => name.replace(/^kubehop: /, '').slice(0, 10))).toEqual([
      'before NAT',
      'after NAT',
      'after NAT',
      'dropped',
      'before NAT',
      'dropped',
      'between ad',
    ]);
    expect(fields('kubehop.translated == 1', 'frame.number')).toEqual([['2'], ['3']]);
  });

  test('each filter of buttons and colours is one that this tshark understands', () => {
    const profile = join(mine, 'profiles', 'kubehop');
    const buttons = readFileSync(join(profile, 'dfilter_buttons'), 'utf8')
      .split('\n')
      .flatMap(line => /^"TRUE","[^"]*","([^"]*)"/.exec(line)?.[1]?.replaceAll('\\x22', '"') ?? []);
    const colours = readFileSync(join(profile, 'colorfilters'), 'utf8')
      .split('\n')
      .flatMap(line => /^@[^@]*@([^@]*)@/.exec(line)?.[1] ?? []);
    expect([buttons.length > 30, colours.length]).toEqual([true, 6]);
    const all = [...new Set([...buttons, ...colours])].map(filter => `(${filter})`).join(' || ');
    const { out, complaints } = tshark('-C', 'kubehop', '-r', file, '-Y', all);
    expect(complaints).toEqual([]);
    expect(out).toHaveLength(frames.length);
  });

  test('without a lab the extcap program lists nothing, and tshark asks it without a complaint', () => {
    const { out, complaints } = tshark('-D');
    expect(complaints.filter(line => line.includes('kubehop'))).toEqual([]);
    expect(out.filter(line => line.includes('kubehop'))).toEqual([]);
    expect(readdirSync(extcap)).toEqual(['kubehop']);
    const listed = spawnSync(join(extcap, 'kubehop'), ['--extcap-interfaces', '--extcap-version=4.0'], { encoding: 'utf8', env });
    expect(listed).toMatchObject({ status: 0, stderr: '' });
    expect(listed.stdout).toMatch(/^extcap \{version=/);
  });

  test('uninstall takes all of it away and leaves what is the user’s', () => {
    expect(kubehop('uninstall')).toMatchObject({ status: 0, stderr: '' });
    expect(readdirSync(extcap)).toEqual([]);
    expect(existsSync(join(mine, 'profiles', 'kubehop'))).toBe(false);
    expect(readFileSync(join(mine, 'preferences'), 'utf8')).toBe('tcp.relative_sequence_numbers: FALSE\n');
    expect(tshark('-r', file, '-Y', 'kubehop').complaints.join()).toContain('kubehop');
  });
});
