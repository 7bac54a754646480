import { describe, expect, test } from 'vitest';
import { parseCidr, parseIpv4 } from '../../src/base/address.ts';
import type { RouterDescriptionInput } from '../../src/node/description.ts';
import { checkDescription } from '../../src/node/description.ts';
import type { KernelRoute } from '../../src/node/kernel-routes.ts';
import { setNetwork } from '../../src/node/network.ts';
import { type MirroredRoute, RouteMirror } from '../../src/node/route-mirror.ts';
import { udpFrame } from '../router/frames.ts';
import { type World, world } from '../router/world.ts';

const POD = '02:00:00:00:00:0b';
const EE = 'ee:ee:ee:ee:ee:ee';
const R0 = '02:00:00:00:01:00';
const NODE2 = '02:00:00:00:01:02';
const GATEWAY = '02:00:00:00:01:fe';

const node1: RouterDescriptionInput = {
  ports: [
    { name: 'eth0', interface: 'ens3', kind: 'packet', mac: R0, addresses: ['192.168.56.11/24'] },
    { name: 'cali1', kind: 'packet', mac: EE, mtu: 1480 },
    { name: 'tun0', kind: 'tun' },
  ],
  ipip: [{ name: 'tunl0', local: '192.168.56.11', addresses: ['10.244.1.0/32'] }],
  routes: [
    { to: '10.244.1.2/32', dev: 'cali1' },
    { to: 'default', via: '192.168.56.1', dev: 'eth0' },
  ],
  neighbours: [
    { ip: '10.244.1.2', mac: POD, dev: 'cali1' },
    { ip: '192.168.56.12', mac: NODE2, dev: 'eth0' },
    { ip: '192.168.56.1', mac: GATEWAY, dev: 'eth0' },
  ],
  sysctl: { 'net.ipv4.ip_forward': 1 },
};
const NAMES = ['', 'lo', 'ens3', 'cali1', 'tun0', 'docker0'];
const [ENS3, CALI1, TUN0, OTHER] = [2, 3, 4, 5];

interface Said {
  to: string;
  via?: string;
  dev?: number;
  ways?: [via: string, dev: number, weight: number][];
  type?: number;
  metric?: number;
  src?: string;
}
function kernelRoute({ to, via, dev = ENS3, ways, type = 1, metric = 32, src }: Said): KernelRoute {
  const { address, prefix } = parseCidr(to);
  const hop = (gateway: string | undefined, ifindex: number, weight: number) => ({
    ifindex,
    gateway: gateway === undefined ? undefined : parseIpv4(gateway),
    weight,
    onlink: false,
  });
  const nexthops = type !== 1 ? [] : (ways?.map(way => hop(...way)) ?? [hop(via, dev, 1)]);
  const prefSrc = src === undefined ? undefined : parseIpv4(src);
  return { destination: address, prefix, table: 254, type, protocol: 12, scope: 0, metric, prefSrc, mtu: undefined, nexthops };
}

function mirrored(
  routes: Said[],
  mirror: RouterDescriptionInput['mirror'] = {},
  over: Partial<RouterDescriptionInput> = {},
): [World, MirroredRoute[]] {
  const description = checkDescription({ ...node1, ...over, mirror });
  const w = world({ ...node1, ...over });
  const source = { fd: -1, routes: routes.map(kernelRoute), nameOf: (i: number) => NAMES[i] ?? '', hear: () => false, close: () => {} };
  const made = new RouteMirror(description.ports, description.mirror!, source);
  setNetwork(w.plane, description, description, made);
  return [w, made.told];
}
const fromPod = (w: World, dst: string): string[] =>
  w.send('cali1', udpFrame({ srcMac: POD, dstMac: EE, src: '10.244.1.2', dst, sport: 4000, dport: 53 }));
const tunnel = (mode: 'always' | 'cross-subnet') => ({ tunnel: 'tunl0', mode, pool: '10.244.0.0/16' });

