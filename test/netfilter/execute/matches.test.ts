import { describe, expect, test } from 'vitest';
import { parseIpv4 } from '../../../src/base/address.ts';
import { CtInfo, type Packet, PacketType } from '../../../src/packet/packet.ts';
import { Hook } from '../../../src/packet/verdict.ts';
import { matcher, type PacketFields, packet, tracked } from './support.ts';

/** Rules in words, packets that pass, packets that do not. */
type Row = readonly [args: string, hits: readonly PacketFields[], misses: readonly PacketFields[]];

function table(rows: readonly Row[], hook: Hook = Hook.Input): void {
  test.each(rows)('%s', (args, hits, misses) => {
    const m = matcher(args, hook);
    for (const fields of hits) expect(m.hits(packet(fields)), JSON.stringify(fields)).toBe(true);
    for (const fields of misses) expect(m.hits(packet(fields)), JSON.stringify(fields)).toBe(false);
  });
}

const SYN = 2;
const ACK = 16;
const MSS = [2, 4, 5, 180] as const; // 1460

describe('the rule itself', () => {
  table([
    ['-s 203.0.113.0/24', [{}], [{ src: '203.0.114.1' }]],
    ['! -s 203.0.113.0/24', [{ src: '203.0.114.1' }], [{}]],
    ['-d 192.168.56.11', [{}], [{ dst: '192.168.56.12' }]],
    ['! -d 192.168.56.11', [{ dst: '192.168.56.12' }], [{}]],
    ['-s 1.0.0.9/255.0.0.255', [{ src: '1.2.3.9' }], [{ src: '1.2.3.8' }]],
    ['-p udp', [{ protocol: 17 }], [{}, { protocol: 1 }]],
    ['! -p udp', [{}, { protocol: 47 }], [{ protocol: 17 }]],
    ['-p tcp', [{}, { cut: 15 }, { fragment: 1 }], [{ protocol: 17 }]],
    ['-i eth0', [{ iif: 2 }], [{ iif: 3 }, { iif: 0 }]],
    ['! -i eth0', [{ iif: 3 }, { iif: 0 }], [{ iif: 2 }]],
    ['-i eth+', [{ iif: 2 }], [{ iif: 3 }]],
    ['-i +', [{ iif: 2 }, { iif: 0 }], []],
    ['-f', [{ fragment: 2 }, { fragment: 0x2002 }], [{}, { fragment: 0x2000 }]],
    ['! -f', [{}, { fragment: 0x2000 }], [{ fragment: 2 }]],
  ]);

  test('knows only the interfaces that its hook shows', () => {
    const p = () => packet({ iif: 2, oif: 3 });
    expect(matcher('-o cni0', Hook.Forward).hits(p())).toBe(true);
    expect(matcher('-i eth0', Hook.Forward).hits(p())).toBe(true);
    expect(matcher('-o cni0', Hook.Postrouting, 'mangle').hits(p())).toBe(true);
    expect(matcher('-o +', Hook.Output).hits(packet({ local: true, oif: 2 }))).toBe(true);
    expect(matcher('-o eth0', Hook.Output).hits(packet({ local: true, oif: 2 }))).toBe(true);
    expect(matcher('-o eth0', Hook.Output).hits(packet({ local: true, oif: 3 }))).toBe(false);
  });

  test('sees an interface that gets its name later', () => {
    const m = matcher('-i veth7');
    expect(m.hits(packet({ iif: 5 }))).toBe(false);
    m.env.names.push('veth7');
    m.env.generation++;
    expect(m.hits(packet({ iif: 5 }))).toBe(true);
  });
});

