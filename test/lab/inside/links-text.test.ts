import { describe, expect, test } from 'vitest';
import { answerLinks } from '../../../src/lab/inside/addr-text.ts';
import { answerFdb, answerNeighbours, realWords } from '../../../src/lab/inside/neigh-text.ts';
import type { NodeLinks } from '../../../src/node/links.ts';

const links: NodeLinks = {
  interfaces: [
    { name: 'lo', link: 'loopback', mac: '00:00:00:00:00:00', mtu: 65_536, addresses: ['127.0.0.1/8'] },
    { name: 'eth0', link: 'ethernet', mac: '02:00:c0:a8:38:0b', mtu: 1500, addresses: ['192.168.56.11/24', '192.168.56.111/32'] },
    { name: 'cni0', link: 'bridge', mac: '0a:58:0a:f4:01:01', mtu: 1450, addresses: ['10.244.1.1/24'] },
    { name: 'flannel.1', link: 'vxlan', mac: '0e:00:0a:f4:01:00', mtu: 1450, addresses: ['10.244.1.0/32'] },
    { name: 'tunl0', link: 'ipip', mac: '00:00:00:00:00:00', mtu: 1480, addresses: [] },
  ],
  devices: ['tap0', 'tun0'],
  neighbours: [
    { dev: 'eth0', address: '192.168.56.1', mac: '02:00:c0:a8:38:01', state: 'Reachable' },
    { dev: 'eth0', address: '192.168.56.99', mac: '00:00:00:00:00:00', state: 'Failed' },
    { dev: 'cni0', address: '10.244.1.9', mac: '00:00:00:00:00:00', state: 'Incomplete' },
    { dev: 'flannel.1', address: '10.244.2.0', mac: '0e:00:0a:f4:02:00', state: 'Permanent' },
  ],
  fdb: [
    { dev: 'flannel.1', mac: '0e:00:0a:f4:02:00', node: '192.168.56.12', permanent: true },
    { dev: 'flannel.1', mac: '0e:00:0a:f4:03:00', node: '192.168.56.13', permanent: false },
  ],
};
const forever = '       valid_lft forever preferred_lft forever\n';
const REAL = `1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN group default qlen 1000
    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00
    inet 127.0.0.1/8 scope host lo
${forever}2: cni0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1400 qdisc noqueue state UP group default qlen 1000
    link/ether 06:01:0a:f4:01:01 brd ff:ff:ff:ff:ff:ff
3: eth0@if4: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP group default qlen 1000
    link/ether 02:00:c0:a8:38:0b brd ff:ff:ff:ff:ff:ff link-netns lan0
5: tap0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1450 qdisc pfifo_fast master cni0 state UP group default qlen 1000
    link/ether 06:02:0a:f4:01:01 brd ff:ff:ff:ff:ff:ff
6: tun0: <POINTOPOINT,MULTICAST,NOARP,UP,LOWER_UP> mtu 1500 qdisc pfifo_fast state UNKNOWN group default qlen 500
    link/none
    inet 192.168.56.11/32 scope global tun0
${forever}`;
const addresses = (words: string, ...options: string[]) => answerLinks(links, REAL, 'addresses', options, words.split(' ').filter(Boolean));

describe('ip address of a router', () => {
  test('has its addresses at their interfaces, its tunnels, and none of what only leads to it', () => {
    expect(addresses('')!.text).toBe(`1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN group default qlen 1000
    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00
    inet 127.0.0.1/8 scope host lo
${forever}2: cni0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1450 qdisc noqueue state UP group default qlen 1000
    link/ether 0a:58:0a:f4:01:01 brd ff:ff:ff:ff:ff:ff
    inet 10.244.1.1/24 scope global cni0
${forever}3: eth0@if4: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP group default qlen 1000
    link/ether 02:00:c0:a8:38:0b brd ff:ff:ff:ff:ff:ff link-netns lan0
    inet 192.168.56.11/24 scope global eth0
${forever}    inet 192.168.56.111/32 scope global eth0
${forever}5: flannel.1: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1450 qdisc noqueue state UNKNOWN group default qlen 1000
    link/ether 0e:00:0a:f4:01:00 brd ff:ff:ff:ff:ff:ff
    inet 10.244.1.0/32 scope global flannel.1
${forever}6: tunl0@NONE: <NOARP,UP,LOWER_UP> mtu 1480 qdisc noqueue state UNKNOWN group default qlen 1000
    link/ipip 0.0.0.0 brd 0.0.0.0
`);
  });

  test('of one interface, in short, and of IPv4 alone', () => {
    expect(addresses('show dev cni0')).toEqual(addresses('s cni0'));
    expect(addresses('ls', '-br')!.text).toBe(`lo               UNKNOWN        127.0.0.1/8 
cni0             UP             10.244.1.1/24 
eth0@if4         UP             192.168.56.11/24 192.168.56.111/32 
flannel.1        UNKNOWN        10.244.1.0/32 
tunl0@NONE       UNKNOWN        
`);
    expect(addresses('show eth0', '-4')!.text).toMatch(/^3: eth0@if4: .* qlen 1000 link-netns lan0\n {4}inet 192\.168\.56\.11\/24 /);
    expect(addresses('', '-4')!.text).not.toContain('tunl0');
    expect(addresses('show tap0')).toEqual({ text: '', error: 'Device "tap0" does not exist.\n' });
  });

  test('what it does not know it does not answer', () => {
    for (const words of ['add 10.0.0.1 dev eth0', 'show up', 'show scope host', 'show dev eth0 up'])
      expect(addresses(words)).toBe(undefined);
    expect(addresses('show', '-j')).toBe(undefined);
  });
});

