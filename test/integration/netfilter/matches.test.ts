/**
 * The matches against the kernel's: one table of many rules, thousands of random packets, and the same counters at the end. Rules stand in
 * raw PREROUTING, where nothing has touched the packets yet, and have no target, so that each of them counts for itself.
 * Needs: TUN and the right to make network namespaces with iptables.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { SeededRandom } from '../../../src/base/random.ts';
import { readRuleSet } from '../../../src/netfilter/text/read.ts';
import type { Packet } from '../../../src/packet/packet.ts';
import { Hook } from '../../../src/packet/verdict.ts';
import { FakeEnvironment, node, packet } from '../../netfilter/execute/support.ts';
import { noTun, title } from '../device/sandbox.ts';
import type { Injection } from './inject.ts';

const stateless = [
  '-s 10.1.0.0/30',
  '! -s 10.1.0.0/29',
  '-d 10.2.0.1/255.255.0.255',
  '-i tun0',
  '-i tu+ -p udp',
  '! -i eth0',
  '-f',
  '! -f',
  '! -p tcp',
  '-p tcp -m tcp --dport 80',
  '-p tcp -m tcp ! --dport 80:82',
  '-p tcp -m tcp --sport 1:50 --dport 81',
  '-p tcp -m tcp --tcp-flags SYN,ACK,RST SYN',
  '-p tcp -m tcp ! --tcp-flags FIN,SYN FIN,SYN',
  '-p tcp -m tcp --tcp-option 2',
  '-p tcp -m tcp ! --tcp-option 8',
  '-p udp -m udp --dport 80',
  '-p udp -m udp ! --sport 50',
  '-p icmp -m icmp --icmp-type 8',
  '-p icmp -m icmp ! --icmp-type 3/1',
  '-p icmp -m icmp --icmp-type 3',
  '-p tcp -m multiport --dports 80,82:83',
  '-p udp -m multiport ! --ports 80,50',
  '-p tcp -m multiport --sports 49,50',
  '-p sctp -m sctp --dport 80',
  '-p sctp -m sctp --chunk-types any DATA',
  '-m length --length 40:48',
  '-m length ! --length 28',
  '-m ttl --ttl-eq 64',
  '-m ttl --ttl-lt 64',
  '-m ttl --ttl-gt 64',
  '-m tos --tos 0x10/0x3f',
  '-m tos ! --tos 0xb8/0xff',
  '-m dscp --dscp 46',
  '-p tcp -m tcpmss --mss 1400:1500',
  '-p tcp -m tcpmss ! --mss 1400:1500',
  '-m iprange --src-range 10.1.0.2-10.1.0.5',
  '-m iprange ! --dst-range 10.2.0.0-10.2.0.3 --src-range 10.1.0.0-10.1.0.7',
  '-m mark --mark 0',
  '-m mark ! --mark 1/1',
  '-m pkttype --pkt-type unicast',
  '-m mac ! --mac-source 02:00:00:00:00:01',
  '-m physdev ! --physdev-is-bridged',
  '-m physdev --physdev-is-in',
  '-m addrtype --dst-type MULTICAST',
  '-m statistic --mode random --probability 1',
  '-m statistic --mode random --probability 0',
];
/** No time passes for them that counts: seconds are hours, and refills slow. */
const stateful = [
  '-m statistic --mode nth --every 3 --packet 1',
  '-m statistic --mode nth ! --every 4 --packet 0',
  '-m limit --limit 1/hour --limit-burst 50',
  '-p udp -m limit --limit 20/day --limit-burst 7',
  '-m hashlimit --hashlimit-upto 1/hour --hashlimit-burst 20 --hashlimit-mode srcip --hashlimit-name h1',
  '-m hashlimit --hashlimit-above 1/hour --hashlimit-burst 9 --hashlimit-mode srcip,dstport --hashlimit-name h2',
  '-m hashlimit --hashlimit-upto 1/hour --hashlimit-burst 30 --hashlimit-mode dstip --hashlimit-dstmask 30 --hashlimit-name h3',
  '-p icmp -m recent --set --name a --rsource',
  '-p tcp -m recent --rcheck --name a --rsource',
  '-p udp -m recent --update --seconds 7200 --hitcount 4 --name a --rsource',
  '-p udp -m recent ! --rcheck --hitcount 20 --name a --rsource',
  '-m ttl --ttl-eq 65 -m recent --remove --name a --rsource',
  '-m recent --rcheck --rttl --name a --rsource',
  '-p tcp -m recent --set --name nets --mask 255.255.255.252 --rdest',
  '-p udp -m recent --rcheck --seconds 3600 --reap --name nets --mask 255.255.255.252 --rdest',
  '-p tcp -m recent --set --name many --rdest -m ttl --ttl-eq 64',
  '-p udp -m recent --rcheck --name many --rdest',
];