describe('ports and headers', () => {
  table([
    ['-p tcp -m tcp --dport 80', [{}], [{ dstPort: 81 }]],
    ['-p tcp -m tcp ! --dport 80', [{ dstPort: 81 }], [{}]],
    ['-p tcp -m tcp --dport 80:90', [{}, { dstPort: 90 }], [{ dstPort: 91 }, { dstPort: 79 }]],
    ['-p tcp -m tcp --sport 40000 --dport 80', [{}], [{ srcPort: 1 }, { dstPort: 1 }]],
    ['-p tcp -m tcp --dport 65535', [{ dstPort: 65535 }], [{ dstPort: 32767 }]],
    ['-p tcp -m tcp', [{}], []],
    ['-p tcp -m tcp --tcp-flags SYN,ACK SYN', [{ flags: SYN }, { flags: SYN | 8 }], [{ flags: SYN | ACK }, { flags: ACK }]],
    ['-p tcp -m tcp ! --tcp-flags SYN,ACK SYN', [{ flags: ACK }], [{ flags: SYN }]],
    ['-p tcp -m tcp --syn', [{ flags: SYN }], [{ flags: SYN | ACK }, { flags: SYN | 4 }, { flags: SYN | 1 }]],
    ['-p tcp -m tcp --tcp-option 2', [{ options: MSS }], [{}, { options: [1, 1, 1, 0] }]],
    ['-p tcp -m tcp ! --tcp-option 2', [{}], [{ options: MSS }]],
    ['-p udp -m udp --dport 53', [{ protocol: 17 }], [{ protocol: 17, dstPort: 54 }, {}]],
    ['-p udp -m udp ! --sport 1:40000', [{ protocol: 17, srcPort: 40001 }], [{ protocol: 17 }]],
    ['-p icmp -m icmp --icmp-type 8', [{ protocol: 1 }], [{ protocol: 1, type: 0 }]],
    ['-p icmp -m icmp --icmp-type 3/4', [{ protocol: 1, type: 3, code: 4 }], [{ protocol: 1, type: 3, code: 3 }]],
    ['-p icmp -m icmp ! --icmp-type 3', [{ protocol: 1 }], [{ protocol: 1, type: 3, code: 9 }]],
    ['-p icmp -m icmp --icmp-type any', [{ protocol: 1, type: 99 }], []],
    [
      '-p tcp -m multiport --dports 22,80,8000:8010',
      [{}, { dstPort: 8005 }, { dstPort: 22 }],
      [{ dstPort: 23 }, { srcPort: 80, dstPort: 1 }],
    ],
    ['-p tcp -m multiport ! --dports 22,80', [{ dstPort: 23 }], [{}]],
    ['-p tcp -m multiport --sports 40000', [{}], [{ srcPort: 1 }]],
    ['-p udp -m multiport --ports 53', [{ protocol: 17 }, { protocol: 17, srcPort: 53, dstPort: 9 }], [{ protocol: 17, dstPort: 9 }]],
    ['-p sctp -m sctp --dport 5000', [{ protocol: 132, dstPort: 5000 }], [{ protocol: 132, dstPort: 1 }]],
    ['-p tcp -m tcpmss --mss 1400:1460', [{ options: MSS }], [{ options: [2, 4, 5, 181] }, {}]],
    ['-p tcp -m tcpmss ! --mss 1400:1460', [{ options: [2, 4, 5, 181] }, {}], [{ options: MSS }]],
  ]);

  test.each([
    ['-p tcp -m tcp --dport 80', { fragment: 2 }, 0],
    ['-p tcp -m tcp --dport 80', { fragment: 1 }, 27],
    ['-p tcp -m tcp --dport 80', { cut: 1 }, 27],
    ['-p udp -m udp --dport 53', { protocol: 17, cut: 1 }, 27],
    ['-p udp -m udp --dport 53', { protocol: 17, fragment: 1 }, 0],
    ['-p icmp -m icmp --icmp-type 8', { protocol: 1, cut: 1 }, 27],
    ['-p tcp -m multiport --dports 80', { cut: 17 }, 27],
    ['-p tcp -m multiport --dports 81', { cut: 16 }, 0],
    ['-p tcp -m tcpmss --mss 1', { cut: 1 }, 27],
  ] as const)('%s with %o: dropped on the spot only when it is cut or would overwrite the header', (args, fields, reason) => {
    const m = matcher(args);
    const p = packet(fields);
    expect(m.hits(p)).toBe(false);
    expect(p.reason).toBe(reason);
  });

  test('reads the chunks of SCTP', () => {
    const init = (args: string, ...types: [number, number][]): boolean => {
      const p = packet({ protocol: 132, dstPort: 5000 });
      for (const [i, [type, flags]] of types.entries()) p.bytes.set([type, flags, 0, 4], p.l4 + 12 + 4 * i);
      p.end = p.l4 + 12 + 4 * types.length;
      return matcher(`-p sctp -m sctp ${args}`).hits(p);
    };
    expect(init('--chunk-types any INIT', [1, 0])).toBe(true);
    expect(init('--chunk-types any INIT', [0, 0], [1, 0])).toBe(true);
    expect(init('--chunk-types any INIT', [0, 0])).toBe(false);
    expect(init('! --chunk-types any INIT', [0, 0])).toBe(true);
    expect(init('--chunk-types all INIT,DATA', [0, 0], [1, 0])).toBe(true);
    expect(init('--chunk-types all INIT,DATA', [1, 0])).toBe(false);
    expect(init('--chunk-types only DATA', [0, 0], [1, 0])).toBe(false);
    expect(init('--chunk-types only DATA', [0, 0], [0, 0])).toBe(true);
    expect(init('--chunk-types any DATA:B', [0, 2])).toBe(true);
    expect(init('--chunk-types any DATA:B', [0, 0])).toBe(false);
  });
});

