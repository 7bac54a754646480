import { describe, expect, test } from 'vitest';
import { formatCidr } from '../../src/base/address.ts';
import { SurroundingsReader } from '../../src/walk/surroundings.ts';

/** As `ip -j addr` and `ip -j route` of iproute2 6.1 print them, shortened. */
const ADDR = `[{"ifindex":1,"ifname":"lo","flags":["LOOPBACK","UP","LOWER_UP"],"mtu":65536,"addr_info":[{"family":"inet","local":"127.0.0.1","prefixlen":8,"scope":"host"},{"family":"inet6","local":"::1","prefixlen":128}]},
{"ifindex":2,"ifname":"eth0","mtu":1500,"address":"02:00:00:00:00:01","addr_info":[{"family":"inet","local":"192.168.56.11","prefixlen":24,"broadcast":"192.168.56.255","scope":"global","label":"eth0"}]},
{"ifindex":5,"ifname":"flannel.1","mtu":1450,"addr_info":[{"family":"inet","local":"10.244.1.0","prefixlen":32,"scope":"global"}]},
{"ifindex":7,"ifname":"veth1","mtu":1450,"addr_info":[]},{}]`;
const ROUTE = `[{"dst":"default","gateway":"192.168.56.1","dev":"eth0","protocol":"static","metric":100,"flags":[]},
{"dst":"10.244.2.0/24","gateway":"10.244.2.0","dev":"flannel.1","flags":["onlink"]},
{"dst":"10.244.1.5","dev":"veth1","scope":"link","flags":[]},
{"type":"blackhole","dst":"10.9.0.0/16","flags":[]},
{"dst":"10.8.0.0/16","flags":[],"nexthops":[{"gateway":"192.168.56.2","dev":"eth0","weight":1,"flags":[]},{"gateway":"192.168.56.3","dev":"eth0","weight":1,"flags":[]}]},
{"type":"local","dst":"192.168.56.11","dev":"eth0","table":"local"}]`;

describe('what is known of a node', () => {
  test('is read from ip -j addr', () => {
    const reader = new SurroundingsReader();
    reader.addressFile(ADDR, 'addr');
    const { interfaces, addressesKnown } = reader.done();
    expect(interfaces.map(i => `${i.name} ${i.mtu} ${(i.addresses ?? []).map(formatCidr)}`)).toEqual([
      'lo 65536 127.0.0.1/8',
      'eth0 1500 192.168.56.11/24',
      'flannel.1 1450 10.244.1.0/32',
      'veth1 1450 ',
    ]);
    expect(addressesKnown).toBe(true);
  });

  test('is read from ip -j route', () => {
    const reader = new SurroundingsReader();
    reader.routeFile(ROUTE, 'route');
    const { routes, routesComplete, interfaces } = reader.done();
    expect(routes.map(r => `${r.kind} ${formatCidr({ address: r.network, prefix: r.prefix })} ${r.dev ?? '-'}`)).toEqual([
      'unicast 0.0.0.0/0 eth0',
      'unicast 10.244.2.0/24 flannel.1',
      'unicast 10.244.1.5/32 veth1',
      'blackhole 10.9.0.0/16 -',
      'unicast 10.8.0.0/16 eth0',
    ]);
    expect(routesComplete).toBe(true);
    // Who is named by a route has addresses that nobody told.
    expect(interfaces.map(i => i.addresses)).toEqual([undefined, undefined, undefined]);
  });

  test.each([
    ['10.244.2.0/24 dev flannel.1', 'unicast 10.244.2.0/24 via - dev flannel.1'],
    ['default via 192.168.56.1 dev eth0 proto static metric 100', 'unicast 0.0.0.0/0 via 192.168.56.1 dev eth0'],
    ['10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink', 'unicast 10.244.2.0/24 via 10.244.2.0 dev flannel.1'],
    ['blackhole 10.9.0.0/16', 'blackhole 10.9.0.0/16 via - dev -'],
    ['10.244.1.7 dev veth1 scope link', 'unicast 10.244.1.7/32 via - dev veth1'],
  ])('is read from the route "%s"', (words, told) => {
    const reader = new SurroundingsReader();
    reader.route(words);
    const [r] = reader.done().routes;
    const via = r!.via === undefined ? '-' : formatCidr({ address: r!.via, prefix: 32 }).replace('/32', '');
    expect(`${r!.kind} ${formatCidr({ address: r!.network, prefix: r!.prefix })} via ${via} dev ${r!.dev ?? '-'}`).toBe(told);
  });

  test.each([
    ['10.244.2.0/24', 'expected NETWORK dev NAME'],
    ['10.244.2.0/24 dev', 'expected a value behind "dev"'],
    ['10.244.2.0/24 device eth0', 'unknown word "device"'],
    ['10.244.2.0/33 dev eth0', 'not a prefix length'],
  ])('the route "%s" is refused', (words, message) => {
    expect(() => new SurroundingsReader().route(words)).toThrow(message);
  });

  test.each(['[', '{}', 'null'])('a file that holds %s is refused', text => {
    expect(() => new SurroundingsReader().addressFile(text, 'node.addr')).toThrow('node.addr: expected what `ip -j addr` writes');
  });
});
