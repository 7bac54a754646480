import { describe, expect, test } from 'vitest';
import { frameToWalk } from '../../src/walk/frame.ts';
import { SurroundingsReader } from '../../src/walk/surroundings.ts';
import { walk } from '../../src/walk/walk.ts';
import { arpFrame, tcpFrame } from '../router/frames.ts';
import { filter } from './support.ts';

const ends = { srcMac: '02:00:00:00:00:01', dstMac: '02:00:00:00:00:02', src: '203.0.113.9', dst: '10.244.1.2' };
const syn = tcpFrame({ ...ends, sport: 1000, dport: 80, flags: 'S' });
const capture = (bytes: Uint8Array, linkType = 1) => ({ interfaces: [{ linkType }], packets: [{ interfaceId: 0, bytes }] });

describe('a captured frame', () => {
  test('is walked as it stands, with its Ethernet header', () => {
    const { story } = walk({
      rules: { text: filter('-A FORWARD -m mac --mac-source 02:00:00:00:00:01 -j DROP'), file: 'rules' },
      packet: frameToWalk(capture(syn), 1, 'a.pcap'),
      surroundings: new SurroundingsReader().done(),
      in: 'eth0',
    });
    expect(story.packet).toMatchObject({ flags: 'SYN', source: { address: '203.0.113.9', port: 1000 } });
    expect(story.outcome.by).toContain('--mac-source');
  });

  test('that was cut is filled up', () => {
    const long = tcpFrame({ ...ends, sport: 1000, dport: 80, flags: 'A', data: new Uint8Array(500) });
    expect(frameToWalk(capture(long.subarray(0, 96)), 1, 'a.pcap').bytes.length).toBe(long.length);
  });

  test('may have no link header', () => {
    expect(frameToWalk(capture(syn.subarray(14), 101), 1, 'a.pcap').l3).toBe(0);
  });

  test('that is not there, or no IPv4, is refused', () => {
    expect(() => frameToWalk(capture(syn), 2, 'a.pcap')).toThrow('a.pcap has 1 frames: there is no frame 2');
    const arp = arpFrame({ op: 'request', sha: ends.srcMac, spa: '10.0.0.1', tpa: '10.0.0.2' });
    expect(() => frameToWalk(capture(arp), 1, 'a.pcap')).toThrow('frame 1: no IPv4 packet');
    expect(() => frameToWalk(capture(syn, 147), 1, 'a.pcap')).toThrow('link type 147');
  });
});