class Traffic {
  readonly #random: SeededRandom;
  constructor(seed: number) {
    this.#random = new SeededRandom(seed);
  }
  #one<T>(of: readonly T[]): T {
    return of[this.#random.below(of.length)]!;
  }
  /** @param broken one in this many has its transport header cut short, some are fragments that would overwrite one; 0: none */
  next(addresses: number, broken: number, fragments = true): Packet {
    const r = this.#random;
    const protocol = this.#one([6, 6, 6, 17, 17, 1, 132, 47]);
    const p = packet({
      src: `10.1.0.${r.below(addresses)}`,
      dst: r.below(20) === 0 ? '224.0.0.5' : `10.2.0.${r.below(addresses * 3)}`,
      protocol,
      srcPort: 48 + r.below(4),
      dstPort: 79 + r.below(5),
      flags: this.#one([2, 16, 18, 4, 17]),
      options: this.#one([[], [], [2, 4, 5, 180], [1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0], [2, 4, 6, 0, 4, 2, 1, 0]]),
      type: this.#one([8, 0, 3]),
      code: r.below(2),
      ttl: this.#one([63, 64, 64, 65]),
      tos: this.#one([0, 0x10, 0xb8]),
      payload: this.#one([0, 0, 8]),
      fragment: fragments ? this.#one([0, 0, 0, 0, 0, 0, 0x2000, 2, ...(broken ? [1] : [])]) : 0,
      cut: broken && r.below(broken) === 0 ? 1 + r.below(8) : 0,
      iif: 2,
    });
    if (protocol === 132) p.bytes.set([this.#one([0, 1]), 0, 0, 4, 0, 0, 0, 8], p.l4 + 12);
    return p;
  }
}

const hexOf = (p: Packet): string => Buffer.from(p.bytes.subarray(p.l3, p.end)).toString('hex');

/** Counters of the rules in the order of the file. */
function kernel(injection: Injection): string[] {
  const dir = mkdtempSync(join(tmpdir(), 'kubehop-matches-'));
  try {
    const file = join(dir, 'injection.json');
    writeFileSync(file, JSON.stringify(injection));
    const own = process.getuid?.() === 0 ? [] : ['--user', '--map-root-user'];
    const script = join(import.meta.dirname, 'inject.ts');
    const out = execFileSync('unshare', [...own, '--net', '--mount', process.execPath, script, file], {
      encoding: 'utf8',
      maxBuffer: 1 << 26,
    });
    return [...out.matchAll(/^\[(\d+):(\d+)\] -A PREROUTING /gm)].map(m => `${m[1]}:${m[2]}`);
  } finally {
    rmSync(dir, { recursive: true });
  }
}

function router(rules: string, packets: readonly Packet[]): string[] {
  const env = new FakeEnvironment();
  env.names = ['', 'lo', 'tun0'];
  const n = node(readRuleSet(rules).ruleSet, {}, env);
  for (const p of packets) {
    // A TUN frame has no Ethernet header.
    p.start = p.l3;
    n.netfilter.run('raw', Hook.Prerouting, p);
  }
  const { first, chain } = n.text.chains.find(c => c.chain.name === 'PREROUTING')!;
  return chain.rules.map((_, i) => Object.values(n.text.counters(first + i)).join(':'));
}

function compare(tool: 'legacy' | 'nft', args: readonly string[], packets: readonly Packet[]): void {
  const rules = ['*raw', ...args.map(a => `-A PREROUTING ${a}`), 'COMMIT', ''].join('\n');
  const injection = { restore: `iptables-${tool}-restore`, save: `iptables-${tool}-save`, rules, packets: packets.map(hexOf) };
  const want = kernel(injection);
  const got = router(rules, packets);
  expect(args.map((a, i) => `${got[i]} ${a}`)).toEqual(args.map((a, i) => `${want[i]} ${a}`));
}

describe.skipIf(noTun)(title('matches count what the kernel counts', noTun), () => {
  // iptables-nft turns tests of ports into nft's own, and those read the ports of later fragments too: only whole packets there.
  test.each(['legacy', 'nft'] as const)('each of its own (%s)', tool => {
    const traffic = new Traffic(1);
    compare(
      tool,
      stateless,
      Array.from({ length: 3000 }, () => traffic.next(8, 0, tool === 'legacy')),
    );
  });

  test('packets that are cut short or would overwrite a header', () => {
    const traffic = new Traffic(2);
    compare(
      'legacy',
      stateless,
      Array.from({ length: 2000 }, () => traffic.next(8, 10)),
    );
  });

  test('with a memory', () => {
    const traffic = new Traffic(3);
    compare(
      'legacy',
      stateful,
      Array.from({ length: 3000 }, () => traffic.next(60, 0)),
    );
  });
});
