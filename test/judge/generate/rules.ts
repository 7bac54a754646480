/**
 * Rule sets at random, of what both sides execute, biased to what Service networking uses. Every built-in chain begins with the
 * sentinels' rule. Random choices (`statistic --mode random`, address ranges, `--random`) have no place here: they are judged as
 * distributions.
 */
import { address, hosts, links } from '../topology.ts';
import { SENTINEL_PROTOCOL } from '../wires.ts';
import type { Chooser } from './choose.ts';

const chains = {
  raw: ['PREROUTING', 'OUTPUT'],
  mangle: ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'],
  nat: ['PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING'],
  filter: ['INPUT', 'FORWARD', 'OUTPUT'],
} as const;
type TableName = keyof typeof chains;

export const ports = [53, 80, 443, 600, 1000, 8080, 30080, 40000] as const;

export function randomRules(c: Chooser): string[] {
  const lines: string[] = [];
  // A table that is not named stays as it was (iptables-restore), so each is named, if only to be empty.
  for (const table of ['raw', 'mangle', 'nat', 'filter'] as const) lines.push(...randomTable(c, table, c.oneIn(3)));
  return lines;
}

function randomTable(c: Chooser, table: TableName, empty: boolean): string[] {
  const users = Array.from({ length: empty ? 0 : c.below(4) }, (_, i) => `U${i}`);
  const policy = (chain: string): string => (table === 'filter' && !empty && chain !== 'OUTPUT' && c.oneIn(6) ? 'DROP' : 'ACCEPT');
  const lines = [`*${table}`, ...chains[table].map(chain => `:${chain} ${policy(chain)} [0:0]`), ...users.map(u => `:${u} - [0:0]`)];
  for (const chain of chains[table]) {
    // The second rule does nothing but start conntrack, which runs when a rule asks for it.
    if (table === 'raw' && chain === 'PREROUTING')
      lines.push(`-A ${chain} -p ${SENTINEL_PROTOCOL} -j NOTRACK`, `-A ${chain} -p ${SENTINEL_PROTOCOL} -m conntrack --ctstate DNAT`);
    lines.push(`-A ${chain} -p ${SENTINEL_PROTOCOL} -j ACCEPT`);
    for (let i = empty ? 0 : c.below(5); i > 0; i--) lines.push(randomRule(c, table, chain, chain, users));
  }
  for (const [i, user] of users.entries()) {
    // A chain jumps only to later ones: no loops. NAT targets stand in chains of one hook's callers, so users get none.
    for (let n = c.below(4); n > 0; n--) lines.push(randomRule(c, table, user, 'user', users.slice(i + 1)));
  }
  lines.push('COMMIT');
  return lines;
}

function randomRule(c: Chooser, table: TableName, chain: string, hook: string, users: readonly string[]): string {
  const protocol = c.weighted([
    [3, 'tcp'],
    [3, 'udp'],
    [1, 'icmp'],
    [2, ''],
  ] as const);
  const parts = [`-A ${chain}`];
  if (c.oneIn(3)) parts.push(not(c), `-s ${network(c)}`);
  if (c.oneIn(2)) parts.push(not(c), `-d ${network(c)}`);
  if (c.oneIn(5) && !['OUTPUT', 'POSTROUTING', 'user'].includes(hook)) parts.push(not(c), `-i ${c.of(links).name}`);
  if (c.oneIn(5) && ['FORWARD', 'OUTPUT', 'POSTROUTING'].includes(hook)) parts.push(not(c), `-o ${c.of(links).name}`);
  if (protocol) parts.push(`-p ${protocol}`);
  // A match is named once: iptables itself runs two `-m udp` together into one.
  const named = new Set<string>();
  for (let n = c.below(3); n > 0; n--) {
    const match = randomMatch(c, protocol, table, hook);
    const name = match.split(' ')[1] ?? '';
    if (!named.has(name)) parts.push(match);
    named.add(name);
  }
  const target = randomTarget(c, table, hook, protocol, users);
  if (target) parts.push(target);
  return parts.filter(Boolean).join(' ');
}

