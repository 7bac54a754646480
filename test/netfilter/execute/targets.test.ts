import { describe, expect, test } from 'vitest';
import { parseIpv4 } from '../../../src/base/address.ts';
import { DropReason } from '../../../src/base/drop-reason.ts';
import { Manip, RangeFlag } from '../../../src/conntrack/nat/range.ts';
import { rejectTypes, type TableName } from '../../../src/netfilter/ruleset.ts';
import type { Packet } from '../../../src/packet/packet.ts';
import { Hook, hookNames, Verdict } from '../../../src/packet/verdict.ts';
import * as checksum from '../../../src/wire/checksum.ts';
import * as ipv4 from '../../../src/wire/ipv4.ts';
import * as tcp from '../../../src/wire/tcp.ts';
import { node, packet, rulesOf, tracked } from './support.ts';

const { MapIps, ProtoSpecified, ProtoRandom, ProtoRandomFully, Persistent, ProtoOffset } = RangeFlag;

/** Runs a packet through one rule; gives back the verdict and the node. */
function run(tableName: TableName, hook: Hook, args: string, p: Packet, prepare: (n: ReturnType<typeof node>) => void = () => undefined) {
  const n = node(rulesOf(`*${tableName}`, `-A ${hookNames[hook]} ${args}`));
  prepare(n);
  const verdict = n.netfilter.run(tableName, hook, p);
  return { ...n, verdict };
}

describe('NAT', () => {
  const dst = (args: string) => run('nat', Hook.Prerouting, `-p tcp -j ${args}`, tracked(packet({ dst: '10.96.0.10' }))).ct.bindings;
  const src = (args: string) => run('nat', Hook.Postrouting, `-p tcp -j ${args}`, tracked(packet({ oif: 4 }))).ct.bindings;
  const pod = parseIpv4('10.244.2.2');
  const none = { ct: 0, manip: Manip.Dst, flags: 0, min: 0, max: 0, minPort: 0, maxPort: 0, base: 0 };

  test('DNAT binds the destination', () => {
    expect(dst('DNAT --to-destination 10.244.2.2:8080')).toEqual([
      { ...none, flags: MapIps | ProtoSpecified, min: pod, max: pod, minPort: 8080, maxPort: 8080 },
    ]);
    expect(dst('DNAT --to-destination 10.244.2.2-10.244.2.9 --persistent')).toEqual([
      { ...none, flags: MapIps | Persistent, min: pod, max: parseIpv4('10.244.2.9') },
    ]);
    expect(dst('DNAT --to-destination :8080 --random')).toEqual([
      { ...none, flags: ProtoSpecified | ProtoRandom, minPort: 8080, maxPort: 8080 },
    ]);
    expect(dst('DNAT --to-destination 10.244.2.2:5000-5010/80')).toEqual([
      { ...none, flags: MapIps | ProtoSpecified | ProtoOffset, min: pod, max: pod, minPort: 5000, maxPort: 5010, base: 80 },
    ]);
  });

  test('SNAT binds the source', () => {
    expect(src('SNAT --to-source 10.244.2.2:40000-60000 --random-fully')).toEqual([
      { ...none, manip: Manip.Src, flags: MapIps | ProtoSpecified | ProtoRandomFully, min: pod, max: pod, minPort: 40000, maxPort: 60000 },
    ]);
  });

  test('MASQUERADE takes the address of the way out, and drops where there is none', () => {
    const address = parseIpv4('10.244.1.0');
    const p = tracked(packet({ oif: 4 }));
    const from = (n: ReturnType<typeof node>): void => {
      n.ct.orig.src = ipv4.src(p.bytes, p.l3);
    };
    const { ct, verdict } = run('nat', Hook.Postrouting, '-j MASQUERADE --random-fully', p, from);
    expect(verdict).toBe(Verdict.Accept);
    expect(ct.bindings).toEqual([{ ...none, manip: Manip.Src, flags: MapIps | ProtoRandomFully, min: address, max: address }]);
    expect(ct.masqueraded).toBe(4);
    p.oif = 0;
    expect(run('nat', Hook.Postrouting, '-j MASQUERADE', p, from).verdict).toBe(Verdict.Drop);
  });

  test('REDIRECT goes to the interface by which the packet came, in OUTPUT to 127.0.0.1', () => {
    const node1 = parseIpv4('192.168.56.11');
    expect(dst('REDIRECT --to-ports 3128')).toEqual([
      { ...none, flags: MapIps | ProtoSpecified, min: node1, max: node1, minPort: 3128, maxPort: 3128 },
    ]);
    const local = parseIpv4('127.0.0.1');
    const { ct } = run('nat', Hook.Output, '-j REDIRECT', tracked(packet({ local: true, oif: 2 })));
    expect(ct.bindings).toEqual([{ ...none, flags: MapIps, min: local, max: local }]);
  });

  test('NETMAP changes the network and keeps the host', () => {
    const to = parseIpv4('172.16.0.10');
    expect(dst('NETMAP --to 172.16.0.0/24')).toEqual([{ ...none, flags: MapIps, min: to, max: to }]);
    const source = parseIpv4('172.16.0.9');
    expect(src('NETMAP --to 172.16.0.0/24')).toEqual([{ ...none, manip: Manip.Src, flags: MapIps, min: source, max: source }]);
  });

  test('a binding ends the table', () => {
    const n = node(rulesOf('*nat', '-A PREROUTING -j DNAT --to-destination 10.244.2.2', '-A PREROUTING -j MARK --set-mark 1'));
    const p = tracked(packet());
    expect(n.netfilter.run('nat', Hook.Prerouting, p)).toBe(Verdict.Accept);
    expect(p.mark).toBe(0);
  });
});