describe('fields', () => {
  table([
    ['-m length --length 40', [{}], [{ payload: 1 }]],
    ['-m length ! --length 0:100', [{ payload: 61 }], [{ payload: 60 }]],
    ['-m ttl --ttl-eq 64', [{}], [{ ttl: 63 }]],
    ['-m ttl ! --ttl-eq 64', [{ ttl: 63 }], [{}]],
    ['-m ttl --ttl-lt 10', [{ ttl: 9 }], [{ ttl: 10 }]],
    ['-m ttl --ttl-gt 64', [{ ttl: 65 }], [{}]],
    ['-m ttl --ttl-lt 0', [], [{ ttl: 0 }, { ttl: 255 }]],
    ['-m ttl --ttl-gt 255', [], [{ ttl: 255 }]],
    ['-m tos --tos 0x10/0x10', [{ tos: 0x18 }], [{ tos: 0x08 }]],
    ['-m dscp --dscp 46', [{ tos: 0xb8 }, { tos: 0xbb }], [{}]],
    ['-m dscp ! --dscp 46', [{}], [{ tos: 0xb8 }]],
    ['-m iprange --src-range 203.0.113.5-203.0.113.9', [{}], [{ src: '203.0.113.10' }, { src: '203.0.113.4' }]],
    ['-m iprange ! --dst-range 10.0.0.0-192.168.56.11', [{ dst: '192.168.56.12' }], [{}, { dst: '127.0.0.1' }]],
    ['-m mark --mark 0x4000/0x4000', [{ mark: 0xffffffff }], [{ mark: 0x8000 }]],
    ['-m mark ! --mark 5', [{ mark: 4 }], [{ mark: 5 }]],
    ['-m mark --mark 0x80000000/0x80000000', [{ mark: 0x80000001 }], [{ mark: 1 }]],
    ['-m comment --comment "all of them"', [{}], []],
  ]);

  test('pkttype tells how the frame was addressed', () => {
    const p = packet();
    p.type = PacketType.Broadcast;
    expect(matcher('-m pkttype --pkt-type broadcast').hits(p)).toBe(true);
    expect(matcher('-m pkttype --pkt-type unicast').hits(p)).toBe(false);
    expect(matcher('-m pkttype ! --pkt-type unicast').hits(p)).toBe(true);
  });

  test('mac compares the sender, and fails without an Ethernet header', () => {
    const p = packet();
    p.bytes.set([2, 0, 0, 0, 0, 9], p.start + 6);
    expect(matcher('-m mac --mac-source 02:00:00:00:00:09').hits(p)).toBe(true);
    expect(matcher('-m mac --mac-source 02:00:00:00:00:08').hits(p)).toBe(false);
    expect(matcher('-m mac ! --mac-source 02:00:00:00:00:08').hits(p)).toBe(true);
    p.start = p.l3;
    expect(matcher('-m mac ! --mac-source 02:00:00:00:00:08').hits(p)).toBe(false);
  });

  test('addrtype asks the router, with limit-iface for one interface', () => {
    const here = packet({ dst: '192.168.56.11', iif: 3 });
    const there = packet({ dst: '192.168.56.12', iif: 3 });
    expect(matcher('-m addrtype --dst-type LOCAL').hits(here)).toBe(true);
    expect(matcher('-m addrtype --dst-type LOCAL').hits(there)).toBe(false);
    expect(matcher('-m addrtype ! --dst-type LOCAL').hits(there)).toBe(true);
    expect(matcher('-m addrtype --dst-type LOCAL --limit-iface-in').hits(here)).toBe(false);
    expect(matcher('-m addrtype --src-type UNICAST,LOCAL --dst-type MULTICAST').hits(packet({ dst: '224.0.0.5' }))).toBe(true);
    expect(matcher('-m addrtype ! --src-type UNICAST --dst-type MULTICAST').hits(packet({ dst: '224.0.0.5' }))).toBe(false);
  });

  test('physdev knows the ports of a bridge', () => {
    const bridged = (physIn: number, physOut: number): Packet => Object.assign(packet(), { physIn, physOut });
    const hits = (args: string, p: Packet): boolean => matcher(`-m physdev ${args}`, Hook.Forward).hits(p);
    expect(hits('--physdev-is-bridged', bridged(2, 3))).toBe(true);
    expect(hits('--physdev-is-bridged', bridged(0, 0))).toBe(false);
    expect(hits('! --physdev-is-bridged', bridged(0, 0))).toBe(true);
    expect(hits('--physdev-in eth0', bridged(2, 3))).toBe(true);
    expect(hits('--physdev-in cni0', bridged(2, 3))).toBe(false);
    expect(hits('! --physdev-in cni0', bridged(0, 0))).toBe(true);
    expect(hits('--physdev-out cni+ --physdev-is-bridged', bridged(2, 3))).toBe(true);
    expect(hits('! --physdev-out cni0 --physdev-is-bridged', bridged(2, 3))).toBe(false);
    expect(hits('--physdev-is-in', bridged(2, 0))).toBe(true);
    expect(hits('! --physdev-is-in', bridged(2, 0))).toBe(false);
  });

  test('rpfilter matches what comes by the way that leads back', () => {
    const hits = (args: string, reverse: boolean, fields: PacketFields = {}): boolean => {
      const m = matcher(`-m rpfilter ${args}`, Hook.Prerouting, 'raw');
      m.env.reverse = reverse;
      return m.hits(packet(fields));
    };
    expect(hits('', true)).toBe(true);
    expect(hits('', false)).toBe(false);
    expect(hits('--invert', false)).toBe(true);
    expect(hits('--invert', false, { src: '0.0.0.0', dst: '255.255.255.255' })).toBe(false);
  });

  test('owner never matches, and says so when it is loaded', () => {
    const m = matcher('-m owner --uid-owner 0', Hook.Output);
    expect(m.hits(packet({ local: true }))).toBe(false);
    expect(m.text.warnings).toEqual(['rules:2: -m owner never matches: the router does not see sockets']);
  });
});

