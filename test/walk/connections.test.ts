import { describe, expect, test } from 'vitest';
import { readConnections } from '../../src/walk/connections.ts';
import { eventsOf, nat, tell } from './support.ts';

const LINE =
  'ipv4     2 tcp      6 431999 ESTABLISHED src=203.0.113.9 dst=192.168.56.11 sport=40000 dport=30080 src=10.244.2.2 dst=10.244.1.0 sport=8080 dport=5555 [ASSURED] mark=7 use=1';
const UDP =
  'ipv4     2 udp      17 29 src=10.244.1.2 dst=10.96.0.10 sport=5000 dport=53 [UNREPLIED] src=10.244.2.3 dst=10.244.1.2 sport=53 dport=5000 mark=0 use=1';
const around = { addresses: ['eth0=192.168.56.11/24'], routes: ['10.244.2.0/24 dev flannel.1', '203.0.113.0/24 dev eth0'] };
const rules = nat('-A PREROUTING -p tcp -m tcp --dport 30080 -j DNAT --to-destination 10.244.2.9:8080');

describe('connections of a node', () => {
  test('are read from lines of conntrack(8), others are counted', () => {
    const icmp =
      'ipv4     2 icmp     1 29 src=10.0.0.1 dst=10.0.0.2 type=8 code=0 id=7 src=10.0.0.2 dst=10.0.0.1 type=0 code=0 id=7 mark=0 use=1';
    const { connections, passedOver } = readConnections(`${LINE}\n${UDP}\n${icmp}\n`, 'conntrack');
    expect([connections.length, passedOver]).toEqual([2, 1]);
    expect(connections[0]).toMatchObject({ protocol: 6, seconds: 431_999, state: 3, mark: 7, reply: { srcPort: 8080, dstPort: 5555 } });
    expect(connections[1]).toMatchObject({ protocol: 17, seconds: 29, state: 0, status: 0 });
  });

  test.each([LINE.slice(0, 60), LINE.slice(0, -5), LINE.slice(0, 150)])(
    'of which the last line is cut short are refused with its number',
    line => {
      expect(() => readConnections(`${UDP}\n${line}`, 'conntrack')).toThrow(/^conntrack:2:1: .*cut short/);
    },
  );
  test('that are something else are refused', () => expect(() => readConnections('hello\n', 'c')).toThrow(/^c:1:1: expected a line of/));

  test('take their packets the way that they had, whatever the rules are now, and both ways', () => {
    const { connections } = readConnections(LINE, 'conntrack');
    const there = tell(rules, 'tcp 203.0.113.9:40000 > 192.168.56.11:30080 ack', around, { in: 'eth0', connections }).story;
    expect(eventsOf(there, 'conntrack')).toMatchObject([{ state: 'ESTABLISHED' }]);
    expect(eventsOf(there, 'rule')).toEqual([]);
    expect(there.outcome.packet).toMatchObject({
      source: { address: '10.244.1.0', port: 5555 },
      destination: { address: '10.244.2.2', port: 8080 },
    });
    const local = { ...around, addresses: [...around.addresses, 'flannel.1=10.244.1.0/32'] };
    const back = tell(rules, 'tcp 10.244.2.2:8080 > 10.244.1.0:5555 ack', local, { in: 'flannel.1', connections }).story;
    expect(back.outcome.packet).toMatchObject({
      source: { address: '192.168.56.11', port: 30080 },
      destination: { address: '203.0.113.9', port: 40000 },
    });
  });

  test('that nobody has answered stay NEW, and are not asked again by nat', () => {
    const { connections } = readConnections(UDP, 'conntrack');
    const { story } = tell(rules, 'udp 10.244.1.2:5000 > 10.96.0.10:53', around, { in: 'eth0', connections });
    expect(eventsOf(story, 'conntrack')).toMatchObject([{ state: 'NEW' }]);
    expect(story.outcome.packet.destination).toEqual({ address: '10.244.2.3', port: 53 });
  });
});