describe('REJECT', () => {
  test.each(rejectTypes)('--reject-with %s answers and drops', type => {
    const p = packet();
    const { env, verdict } = run('filter', Hook.Forward, `-p tcp -j REJECT --reject-with ${type}`, p);
    expect(env.rejected).toEqual([rejectTypes.indexOf(type)]);
    expect(verdict).toBe(Verdict.Drop);
    expect(p.reason).toBe(DropReason.NetfilterReject);
  });
});

describe('marks', () => {
  const mark = (args: string, from: number): number => {
    const p = packet({ mark: from });
    run('mangle', Hook.Prerouting, `-j MARK ${args}`, p);
    return p.mark;
  };
  test('MARK in each of its forms', () => {
    expect(mark('--set-mark 0x4000', 0xffff)).toBe(0x4000);
    expect(mark('--set-mark 0x10/0x10', 0x0f)).toBe(0x1f);
    expect(mark('--set-xmark 0x4000/0x0', 0x4001)).toBe(1);
    expect(mark('--set-xmark 0x4000/0x4000', 0x4001)).toBe(0x4001);
    expect(mark('--or-mark 0x80000000', 1)).toBe(0x80000001);
    expect(mark('--and-mark 0xf0', 0xff)).toBe(0xf0);
    expect(mark('--xor-mark 0xff', 0x0f)).toBe(0xf0);
  });

  const connmark = (args: string, packetMark: number, ctMark: number): [number, number] => {
    const p = tracked(packet({ mark: packetMark }));
    const { ct } = run('mangle', Hook.Prerouting, `-j CONNMARK ${args}`, p, n => {
      n.ct.ctMark = ctMark;
    });
    return [p.mark, ct.ctMark];
  };
  test('CONNMARK sets, saves and restores', () => {
    expect(connmark('--set-xmark 0x10/0xff', 1, 0xab01)).toEqual([1, 0xab10]);
    expect(connmark('--save-mark', 0xdeadbeef, 1)).toEqual([0xdeadbeef, 0xdeadbeef]);
    expect(connmark('--restore-mark', 1, 0xdeadbeef)).toEqual([0xdeadbeef, 0xdeadbeef]);
    expect(connmark('--save-mark --nfmask 0xff --ctmask 0xff00', 0x12ff, 0xabcd)).toEqual([0x12ff, (0xabcd & ~0xff00) ^ 0xff]);
    expect(connmark('--restore-mark --mask 0x0f', 0xf0, 0xff)).toEqual([0xff, 0xff]);
    expect(connmark('--or-mark 0x80000000', 0, 1)).toEqual([0, 0x80000001]);
  });
  test('CONNMARK leaves a packet without entry alone', () => {
    const p = packet({ mark: 3 });
    const { ct } = run('mangle', Hook.Prerouting, '-j CONNMARK --save-mark', p);
    expect([p.mark, ct.ctMark]).toEqual([3, 0]);
  });
});