const not = (c: Chooser): string => (c.oneIn(6) ? '!' : '');

function network(c: Chooser): string {
  const link = c.of(links);
  return c.weighted([
    [4, `${address(link.net, c.of(hosts))}/32`],
    [2, `10.0.${link.net}.0/24`],
    [1, `${address(link.net, 1)}/32`],
    [1, '198.51.100.0/24'],
    [1, '10.0.0.0/8'],
  ]);
}

function randomMatch(c: Chooser, protocol: string, table: TableName, hook: string): string {
  const port = (): string => (c.oneIn(4) ? `${c.of([1, 500, 1024])}:${c.of([2000, 9000, 65535])}` : String(c.of(ports)));
  const transport = protocol === 'tcp' || protocol === 'udp';
  const options: (readonly [number, () => string])[] = [
    [4, () => (transport ? `-m ${protocol} ${not(c)} --dport ${port()}` : '')],
    [2, () => (transport ? `-m ${protocol} ${not(c)} --sport ${port()}` : '')],
    [
      1,
      () =>
        transport
          ? `-m multiport ${not(c)} --${c.of(['sports', 'dports', 'ports'])} ${c.of(ports)},${c.of([1, 600])}:${c.of([800, 9000])}`
          : '',
    ],
    [
      1,
      () =>
        protocol === 'tcp' ? `-m tcp ${not(c)} --tcp-flags ${c.of(['SYN,RST,ACK', 'FIN,SYN', 'ALL'])} ${c.of(['SYN', 'ACK', 'NONE'])}` : '',
    ],
    [1, () => (protocol === 'icmp' ? `-m icmp ${not(c)} --icmp-type ${c.of(['8', '0', '3', '3/3', '11'])}` : '')],
    [
      4,
      () =>
        table === 'raw'
          ? ''
          : `-m conntrack ${not(c)} --ctstate ${c.of(['NEW', 'ESTABLISHED', 'RELATED,ESTABLISHED', 'INVALID', 'NEW,RELATED', 'DNAT', 'SNAT', 'UNTRACKED'])}`,
    ],
    [1, () => (table === 'raw' ? '' : `-m conntrack ${not(c)} --ctdir ${c.of(['ORIGINAL', 'REPLY'])}`.replace('! --ctdir', '--ctdir'))],
    [1, () => (table === 'raw' ? '' : `-m conntrack ${not(c)} --ctstatus ${c.of(['ASSURED', 'SEEN_REPLY', 'CONFIRMED', 'NONE'])}`)],
    [1, () => (table === 'raw' ? '' : `-m conntrack ${not(c)} --ctorigdstport ${c.of(ports)}`)],
    [3, () => `-m mark ${not(c)} --mark ${c.of(['0x1', '0x4000/0x4000', '0x2/0x3', '0x0'])}`],
    [1, () => (table === 'raw' ? '' : `-m connmark ${not(c)} --mark ${c.of(['0x1', '0x10/0xf0'])}`)],
    [2, () => `-m addrtype ${not(c)} --dst-type ${c.of(['LOCAL', 'UNICAST', 'BROADCAST', 'MULTICAST', 'BLACKHOLE', 'UNREACHABLE'])}`],
    [1, () => `-m addrtype ${not(c)} --src-type ${c.of(['LOCAL', 'UNICAST'])}`],
    [1, () => `-m length ${not(c)} --length ${c.of(['0:60', '61:1500', '40'])}`],
    [1, () => `-m ttl --ttl-${c.of(['eq', 'lt', 'gt'])} ${c.of([1, 2, 63, 64])}`],
    [1, () => `-m tos ${not(c)} --tos ${c.of(['0x10/0xff', '0x00/0x3f'])}`],
    [1, () => `-m dscp ${not(c)} --dscp ${c.of(['0x00', '0x04', '0x2e'])}`],
    [1, () => `-m iprange ${not(c)} --${c.of(['src', 'dst'])}-range 10.0.${c.of(links).net}.2-10.0.${c.of(links).net + 1}.4`],
    [1, () => `-m statistic --mode nth ${not(c)} --every ${c.of([2, 3])} --packet 0`],
    [
      1,
      () =>
        ['PREROUTING', 'INPUT', 'FORWARD'].includes(hook)
          ? `-m pkttype ${not(c)} --pkt-type ${c.of(['unicast', 'broadcast', 'multicast'])}`
          : '',
    ],
    [1, () => '-m comment --comment "a comment"'],
  ];
  return c.weighted(options)();
}