describe('conntrack', () => {
  const hits = (args: string, p: Packet, set: (m: ReturnType<typeof matcher>) => void = () => undefined): boolean => {
    const m = matcher(args);
    set(m);
    return m.hits(p);
  };
  const { Established, EstablishedReply, Related, RelatedReply, New } = CtInfo;

  test('states follow the packet', () => {
    for (const word of ['-m conntrack --ctstate', '-m state --state']) {
      expect(hits(`${word} NEW`, tracked(packet(), New))).toBe(true);
      expect(hits(`${word} NEW`, tracked(packet(), Established))).toBe(false);
      expect(hits(`${word} ESTABLISHED`, tracked(packet(), EstablishedReply))).toBe(true);
      expect(hits(`${word} RELATED,ESTABLISHED`, tracked(packet(), RelatedReply))).toBe(true);
      expect(hits(`${word} RELATED`, tracked(packet(), Related))).toBe(true);
      expect(hits(`${word} INVALID`, packet())).toBe(true);
      expect(hits(`${word} INVALID`, Object.assign(packet(), { untracked: true }))).toBe(false);
      expect(hits(`${word} UNTRACKED`, Object.assign(packet(), { untracked: true }))).toBe(true);
    }
    expect(hits('-m conntrack ! --ctstate NEW', tracked(packet(), Established))).toBe(true);
    expect(hits('-m state ! --state NEW', packet())).toBe(true);
  });

  test('SNAT and DNAT are states of the entry', () => {
    const nat = (bits: number) => (m: ReturnType<typeof matcher>) => {
      m.ct.statusBits = bits;
    };
    expect(hits('-m conntrack --ctstate DNAT', tracked(packet(), Established), nat(1 << 5))).toBe(true);
    expect(hits('-m conntrack --ctstate SNAT', tracked(packet(), Established), nat(1 << 5))).toBe(false);
    expect(hits('-m conntrack ! --ctstate RELATED,DNAT', tracked(packet(), New), nat(1 << 5))).toBe(false);
    expect(hits('-m conntrack --ctstate DNAT', packet(), nat(1 << 5))).toBe(false);
  });

  test('the tuple of either direction', () => {
    const set = (m: ReturnType<typeof matcher>): void => {
      m.ct.orig = { src: parseIpv4('10.244.1.5'), dst: parseIpv4('10.96.0.10'), srcPort: 40000, dstPort: 80 };
      m.ct.repl = { src: parseIpv4('10.244.2.2'), dst: parseIpv4('10.244.1.5'), srcPort: 8080, dstPort: 40000 };
      m.ct.expires = 30_999;
      m.ct.statusBits = 8 | 2;
    };
    const both = (args: string, want: boolean): void => {
      expect(hits(`-m conntrack ${args}`, tracked(packet()), set), args).toBe(want);
    };
    both('--ctorigsrc 10.244.0.0/16', true);
    both('! --ctorigsrc 10.244.0.0/16', false);
    both('--ctorigdst 10.96.0.10 --ctorigdstport 80', true);
    both('--ctorigdst 10.96.0.11', false);
    both('--ctreplsrc 10.244.2.2 --ctreplsrcport 8000:8100', true);
    both('! --ctreplsrcport 8000:8100', false);
    both('--ctrepldst 10.244.1.5 --ctrepldstport 40000 --ctorigsrcport 40000', true);
    both('--ctproto tcp', true);
    both('--ctproto udp', false);
    both('! --ctproto 17', true);
    both('--ctdir ORIGINAL', true);
    both('--ctdir REPLY', false);
    both('--ctexpire 30', true);
    both('--ctexpire 31:40', false);
    both('--ctstatus SEEN_REPLY', true);
    both('--ctstatus ASSURED', false);
    both('! --ctstatus ASSURED', true);
    both('--ctstatus ASSURED,CONFIRMED', true);
    both('--ctstatus NONE', false);
  });

  test('without an entry the state alone decides', () => {
    expect(hits('-m conntrack --ctorigdst 10.96.0.10', packet())).toBe(false);
    expect(hits('-m conntrack ! --ctorigdst 10.96.0.10', packet())).toBe(false);
    expect(hits('-m conntrack --ctstate INVALID --ctorigdst 10.96.0.10', packet())).toBe(true);
    expect(hits('-m conntrack --ctstate NEW --ctorigdst 10.96.0.10', packet())).toBe(false);
  });

  test('connmark wants an entry, inverted or not', () => {
    const marked = (m: ReturnType<typeof matcher>): void => {
      m.ct.ctMark = 0x30;
    };
    expect(hits('-m connmark --mark 0x10/0x10', tracked(packet()), marked)).toBe(true);
    expect(hits('-m connmark --mark 0x40/0x40', tracked(packet()), marked)).toBe(false);
    expect(hits('-m connmark ! --mark 0x40/0x40', tracked(packet()), marked)).toBe(true);
    expect(hits('-m connmark ! --mark 0x40/0x40', packet(), marked)).toBe(false);
  });
});