describe('header fields', () => {
  const changed = (args: string, fields = {}): Packet => {
    const p = packet(fields);
    run('mangle', Hook.Prerouting, `-j ${args}`, p);
    expect(checksum.holds(0, p.bytes, p.l3, p.l4)).toBe(true);
    return p;
  };
  const ttl = (args: string, from = 64): number => ipv4.ttl(changed(args, { ttl: from }).bytes, 270);
  const tos = (args: string, from = 0): number => ipv4.tos(changed(args, { tos: from }).bytes, 270);

  test('TTL is set, raised and lowered within its bounds', () => {
    expect([ttl('TTL --ttl-set 1'), ttl('TTL --ttl-inc 1'), ttl('TTL --ttl-dec 1')]).toEqual([1, 65, 63]);
    expect([ttl('TTL --ttl-inc 10', 250), ttl('TTL --ttl-dec 10', 5)]).toEqual([255, 0]);
  });
  test('TOS and DSCP keep the bits that are not theirs', () => {
    expect([tos('TOS --set-tos 0x10/0x10', 0x03), tos('TOS --xor-tos 0x03', 0x01), tos('TOS --and-tos 0xfc', 0xff)]).toEqual([
      0x13, 2, 0xfc,
    ]);
    expect([tos('DSCP --set-dscp 46', 0x03), tos('DSCP --set-dscp-class AF11', 1)]).toEqual([0xbb, 0x29]);
  });
});

describe('TCPMSS', () => {
  const syn = (options: number[], payload = 0): Packet => {
    const p = packet({ options, payload, oif: 4 });
    tcp.setChecksum(p.bytes, p.l4, tcpSum(p));
    return p;
  };
  const tcpSum = (p: Packet): number => {
    const b = p.bytes;
    const pseudo = checksum.pseudoHeader(ipv4.src(b, p.l3), ipv4.dst(b, p.l3), 6, p.end - p.l4);
    return checksum.finish(checksum.add(pseudo, b, p.l4, p.end));
  };
  /** Right when the sum over all of it with the field is 0. */
  const holds = (p: Packet): boolean =>
    tcpSum(p) === 0 && checksum.holds(0, p.bytes, p.l3, p.l4) && ipv4.totalLength(p.bytes, p.l3) === p.end - p.l3;
  const clamp = (p: Packet, mtu: number, args = '--clamp-mss-to-pmtu') =>
    run('mangle', Hook.Forward, `-p tcp -m tcp --tcp-flags SYN,RST SYN -j TCPMSS ${args}`, p, n => {
      n.env.mtu = mtu;
    }).verdict;
  const mss = (p: Packet): number => {
    const at = tcp.findOption(p.bytes, p.l4, tcp.Option.Mss);
    return at < 0 ? -1 : (p.bytes[at + 2]! << 8) | p.bytes[at + 3]!;
  };

  test('lowers the option to what the path takes, and the checksum with it', () => {
    const p = syn([2, 4, 5, 180]);
    clamp(p, 1450);
    expect(mss(p)).toBe(1410);
    expect(holds(p)).toBe(true);
  });
  test('lowers an option that stands at an odd offset', () => {
    const p = syn([1, 2, 4, 5, 180, 1, 1, 1]);
    clamp(p, 1450, '--set-mss 1000');
    expect(mss(p)).toBe(1000);
    expect(holds(p)).toBe(true);
  });
  test('never raises it', () => {
    const p = syn([2, 4, 2, 0]);
    clamp(p, 1450);
    expect(mss(p)).toBe(512);
    clamp(p, 1450, '--set-mss 1400');
    expect(mss(p)).toBe(512);
  });
  test('adds one that is missing, at most 536', () => {
    const p = syn([1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0]);
    clamp(p, 1450);
    expect(mss(p)).toBe(536);
    expect(tcp.headerLength(p.bytes, p.l4)).toBe(36);
    expect(holds(p)).toBe(true);
    const small = syn([]);
    clamp(small, 400);
    expect(mss(small)).toBe(360);
    expect(holds(small)).toBe(true);
  });
  test('adds none to a SYN with data, or where the frame is full', () => {
    const p = syn([], 10);
    clamp(p, 1450);
    expect(mss(p)).toBe(-1);
    const full = syn([]);
    full.ceiling = full.end + 3;
    clamp(full, 1450);
    expect(mss(full)).toBe(-1);
  });
  test('keeps a partial checksum the sum of the pseudo-header', () => {
    const partial = (p: Packet): number =>
      checksum.fold(checksum.pseudoHeader(ipv4.src(p.bytes, p.l3), ipv4.dst(p.bytes, p.l3), 6, p.end - p.l4));
    for (const options of [[2, 4, 5, 180], []]) {
      const p = packet({ options, oif: 4 });
      p.csumStart = p.l4;
      p.csumOffset = tcp.CHECKSUM_OFFSET;
      tcp.setChecksum(p.bytes, p.l4, partial(p));
      clamp(p, 1450);
      expect(mss(p)).toBeLessThan(1460);
      expect(tcp.checksum(p.bytes, p.l4)).toBe(partial(p));
    }
  });
  test('drops a header that is broken', () => {
    const p = syn([]);
    p.bytes[p.l4 + 12] = 0x40;
    expect(clamp(p, 1450)).toBe(Verdict.Drop);
  });
});