describe("a daemon's route", () => {
  test('by a port of the router, which has another name inside', () => {
    const [w, told] = mirrored([{ to: '10.244.2.0/26', via: '192.168.56.12' }]);
    expect(fromPod(w, '10.244.2.5')).toEqual([`eth0: ${R0}>${NODE2} udp 10.244.1.2:4000>10.244.2.5:53 ttl 63`]);
    expect(told).toEqual([
      {
        to: '10.244.2.0/26',
        type: 'unicast',
        nexthops: [{ via: '192.168.56.12', dev: 'eth0', weight: 1 }],
        protocol: 12,
        metric: 32,
        source: '192.168.56.11',
        mtu: 1500,
      },
    ]);
  });

  test('by the TUN: the router knows where the next hop is', () => {
    const [w] = mirrored([{ to: '10.244.2.0/26', via: '192.168.56.12', dev: TUN0 }]);
    expect(fromPod(w, '10.244.2.5')[0]).toContain(`eth0: ${R0}>${NODE2} `);
  });

  test('whose next hop is on no link of the node goes by the way there', () => {
    const [w, told] = mirrored([{ to: '10.244.3.0/26', via: '192.168.57.13' }]);
    expect(fromPod(w, '10.244.3.5')[0]).toContain(`eth0: ${R0}>${GATEWAY} `);
    expect(told[0]!.nexthops).toEqual([{ via: '192.168.56.1', dev: 'eth0', weight: 1 }]);
  });

  test('to what is on a link itself', () => {
    const [w] = mirrored([{ to: '10.244.1.3/32', dev: CALI1 }]);
    expect(fromPod(w, '10.244.1.3').find(line => line.includes(' arp '))).toMatch(
      /^cali1: .* arp who-has 10\.244\.1\.3 tell 10\.244\.1\.0$/,
    );
  });

  test('that leads nowhere', () => {
    const [w, told] = mirrored([{ to: '10.244.1.0/26', type: 6 }]);
    expect(fromPod(w, '10.244.1.9')).toEqual([]);
    expect(w.drops()).toEqual({ BLACKHOLE: 1 });
    expect(told[0]).toMatchObject({ type: 'blackhole', nexthops: [] });
  });

  test('by two ways shares the flows', () => {
    const [w, told] = mirrored([
      {
        to: '10.244.2.0/24',
        ways: [
          ['192.168.56.12', ENS3, 1],
          ['192.168.56.1', TUN0, 1],
        ],
      },
    ]);
    const macs = new Set(Array.from({ length: 40 }, (_, i) => fromPod(w, `10.244.2.${i}`)[0]!.split(/[> ]/)[2]));
    expect(macs).toEqual(new Set([NODE2, GATEWAY]));
    expect(told[0]!.nexthops).toHaveLength(2);
  });

  test('by an interface that the router has not is left out, and what is described stands above', () => {
    const [w, told] = mirrored([
      { to: '172.17.0.0/16', dev: OTHER },
      { to: '0.0.0.0/0', via: '192.168.56.12' },
    ]);
    expect(told.map(each => each.to)).toEqual(['default']);
    expect(fromPod(w, '203.0.113.9')[0]).toContain(`>${GATEWAY} `);
  });
});

describe('with a tunnel', () => {
  test('always: every next hop of the pool is wrapped for', () => {
    const [w, told] = mirrored([{ to: '10.244.2.0/26', via: '192.168.56.12' }], tunnel('always'));
    expect(fromPod(w, '10.244.2.5')[0]).toContain(`eth0: ${R0}>${NODE2} ipip 192.168.56.11>192.168.56.12 `);
    expect(told[0]).toMatchObject({ nexthops: [{ via: '192.168.56.12', dev: 'tunl0' }], source: '10.244.1.0', mtu: 1480 });
  });

  test('cross-subnet: only one that is on no network of the node', () => {
    const routes = [
      { to: '10.244.2.0/26', via: '192.168.56.12' },
      { to: '10.244.3.0/26', via: '192.168.57.13' },
    ];
    const [w] = mirrored(routes, tunnel('cross-subnet'));
    expect(fromPod(w, '10.244.2.5')[0]).toContain(`eth0: ${R0}>${NODE2} udp`);
    expect(fromPod(w, '10.244.3.5')[0]).toContain(`eth0: ${R0}>${GATEWAY} ipip 192.168.56.11>192.168.57.13 `);
  });

  test('what is not of the pool is not wrapped', () => {
    const [w] = mirrored([{ to: '198.51.100.0/24', via: '192.168.56.12' }], tunnel('always'));
    expect(fromPod(w, '198.51.100.1')[0]).toContain('eth0: ');
    expect(fromPod(w, '198.51.100.1')[0]).not.toContain('ipip');
  });
});
