import { expect, test } from 'vitest';
import { checkDescription, type RouterDescriptionInput } from '../../src/node/description.ts';
import { daemonAddresses, routeCommands, socketAddresses } from '../../src/node/socket-routes.ts';

const node1: RouterDescriptionInput = {
  ports: [
    { name: 'eth0', kind: 'packet', addresses: ['192.168.56.11/24'] },
    { name: 'cali1', kind: 'packet' },
    { name: 'tun0', kind: 'tun' },
  ],
  ipip: [{ name: 'tunl0', local: '192.168.56.11', addresses: ['10.244.1.0/32'] }],
  routes: [
    { to: '10.244.1.2/32', dev: 'cali1' },
    { to: '10.244.1.0/26', type: 'blackhole' },
    { to: '10.244.9.0/26', via: '192.168.56.19', dev: 'tunl0' },
    { to: '198.51.100.0/24', via: '192.168.56.7', mark: 1 },
    { to: 'default', via: '192.168.56.1' },
  ],
};
const inTable = (input: RouterDescriptionInput, table: string | number, mirrored: Parameters<typeof routeCommands>[1] = []): string[] =>
  [...routeCommands(checkDescription(input), mirrored).values()]
    .filter(line => line.endsWith(` table ${table}`))
    .map(line => line.replace(/ proto \S+ table \S+$/, ''))
    .sort();

test('sockets find the source and the size that they would on a kernel node, and no way where there is none', () => {
  expect(inTable(node1, 10)).toEqual([
    '10.244.1.0 dev DEV src 10.244.1.0 advmss 65495',
    '10.244.1.2/32 dev DEV src 10.244.1.0',
    '10.244.9.0/26 dev DEV src 10.244.1.0 mtu 1480',
    '127.0.0.0/8 dev DEV src 127.0.0.1 advmss 65495',
    '192.168.56.0/24 dev DEV src 192.168.56.11',
    '192.168.56.11 dev DEV src 192.168.56.11 advmss 65495',
    'blackhole 10.244.1.0/26',
    'default dev DEV src 192.168.56.11',
  ]);
});

test('mirrored routes stand beside them, below what is described', () => {
  const route = { type: 'unicast', protocol: 12, metric: 32 } as const;
  const lines = inTable(node1, 10, [
    { ...route, to: '10.244.2.0/26', nexthops: [{ via: '192.168.56.12', dev: 'tunl0', weight: 1 }], source: '10.244.1.0', mtu: 1480 },
    { ...route, to: '10.244.3.0/26', nexthops: [{ via: '192.168.56.1', dev: 'eth0', weight: 1 }], source: '192.168.56.11', mtu: 1500 },
    { ...route, to: '10.244.4.0/26', type: 'unreachable', nexthops: [], source: undefined, mtu: 65_536 },
    { ...route, to: 'default', nexthops: [{ via: '192.168.56.12', dev: 'tunl0', weight: 1 }], source: '10.244.1.0', mtu: 1480 },
  ]);
  expect(lines).toContain('10.244.2.0/26 dev DEV src 10.244.1.0 mtu 1480');
  expect(lines).toContain('10.244.3.0/26 dev DEV src 192.168.56.11');
  expect(lines).toContain('unreachable 10.244.4.0/26');
  expect(lines).toContain('default dev DEV src 192.168.56.11');
});

test('a routing daemon sees addresses and routes of ports, and only with a mirror', () => {
  expect(inTable(node1, 'main')).toEqual([]);
  expect(daemonAddresses(checkDescription(node1))).toEqual([]);
  const followed = { ...node1, mirror: {} };
  expect(inTable(followed, 'main')).toEqual(['10.244.1.2/32 dev cali1', 'default via 192.168.56.1 dev eth0']);
  expect(daemonAddresses(checkDescription(followed))).toEqual([{ dev: 'eth0', address: '192.168.56.11/24' }]);
  expect(socketAddresses(checkDescription(followed))).toEqual(['10.244.1.0/32', '192.168.56.11/32']);
});

test('several next hops, and one that is on no network of its port', () => {
  const routes = [{ to: 'default', nexthops: [{ via: '192.168.56.1' }, { via: '192.168.57.1', dev: 'eth0', weight: 3 }] }];
  expect(inTable({ ...node1, routes, mirror: { table: 100 } }, 100)).toEqual([
    'default nexthop via 192.168.56.1 dev eth0 weight 1 nexthop via 192.168.57.1 dev eth0 onlink weight 3',
  ]);
});

test('the way to pods has the MTU of the interface that the router sends them by: from it follows the MSS that a socket offers', () => {
  const node: RouterDescriptionInput = {
    ports: [
      { name: 'eth0', kind: 'packet', mtu: 1500, addresses: ['192.168.56.11/24'] },
      { name: 'cni0', kind: 'tap', mtu: 1450, addresses: ['10.244.1.1/24'] },
      { name: 'tun0', kind: 'tun' },
    ],
    vxlan: [
      {
        name: 'flannel.1',
        local: '192.168.56.11',
        addresses: ['10.244.1.0/32'],
        peers: [{ subnet: '10.244.2.0/24', vtep: '10.244.2.0', mac: '02:00:00:00:00:02', node: '192.168.56.12' }],
      },
    ],
  };
  const lines = inTable(node, 10);
  expect(lines).toContain('10.244.1.0/24 dev DEV src 10.244.1.1 mtu 1450');
  expect(lines).toContain('10.244.2.0/24 dev DEV src 10.244.1.0 mtu 1450');
  expect(lines).toContain('192.168.56.0/24 dev DEV src 192.168.56.11 mtu 1500');
});
