import { describe, expect, test } from 'vitest';
import { gvisorRouterNat } from '../sets/gvisor-router-nat.ts';
import { Attempt } from './attempt.ts';
import { protocolOf } from './protocol.ts';
import { readRuleLines } from './rules.ts';
import { placeHosts } from './topology.ts';
import { RouterNetwork } from './two-networks.ts';

const topology = { router: { nic1: '192.168.0.1/24', nic2: '10.0.0.3/24' }, host1: { ip: '192.168.0.2' }, host2: { ip: '10.0.0.2' } };
const udp = protocolOf('udp')!;
const tcp = protocolOf('tcp')!;

describe('a network in memory', () => {
  test('carries a datagram through the router and its answer back', () => {
    const net = new RouterNetwork({ topology });
    const attempt = new Attempt(net.hostAt('10.0.0.2')!, { what: udp, dst: '192.168.0.2', dport: 53 }).run(net.network);
    expect(attempt.arrivals(net.network).map(a => [a.host.name, a.packet.src, a.packet.dport])).toEqual([['192.168.0.2', '10.0.0.2', 53]]);
    expect(attempt.answers().map(p => p.src)).toEqual(['192.168.0.2']);
    expect(net.network.faults).toEqual([]);
  });

  test('connects, is refused by a closed port, and by an ICMP error', () => {
    const net = new RouterNetwork({ topology });
    const [client, server] = [net.hostAt('10.0.0.2')!, net.hostAt('192.168.0.2')!];
    server.stack.open = (_, port) => port === 80;
    const state = (dport: number) => new Attempt(client, { what: tcp, dst: '192.168.0.2', dport }).run(net.network).connection!.state;
    expect([state(80), state(81)]).toEqual(['connected', 'refused']);
    net.router.iptables(['-A', 'FORWARD', '-p', 'tcp', '-j', 'REJECT']);
    net.router.commit();
    expect(state(80)).toBe('unreachable');
  });

  test('sees each hook with the rules that were met there', () => {
    const net = new RouterNetwork({ topology });
    net.router.iptables(['-A', 'FORWARD', '-p', 'udp', '-m', 'conntrack', '--ctstate', 'NEW', '-j', 'ACCEPT']);
    net.router.commit();
    const attempt = new Attempt(net.hostAt('10.0.0.2')!, { what: udp, dst: '192.168.0.2', dport: 53 }).run(net.network);
    const forward = net.router.hooks.filter(h => attempt.is(h.packet) && h.hook === 2);
    expect(forward.map(h => [h.ctstate, h.rules.map(r => `${r.table} ${r.chain} ${r.number}`)])).toEqual([['NEW', ['filter FORWARD 1']]]);
  });
});

describe('what is written', () => {
  test('puts interfaces of one network on one segment, and each of many alike on its own', () => {
    const placed = placeHosts({
      'client[i]': { count: 2, addresses: ['10.1.0.3/24 (all the same)'], gateway: '10.1.0.2' },
      gw: { addresses: ['10.1.0.2/24 on each veth[i]', '10.3.0.1/24 on veth0'] },
      srv: { addresses: ['10.3.0.99/24 mtu 1280'] },
    });
    if (typeof placed === 'string') throw new Error(placed);
    const segments = new Map(placed.flatMap(h => h.spec.interfaces.map(i => [`${h.spec.name} ${i.name}`, i.segment])));
    expect(segments.get('client1 eth0')).toBe(segments.get('gw veth1'));
    expect(segments.get('client2 eth0')).toBe(segments.get('gw veth2'));
    expect(segments.get('gw veth0')).toBe(segments.get('srv eth0'));
    expect(new Set(segments.values()).size).toBe(3);
    expect(placed.at(-1)!.spec.interfaces[0]!.mtu).toBe(1280);
  });

  test('gives rules their table and host, and says which line is no rule', () => {
    expect(readRuleLines(['@a', '*nat', '-A OUTPUT -j ACCEPT', ':MINE - [0:0]'])).toEqual([
      { host: 'a', args: ['-t', 'nat', '-A', 'OUTPUT', '-j', 'ACCEPT'] },
      { host: 'a', args: ['-t', 'nat', '-N', 'MINE'] },
    ]);
    expect(readRuleLines(['zone 1 for packets on veth0'])).toBe('zone 1 for packets on veth0');
  });

  test('is unsupported by name where a field is not understood, and fails where an expectation does not hold', async () => {
    const rules = ['*nat', '-A POSTROUTING -o nic1 -p udp -j MASQUERADE'];
    const send = { from: '10.0.0.2', protocol: 'udp', sport: 1000, dst: '192.168.0.2', dport: 53 };
    const tried = (step: object) =>
      gvisorRouterNat.check({ id: 'x', rules, steps: [step] } as never, { topology, schema: '', cases: [] } as never);
    expect(await tried({ send, expect: { sourceSeen: '192.168.0.1:1000' } })).toEqual({ kind: 'passed' });
    expect(await tried({ send, expect: { sourceSeen: '10.0.0.2' } })).toMatchObject({ kind: 'failed' });
    expect(await tried({ send, expect: { colour: 'red' } })).toEqual({
      kind: 'unsupported',
      why: 'step 1: expect: field "colour" is not understood',
    });
    expect(await tried({ send: { ...send, speed: 3 } })).toEqual({
      kind: 'unsupported',
      why: 'step 1: send: field "speed" is not understood',
    });
  });
});
