import { converse, expectHop, expectNothing, expectOutput, lab, ping, prepare, probe, whoHas } from '../../src/lab/definition.ts';

const host = '02:00:c0:a8:38:64';
const node1 = '02:00:c0:a8:38:0b';
const everybody = 'ff:ff:ff:ff:ff:ff';

export default lab({
  title: 'One packet, two namespaces: veth, ARP, the bytes of a frame',
  minutes: 10,
  nodes: ['node1'],
  beside: { host: '192.168.56.100/24' },
  network: 'wire',
  steps: [
    // Who has 192.168.56.11? Asked of everybody, answered to one.
    probe('host', whoHas('192.168.56.11')),
    expectHop('host/eth0', { protocol: 'arp', kind: 'request', srcMac: host, dstMac: everybody, direction: 'out' }),
    expectHop('node1/eth0', { protocol: 'arp', kind: 'request', srcMac: host, dstMac: everybody, direction: 'in' }),
    expectHop('host/eth0', { protocol: 'arp', kind: 'reply', src: '192.168.56.11', srcMac: node1, dstMac: host, direction: 'in' }),

    // Nobody has .12: silence.
    probe('host', whoHas('192.168.56.12')),
    expectHop('node1/eth0', { protocol: 'arp', kind: 'request', dst: '192.168.56.12' }),
    expectNothing('host/eth0', { protocol: 'arp', kind: 'reply', src: '192.168.56.12' }),

    // One echo request, one answer. No router stands between: TTL 64 both ways.
    probe('host', ping('192.168.56.11')),
    expectHop('node1/eth0', { protocol: 'icmp', kind: 'echo request', srcMac: host, dstMac: node1, ttl: 64, payload: 32, direction: 'in' }),
    expectHop('host/eth0', { protocol: 'icmp', kind: 'echo reply', srcMac: node1, dstMac: host, ttl: 64, payload: 32, direction: 'in' }),

    prepare('host', 'ip neighbour flush dev eth0'),
    // A real socket: its kernel asks by ARP before the first SYN, and a port where nobody listens answers with a reset.
    converse('host', 'curl -s --max-time 5 http://192.168.56.11:8080/', { exit: 7 }),
    expectHop('host/eth0', { src: '192.168.56.11:8080', flags: 'RST,ACK', ttl: 64, direction: 'in' }),
    expectOutput('host', 'ip neighbour show 192.168.56.11', /lladdr 02:00:c0:a8:38:0b (REACHABLE|DELAY|STALE)/),
  ],
});
