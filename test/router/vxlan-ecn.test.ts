/** ECN through VXLAN, by what a VXLAN device of Linux 6.18 was seen to do (`INET_ECN_encapsulate`, `INET_ECN_decapsulate`). */
import { expect, test } from 'vitest';
import * as ipv4 from '../../src/wire/ipv4.ts';
import { udpFrame } from './frames.ts';
import { world } from './world.ts';

const POD = '02:00:00:00:00:0b';
const GW = '02:00:00:00:01:01';
const N1 = '02:00:00:00:01:00';
const N2 = '02:00:00:00:01:02';
const VTEP1 = '02:00:00:00:0f:01';
const VTEP2 = '02:00:00:00:0f:02';
const ETHERNET = 14;

const node1 = () =>
  world({
    ports: [
      { name: 'eth0', kind: 'packet', mac: N1, addresses: ['192.168.56.11/24'] },
      { name: 'cali1', kind: 'packet', mac: GW, mtu: 1450, addresses: ['10.244.1.1/24'] },
    ],
    vxlan: [
      {
        name: 'flannel.1',
        local: '192.168.56.11',
        mac: VTEP1,
        addresses: ['10.244.1.0/32'],
        peers: [{ subnet: '10.244.2.0/24', vtep: '10.244.2.0', mac: VTEP2, node: '192.168.56.12' }],
      },
    ],
    neighbours: [
      { ip: '192.168.56.12', mac: N2, dev: 'eth0' },
      { ip: '10.244.1.2', mac: POD, dev: 'cali1' },
    ],
    sysctl: { 'net.ipv4.ip_forward': 1 },
  });

test.each([
  { inner: 0x00, outer: 0x00 },
  { inner: 0x01, outer: 0x01 },
  { inner: 0x02, outer: 0x02 },
  { inner: 0x03, outer: 0x02 },
  { inner: 0xbb, outer: 0x02 },
])('a type of service of $inner goes into the tunnel as $outer', ({ inner, outer }) => {
  const w = node1();
  w.send('cali1', udpFrame({ srcMac: POD, dstMac: GW, src: '10.244.1.2', dst: '10.244.2.5', tos: inner, sport: 1, dport: 2 }));
  const b = w.last[0]!.bytes;
  expect([ipv4.tos(b, ETHERNET), ipv4.tos(b, ETHERNET + 50)]).toEqual([outer, inner]);
});

test.each([
  { outer: 0x03, inner: 0x02, becomes: 0x03 },
  { outer: 0x01, inner: 0x02, becomes: 0x01 },
  { outer: 0x02, inner: 0x00, becomes: 0x00 },
  { outer: 0x03, inner: 0x00, becomes: undefined },
])('$outer outside and $inner inside come out as $becomes', ({ outer, inner, becomes }) => {
  const w = node1();
  const frame = udpFrame({ srcMac: VTEP2, dstMac: VTEP1, src: '10.244.2.5', dst: '10.244.1.2', tos: inner, sport: 2, dport: 1 });
  const data = Uint8Array.of(8, 0, 0, 0, 0, 0, 1, 0, ...frame);
  const ends = { srcMac: N2, dstMac: N1, src: '192.168.56.12', dst: '192.168.56.11', tos: outer };
  w.send('eth0', udpFrame({ ...ends, sport: 5555, dport: 8472, noChecksum: true, data }));
  expect(w.last.map(f => ipv4.tos(f.bytes, ETHERNET))).toEqual(becomes === undefined ? [] : [becomes]);
  expect(w.drops()).toEqual(becomes === undefined ? { IP_TUNNEL_ECN: 1 } : {});
});
