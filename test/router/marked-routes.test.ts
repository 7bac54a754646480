import { describe, expect, test } from 'vitest';
import { udpFrame } from './frames.ts';
import { world } from './world.ts';

const A = '02:00:00:00:00:0a'; // host behind eth0
const R = (n: number) => `02:00:00:00:01:0${n}`; // router's interfaces
const H = (n: number) => `02:00:00:00:02:0${n}`; // host behind eth1, and one behind eth2

const router = {
  ports: [
    { name: 'eth0', kind: 'packet' as const, mac: R(0), addresses: ['192.168.56.11/24'] },
    { name: 'eth1', kind: 'packet' as const, mac: R(1), addresses: ['10.1.0.1/24'] },
    { name: 'eth2', kind: 'packet' as const, mac: R(2), addresses: ['10.2.0.1/24'] },
    { name: 'tun0', kind: 'tun' as const },
  ],
  routes: [
    { to: 'default', via: '10.1.0.9' },
    { to: 'default', via: '10.2.0.9', mark: 7 },
    { to: '198.51.100.0/24', via: '10.1.0.9', mark: 8 },
  ],
  neighbours: [
    { ip: '10.1.0.9', mac: H(1), dev: 'eth1' },
    { ip: '10.2.0.9', mac: H(2), dev: 'eth2' },
  ],
  sysctl: { 'net.ipv4.ip_forward': 1 },
};
const frame = udpFrame({ srcMac: A, dstMac: R(0), src: '192.168.56.9', dst: '203.0.113.9', sport: 1000, dport: 53 });
const marking = (hook: string, mark: number) => `*mangle\n-A ${hook} -p udp -j MARK --set-mark ${mark}\nCOMMIT\n`;

describe('a route for packets with a mark', () => {
  test('is asked before the others', () => {
    const w = world(router, marking('PREROUTING', 7));
    expect(w.send('eth0', frame)).toEqual([`eth2: ${R(2)}>${H(2)} udp 192.168.56.9:1000>203.0.113.9:53 ttl 63`]);
  });

  test('does not concern a packet without it, nor one with another mark, nor one to the node itself', () => {
    const byEth1 = [`eth1: ${R(1)}>${H(1)} udp 192.168.56.9:1000>203.0.113.9:53 ttl 63`];
    expect(world(router).send('eth0', frame)).toEqual(byEth1);
    expect(world(router, marking('PREROUTING', 8)).send('eth0', frame)).toEqual(byEth1);
    const own = udpFrame({ srcMac: A, dstMac: R(0), src: '192.168.56.9', dst: '10.1.0.1', sport: 1000, dport: 53 });
    expect(world(router, marking('PREROUTING', 7)).send('eth0', own)).toEqual(['tun0: udp 192.168.56.9:1000>10.1.0.1:53 ttl 64']);
  });

  test('is taken when OUTPUT marks what a socket sent', () => {
    const w = world(router, marking('OUTPUT', 7));
    expect(w.fromSocket(frame.subarray(14))).toEqual([`eth2: ${R(2)}>${H(2)} udp 192.168.56.9:1000>203.0.113.9:53 ttl 64`]);
  });
});