describe('ip neighbour of a router', () => {
  const neighbours = (words: string) => answerNeighbours(links, words.split(' ').filter(Boolean));

  test('tells address, device, MAC and state', () => {
    expect(neighbours('')!.text).toBe(
      '192.168.56.1 dev eth0 lladdr 02:00:c0:a8:38:01 REACHABLE \n192.168.56.99 dev eth0 FAILED \n' +
        '10.244.1.9 dev cni0 INCOMPLETE \n10.244.2.0 dev flannel.1 lladdr 0e:00:0a:f4:02:00 PERMANENT \n',
    );
  });
  test('of a device, and of an address', () => {
    expect(neighbours('show dev flannel.1')!.text).toBe('10.244.2.0 lladdr 0e:00:0a:f4:02:00 PERMANENT \n');
    expect(neighbours('s 10.244.1.9')!.text).toBe('10.244.1.9 dev cni0 INCOMPLETE \n');
    expect(neighbours('show dev nosuch')).toEqual({ text: '', error: 'Cannot find device "nosuch"\n' });
    for (const words of ['add 10.0.0.1 dev eth0', 'show nud all', 'flush dev eth0']) expect(neighbours(words)).toBe(undefined);
  });
});

describe('bridge fdb of a router', () => {
  const ports = `06:01:0a:f4:01:01 dev cni0 master cni0 permanent
0a:58:0a:f4:01:02 dev veth-pod-a master cni0 static
0a:58:0a:f4:01:01 dev tap0 master cni0 static
`;
  test('dynamic leaves out what was written down', () => {
    expect(answerFdb(links, '', ['show', 'dev', 'flannel.1', 'dynamic'])?.text).toBe('0e:00:0a:f4:03:00 dst 192.168.56.13 self \n');
  });
  const fdb = (words: string) => answerFdb(links, ports, words.split(' ').filter(Boolean));
  const own = '0a:58:0a:f4:01:01 dev cni0 master cni0 permanent\n0a:58:0a:f4:01:02 dev veth-pod-a master cni0 static\n';

  test('has the ports of its bridge, and what is behind its tunnels', () => {
    const tunnel = '0e:00:0a:f4:02:00 dst 192.168.56.12 self permanent\n0e:00:0a:f4:03:00 dst 192.168.56.13 self \n';
    expect(fdb('show dev flannel.1')!.text).toBe(tunnel);
    expect(fdb('')!.text).toBe(own + tunnel.replaceAll(' dst', ' dev flannel.1 dst'));
    expect(fdb('show br cni0')!.text).toBe(own);
    expect(fdb('show dev veth-pod-a')!.text).toBe('0a:58:0a:f4:01:02 master cni0 static\n');
  });
  test('asks the real program for its bridges, and never for a device that it may not know', () => {
    expect(realWords(['show', 'dev', 'flannel.1'])).toEqual(['fdb', 'show']);
    expect(realWords(['show', 'br', 'cni0'])).toEqual(['fdb', 'show', 'br', 'cni0']);
    expect(realWords(['show', 'br', 'cni0', 'dynamic'])).toEqual(['fdb', 'show', 'br', 'cni0', 'dynamic']);
    expect(fdb('show dev nosuch')).toEqual({ text: '', error: 'Cannot find device "nosuch"\n' });
    expect(fdb('show br cni0 state learned')).toBe(undefined);
  });
});
