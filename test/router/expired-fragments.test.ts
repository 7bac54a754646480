import { describe, expect, test } from 'vitest';
import { ip, udpFrame } from './frames.ts';
import { world } from './world.ts';

const HOST = '02:00:00:00:00:0a';
const ROUTER = '02:00:00:00:01:00';
const POD = '02:00:00:00:00:0b';

const described = {
  ports: [
    { name: 'eth0', kind: 'packet' as const, mac: ROUTER, addresses: ['192.168.56.11/24'] },
    { name: 'cni0', kind: 'packet' as const, mac: '02:00:00:00:01:01', addresses: ['10.244.1.1/24'] },
  ],
  neighbours: [
    { ip: '192.168.56.9', mac: HOST, dev: 'eth0' },
    { ip: '10.244.1.5', mac: POD, dev: 'cni0' },
  ],
  sysctl: { 'net.ipv4.ip_forward': 1, 'net.ipv4.ipfrag_time': 3 },
};
const conntrack = '*raw\n:PREROUTING ACCEPT\n-A PREROUTING -m conntrack --ctstate INVALID\nCOMMIT\n';

/** A piece of a datagram of 1200 bytes. */
function piece(dst: string, offset: number, length: number, dstMac = ROUTER): Uint8Array {
  const ends = { srcMac: HOST, dstMac, src: '192.168.56.9', dst, id: 77 };
  const whole = udpFrame({ ...ends, sport: 4000, dport: 53, data: new Uint8Array(1192) });
  return ip({ ...ends, moreFragments: offset + length < 1200, fragmentOffset: offset }, 17, whole.slice(34 + offset, 34 + offset + length));
}

describe('a datagram of which a fragment never comes', () => {
  test('is told of when it was for this node, quoting its first fragment', () => {
    const w = world(described, conntrack);
    w.send('eth0', piece('192.168.56.11', 0, 400));
    w.send('eth0', piece('192.168.56.11', 400, 400));
    expect(w.advance(2999)).toEqual([]);
    expect(w.advance(1)).toEqual([
      `eth0: ${ROUTER}>${HOST} icmp 192.168.56.11>192.168.56.9 type 11 code 1 ttl 64 tos 0xc0 [udp 192.168.56.9:4000>192.168.56.11:53 ttl 64 frag 0+ of 77]`,
    ]);
    expect(w.last[0]!.bytes.length).toBe(14 + 20 + 8 + 20 + 400);
  });

  test('is not told of when it was to be forwarded, when its first fragment is missing, or when it was sent to many', () => {
    const w = world(described, conntrack);
    w.send('eth0', piece('10.244.1.5', 0, 400));
    w.send('eth0', piece('192.168.56.11', 400, 400));
    w.send('eth0', piece('10.244.1.1', 0, 400, 'ff:ff:ff:ff:ff:ff'));
    expect(w.advance(3000)).toEqual([]);
  });
});
