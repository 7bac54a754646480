import { describe, expect, test } from 'vitest';
import { changeRoutes, NO_CHANGES, type RouteChanges, withChanges } from '../../../src/lab/inside/route-change.ts';
import { checkDescription } from '../../../src/node/description.ts';

const description = checkDescription({
  ports: [
    { name: 'eth0', kind: 'packet', addresses: ['192.168.56.11/24'] },
    { name: 'cni0', kind: 'tap', addresses: ['10.244.1.1/24'] },
  ],
  vxlan: [
    {
      name: 'flannel.1',
      local: '192.168.56.11',
      addresses: ['10.244.1.0/32'],
      peers: [{ subnet: '10.244.2.0/24', vtep: '10.244.2.0', mac: '0e:00:0a:f4:02:00', node: '192.168.56.12' }],
    },
  ],
  routes: [{ to: 'default', via: '192.168.56.1', dev: 'eth0' }],
});
const before = description.routes;

/** One command after the other, each as the shell has split it. */
function type(...commands: string[]): RouteChanges {
  let changes = NO_CHANGES;
  for (const command of commands) {
    const next = changeRoutes(command.split(' '), { ...description, routes: withChanges(before, changes) }, changes);
    if ('error' in next) throw new Error(next.error);
    changes = next;
  }
  return changes;
}
const routes = (...commands: string[]): string[] =>
  withChanges(before, type(...commands)).map(r => `${r.type} ${r.to} ${r.via ?? ''} ${r.dev ?? ''}`.trim());
const error = (command: string): string => {
  const result = changeRoutes(command.split(' '), description, NO_CHANGES);
  return 'error' in result ? result.error : '';
};

describe('ip route in the shell of a userspace node', () => {
  test('adds a route, and takes it away', () => {
    expect(routes('add 10.244.2.2/32 via 192.168.56.12 dev eth0')).toEqual([
      'unicast default 192.168.56.1 eth0',
      'unicast 10.244.2.2/32 192.168.56.12 eth0',
    ]);
    expect(routes('add 10.244.2.2 via 192.168.56.12', 'del 10.244.2.2')).toEqual(['unicast default 192.168.56.1 eth0']);
  });
  test('finds the device by the network of the gateway', () => {
    expect(routes('add 172.16.0.0/12 via 10.244.1.9')).toContain('unicast 172.16.0.0/12 10.244.1.9 cni0');
  });
  test('replaces, and deletes what was there from the start', () => {
    expect(routes('replace default via 192.168.56.12')).toEqual(['unicast default 192.168.56.12 eth0']);
    expect(routes('del default')).toEqual([]);
    expect(routes('del default', 'add default via 192.168.56.1')).toEqual(['unicast default 192.168.56.1 eth0']);
  });
  test('knows routes that lead nowhere', () => {
    expect(routes('add blackhole 10.244.0.0/16')).toContain('blackhole 10.244.0.0/16');
  });
  test.each([
    ['add default via 192.168.56.1', 'RTNETLINK answers: File exists\n'],
    ['del 172.16.0.0/12', 'RTNETLINK answers: No such process\n'],
    ['add 172.16.0.0/12', 'RTNETLINK answers: No such device\n'],
    ['add 172.16.0.0/12 via 172.20.0.1', 'Error: Nexthop has invalid gateway.\n'],
    ['add 172.16.0.0/12 dev eth7', 'Cannot find device "eth7"\n'],
    ['add 172.16.0.1/12 dev eth0', 'Error: any valid prefix is expected rather than "172.16.0.1/12".\n'],
    ['add 172.16.0.0/12 via here', 'Error: any valid address is expected rather than "here".\n'],
    ['add', 'Error: need at least a destination address\n'],
  ])('refuses `%s` in the words of iproute2', (command, said) => {
    expect(error(command)).toBe(said);
  });
  test('leaves flannel its own', () => {
    expect(error('del 10.244.2.0/24')).toContain('flannel keeps it');
  });
});