function randomTarget(c: Chooser, table: TableName, hook: string, protocol: string, users: readonly string[]): string {
  const common: (readonly [number, string])[] = [
    [2, '-j ACCEPT'],
    [1, '-j RETURN'],
    [1, ''],
    [users.length > 0 ? 4 : 0, `-j ${c.of([...users, 'ACCEPT'])}`],
    [users.length > 0 ? 1 : 0, `-g ${c.of([...users, 'ACCEPT'])}`],
  ];
  const usable = common.filter(([, t]) => !t.startsWith('-g ACCEPT'));
  switch (table) {
    case 'raw':
      return c.weighted([...usable, [1, '-j DROP'], [2, '-j NOTRACK']]);
    case 'mangle':
      return c
        .weighted([
          ...usable,
          [1, '-j DROP'],
          [4, `-j MARK --set-xmark ${c.of(['0x1/0xffffffff', '0x4000/0x4000', '0x4000/0x0', '0x2/0x3'])}`],
          [
            2,
            `-j CONNMARK ${c.of(['--set-xmark 0x1/0xffffffff', '--save-mark --nfmask 0xff --ctmask 0xff', '--restore-mark --nfmask 0xffffffff --ctmask 0xffffffff'])}`,
          ],
          [1, `-j TTL --ttl-${c.of(['set 5', 'dec 1', 'inc 1'])}`],
          [1, `-j TOS --set-tos ${c.of(['0x10/0x3f', '0x08/0xff'])}`],
          [1, `-j DSCP --set-dscp ${c.of(['0x04', '0x2e'])}`],
          [protocol === 'tcp' && hook === 'FORWARD' ? 1 : 0, '-p tcp -m tcp --tcp-flags SYN,RST SYN -j TCPMSS --set-mss 1200'],
        ])
        .replace(/^-p tcp /, '');
    case 'filter':
      return c.weighted([
        ...usable,
        [3, '-j DROP'],
        [
          3,
          protocol === 'tcp' && c.oneIn(2)
            ? '-j REJECT --reject-with tcp-reset'
            : `-j REJECT --reject-with ${c.of(['icmp-port-unreachable', 'icmp-host-prohibited', 'icmp-net-unreachable'])}`,
        ],
      ]);
    case 'nat':
      return natTarget(c, hook, protocol, usable);
  }
}

function natTarget(c: Chooser, hook: string, protocol: string, usable: (readonly [number, string])[]): string {
  const to = address(c.of(links).net, c.of(hosts));
  const port = protocol === 'tcp' || protocol === 'udp' ? `:${c.of(ports)}` : '';
  const own = address(c.of(links).net, 1);
  if (hook === 'PREROUTING' || hook === 'OUTPUT')
    return c.weighted([
      ...usable,
      [6, `-j DNAT --to-destination ${to}${c.oneIn(2) ? port : ''}`],
      [1, `-j REDIRECT${port ? ` --to-ports ${port.slice(1)}` : ''}`],
    ]);
  if (hook === 'POSTROUTING')
    return c.weighted([...usable, [4, '-j MASQUERADE'], [4, `-j SNAT --to-source ${c.oneIn(2) ? own : to}${c.oneIn(3) ? port : ''}`]]);
  if (hook === 'INPUT') return c.weighted([...usable, [1, `-j SNAT --to-source ${to}`]]);
  return c.weighted(usable);
}