describe('raw', () => {
  const raw = (args: string, p = packet()): Packet => {
    run('raw', Hook.Prerouting, args, p);
    return p;
  };
  test('NOTRACK and CT --notrack keep conntrack away', () => {
    expect(raw('-j NOTRACK').untracked).toBe(true);
    expect(raw('-j CT --notrack').untracked).toBe(true);
  });
  test('CT --zone chooses where the flow is looked for', () => {
    expect(raw('-j CT --zone 7').zone).toBe(7 | (3 << 16));
    expect(raw('-j CT --zone-orig 7').zone).toBe(7 | (1 << 16));
    expect(raw('-j CT --zone-reply mark', packet({ mark: 0x10009 })).zone).toBe(9 | (2 << 16));
  });
  test('the first of them decides', () => {
    const n = node(rulesOf('*raw', '-A PREROUTING -j CT --zone 7', '-A PREROUTING -j CT --notrack', '-A PREROUTING -j CT --zone 8'));
    const p = packet();
    n.netfilter.run('raw', Hook.Prerouting, p);
    expect([p.zone & 0xffff, p.untracked]).toEqual([7, false]);
  });
  test('TRACE marks the packet for those who watch', () => {
    expect(raw('-j TRACE').traced).toBe(true);
  });
});

describe('notices', () => {
  test('LOG and NFLOG tell the router which rule it was, and go on', () => {
    const n = node(rulesOf('*filter', '-A INPUT -j LOG --log-prefix "in: "', '-A INPUT -j NFLOG --nflog-group 5', '-A INPUT -j DROP'));
    expect(n.netfilter.run('filter', Hook.Input, packet())).toBe(Verdict.Drop);
    expect(n.env.logged.map(c => n.text.of(c).rule!.target!)).toMatchObject([
      { kind: 'LOG', prefix: 'in: ' },
      { kind: 'NFLOG', group: 5 },
    ]);
  });
  test('CLASSIFY sets the priority', () => {
    const p = packet({ oif: 2 });
    run('mangle', Hook.Postrouting, '-j CLASSIFY --set-class ffff:1', p);
    expect(p.priority).toBe(0xffff0001);
  });
});
