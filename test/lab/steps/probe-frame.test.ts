import { describe, expect, test } from 'vitest';
import { ping, tcp, tcpSyn, udpDatagram, whoHas } from '../../../src/lab/definition.ts';
import { frameOf, sightOf } from '../../../src/lab/sight.ts';
import { probeFrame } from '../../../src/lab/steps/probe-frame.ts';
import { clusterTopology } from '../../../src/lab/topology/cluster.ts';
import * as checksum from '../../../src/wire/checksum.ts';

const topology = clusterTopology(
  {
    nodes: ['node1', 'node2'],
    pods: { a: { node: 'node1' }, b: { node: 'node1' } },
    outside: { client: '203.0.113.9/24' },
    beside: { host: '192.168.56.100/24' },
  },
  () => 'kernel',
);
const see = (from: string, packet: Parameters<typeof probeFrame>[2]) => {
  const frame = probeFrame(topology, from, packet);
  return sightOf(frameOf(frame))!;
};

describe('a probe', () => {
  test('is the same frame each time', () => {
    const frame = () => probeFrame(topology, 'client', tcpSyn('192.168.56.11:30080'));
    expect(frame()).toEqual(frame());
  });

  test.each([
    ['client', '192.168.56.11:30080', '02:00:cb:00:71:01', 'upstream'],
    ['host', '192.168.56.11:30080', '02:00:c0:a8:38:0b', 'the node on the same network'],
    ['host', '10.96.0.10:80', '02:00:c0:a8:38:01', 'upstream'],
    ['a', '10.244.1.3:8080', '0a:58:0a:f4:01:03', 'the pod on the same bridge'],
    ['a', '10.96.0.10:80', '0a:58:0a:f4:01:01', 'the gateway'],
  ])('from %s to %s goes to the MAC %s: %s', (from, dst, mac) => {
    expect(see(from, tcpSyn(dst)).dstMac).toBe(mac);
  });

  test('has whole checksums', () => {
    const data = tcp('192.168.56.11:1', { flags: 'PSH,ACK', srcPort: 40_001, seq: 1, ack: 2, text: 'odd' });
    for (const packet of [tcpSyn('192.168.56.11:1'), data, udpDatagram('192.168.56.11:1', 'odd')]) {
      const frame = probeFrame(topology, 'client', packet);
      expect(checksum.holds(0, frame, 14, 34)).toBe(true);
      const protocol = frame[14 + 9]!;
      const words = new DataView(frame.buffer);
      const sum = checksum.pseudoHeader(words.getInt32(26), words.getInt32(30), protocol, frame.length - 34);
      expect(checksum.holds(sum, frame, 34, frame.length)).toBe(true);
    }
  });

  test('has the flags, numbers and data that it was given', () => {
    const fin = tcp('10.244.1.3:8080', { flags: 'FIN,ACK', srcPort: 40_002, seq: 5, ack: 7, text: 'end' });
    expect(see('a', fin)).toMatchObject({ src: '10.244.1.2:40002', dst: '10.244.1.3:8080', flags: 'FIN,ACK', payload: 3 });
    const words = new DataView(probeFrame(topology, 'a', fin).buffer);
    expect([words.getUint32(38), words.getUint32(42)]).toEqual([5, 7]);
  });

  test('refuses a flag that nobody knows', () => {
    expect(() => probeFrame(topology, 'a', tcp('10.244.1.3:1', { flags: 'SYN;ACK', srcPort: 1, seq: 0 }))).toThrow(
      '"SYN;ACK" is no flag of a probe: there are FIN, SYN, RST, PSH, ACK',
    );
  });

  test('asks by ARP in 42 bytes', () => {
    const frame = probeFrame(topology, 'host', whoHas('192.168.56.11'));
    expect(frame.length).toBe(42);
    expect(sightOf(frameOf(frame))).toMatchObject({
      protocol: 'arp',
      kind: 'request',
      dstMac: 'ff:ff:ff:ff:ff:ff',
      src: '192.168.56.100',
      dst: '192.168.56.11',
    });
  });

  test('pings with 32 bytes of payload', () => {
    expect(see('a', ping('10.244.1.1'))).toMatchObject({ protocol: 'icmp', kind: 'echo request', payload: 32, ttl: 64, sequence: 1 });
  });

  test('is sent by clients and pods only', () => {
    expect(() => probeFrame(topology, 'node1', ping('10.244.1.1'))).toThrow('probe from "node1": not a client or pod of this lab');
    expect(() => probeFrame(topology, 'nobody', ping('10.244.1.1'))).toThrow('probe from "nobody"');
  });
});
