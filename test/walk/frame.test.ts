import { describe, expect, test } from 'vitest';
import { framesToWalk } from '../../src/walk/frame.ts';
import { frameLines } from '../../src/walk/frame-lines.ts';
import type { Story } from '../../src/walk/story.ts';
import { SurroundingsReader } from '../../src/walk/surroundings.ts';
import { walkFrames } from '../../src/walk/walk.ts';
import { arpFrame, tcpFrame } from '../router/frames.ts';
import { eventsOf, filter } from './support.ts';

const ends = { srcMac: '02:00:00:00:00:01', dstMac: '02:00:00:00:00:02', src: '203.0.113.9', dst: '10.244.1.2' };
const syn = tcpFrame({ ...ends, sport: 1000, dport: 80, flags: 'S' });
const ack = tcpFrame({ ...ends, sport: 1000, dport: 80, flags: 'A' });
interface Frame {
  bytes: Uint8Array;
  at?: number;
  direction?: 'in' | 'out';
}
const capture = (frames: readonly Frame[], names = [''], linkType = 1) => ({
  interfaces: names.map(name => ({ name, linkType })),
  packets: frames.map(({ bytes, at = 0, direction }, i) => ({ interfaceId: at, bytes, timeNs: BigInt(i) * 1_000_000n, direction })),
});
const only = (bytes: Uint8Array, linkType = 1) => framesToWalk(capture([{ bytes }], [''], linkType), 'eth0', 'a.pcap').frames[0]!;
const node = (rules: string) => ({ rules: { text: rules, file: 'rules' }, surroundings: new SurroundingsReader().done() });
const statesOf = (stories: readonly { story: Story }[]) => stories.map(({ story }) => eventsOf(story, 'conntrack')[0]?.state);

describe('a captured frame', () => {
  test('is walked as it stands, with its Ethernet header', () => {
    const { stories } = walkFrames(node(filter('-A FORWARD -m mac --mac-source 02:00:00:00:00:01 -j DROP')), [only(syn)]);
    const { story } = stories[0]!;
    expect(story.packet).toMatchObject({ flags: 'SYN', source: { address: '203.0.113.9', port: 1000 } });
    expect(story.outcome.by).toContain('--mac-source');
  });

  test('that was cut is filled up', () => {
    const long = tcpFrame({ ...ends, sport: 1000, dport: 80, flags: 'A', data: new Uint8Array(500) });
    expect(only(long.subarray(0, 96)).bytes.length).toBe(long.length);
  });

  test('may have no link header', () => {
    expect(only(syn.subarray(14), 101).l3).toBe(0);
  });

  test('that is no IPv4 is left out, and a capture of nothing else refused', () => {
    const arp = arpFrame({ op: 'request', sha: ends.srcMac, spa: '10.0.0.1', tpa: '10.0.0.2' });
    const { frames, leftOut } = framesToWalk(capture([{ bytes: arp }, { bytes: syn }]), 'eth0', 'a.pcap');
    expect([frames.map(f => f.number), [...leftOut]]).toEqual([[2], [['without an IPv4 packet', 1]]]);
    expect(() => only(arp)).toThrow('a.pcap: no frame that can be walked: 1 without an IPv4 packet');
    expect(() => only(syn, 147)).toThrow('link type 147');
  });
});

describe("a capture's frames", () => {
  const answer = tcpFrame({ ...ends, src: ends.dst, dst: ends.src, sport: 80, dport: 1000, flags: 'SA' });
  const established = filter(
    '-A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT',
    '-A FORWARD -p tcp --syn -j ACCEPT',
    '-A FORWARD -j DROP',
  );

  test('pass through one node: conntrack knows the connection after its first packet', () => {
    const names = ['node1/eth0', 'node1/cni0', 'node2/eth0'];
    const seen = capture(
      [
        { bytes: syn, direction: 'in' },
        { bytes: syn, at: 1, direction: 'out' },
        { bytes: answer, at: 1, direction: 'in' },
        { bytes: answer, direction: 'out' },
        { bytes: ack, direction: 'in' },
        { bytes: ack, at: 2, direction: 'in' },
      ],
      names,
    );
    const { frames, leftOut } = framesToWalk(seen, 'node1', 'a.pcap');
    expect(frames.map(f => [f.number, f.in])).toEqual([
      [1, 'eth0'],
      [3, 'cni0'],
      [5, 'eth0'],
    ]);
    expect(Object.fromEntries(leftOut)).toEqual({ 'on their way out': 2, 'of other hops than node1': 1 });
    const { stories } = walkFrames(node(established), frames);
    expect(statesOf(stories)).toEqual(['NEW', 'ESTABLISHED', 'ESTABLISHED']);
    expect(stories.map(({ story }) => [story.in, story.outcome.verdict])).toEqual([
      ['eth0', 'ACCEPT'],
      ['cni0', 'ACCEPT'],
      ['eth0', 'ACCEPT'],
    ]);
    expect(() => framesToWalk(seen, undefined, 'a.pcap')).toThrow('a.pcap has frames of node1, node2: say with --in');
  });

  test('of one direction alone: the answer is taken for granted, and that is said', () => {
    const { frames } = framesToWalk(capture([{ bytes: syn }, { bytes: ack }]), 'eth0', 'a.pcap');
    const { stories } = walkFrames(node(established), frames);
    expect(statesOf(stories)).toEqual(['NEW', 'ESTABLISHED']);
    expect(stories[1]!.story.notes[0]).toContain('it is taken to have been answered');
  });

  test('that a rule drops leave no connection behind', () => {
    const { frames } = framesToWalk(capture([{ bytes: syn }, { bytes: syn }]), 'eth0', 'a.pcap');
    const { stories } = walkFrames(node(filter('-A FORWARD -m conntrack --ctstate NEW -j DROP')), frames);
    expect(statesOf(stories)).toEqual(['NEW', 'NEW']);
  });

  test('have a line each', () => {
    const { frames } = framesToWalk(capture([{ bytes: syn }, { bytes: ack }]), 'eth0', 'a.pcap');
    const rules = `${established}*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p tcp --dport 80 -j DNAT --to-destination 10.244.2.2:8080\nCOMMIT\n`;
    const { stories } = walkFrames({ ...node(rules), out: 'flannel.1' }, frames);
    expect(
      frameLines(
        frames,
        stories.map(({ story }) => story),
      ),
    ).toEqual([
      '1  0.000 ms  eth0  tcp 203.0.113.9:1000 > 10.244.1.2:80 SYN  NEW          ACCEPT forwarded by flannel.1, 203.0.113.9:1000 > 10.244.2.2:8080',
      '2  1.000 ms  eth0  tcp 203.0.113.9:1000 > 10.244.1.2:80 ACK  ESTABLISHED  ACCEPT forwarded by flannel.1, 203.0.113.9:1000 > 10.244.2.2:8080',
      '',
      '2 frames: 2 ACCEPT',
    ]);
  });
});
