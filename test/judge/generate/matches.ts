/** Matches at random. Ports are drawn by Linux at random now and then: ranges end where a class of ports does, so that all of one match alike. */
import { address, hostMac, hosts, links } from '../topology.ts';
import type { Chooser } from './choose.ts';
import type { TableName } from './tables.ts';

export const ports = [53, 80, 443, 600, 1000, 8080, 30080, 40000] as const;
const ranges = ['1:511', '512:1023', '1:1023', '512:65535', '1024:65535', ':511', '1024:'] as const;

export const not = (c: Chooser): string => (c.oneIn(4) ? '!' : '');

export function network(c: Chooser): string {
  const link = c.of(links);
  return c.weighted([
    [4, `${address(link.net, c.of(hosts))}/32`],
    [2, `10.0.${link.net}.0/24`],
    [1, `${address(link.net, 1)}/32`],
    [1, '198.51.100.0/24'],
    [1, '10.0.0.0/8'],
  ]);
}

const host = (c: Chooser): string => address(c.of(links).net, c.of(hosts));
const port = (c: Chooser): string => (c.oneIn(4) ? c.of(ranges) : String(c.of(ports)));

type Options = readonly (readonly [weight: number, make: () => string])[];

export function randomMatch(c: Chooser, protocol: string, table: TableName, hook: string, name: string): string {
  const sets: Options[] = [fieldMatches(c, hook), rateMatches(c, name)];
  if (protocol === 'tcp' || protocol === 'udp') sets.push(transportMatches(c, protocol), transportMatches(c, protocol));
  if (protocol === '') sets.push(fieldMatches(c, hook));
  if (protocol === 'icmp') sets.push([[12, () => `-m icmp ${not(c)} --icmp-type ${c.weighted(icmpTypes)}`]]);
  if (table !== 'raw') sets.push(connectionMatches(c));
  if (hook === 'PREROUTING' && (table === 'raw' || table === 'mangle'))
    sets.push([[2, () => `-m rpfilter ${c.of(['', '--loose', '--invert', '--accept-local', '--loose --invert'])}`]]);
  return c.weighted(sets.flat())();
}

/** More of what few messages have. */
const icmpTypes = [
  [2, '8'],
  [2, '0'],
  [2, '3'],
  [1, '3/3'],
  [3, '11'],
  [1, 'any'],
  [5, '13'],
] as const;

/** More of what few segments have: a maximum segment size is in every other SYN, SACK is permitted in few. */
const tcpOptions = [
  [2, 2],
  [3, 3],
  [4, 4],
  [5, 5],
] as const;

const transportMatches = (c: Chooser, protocol: string): Options => [
  [4, () => `-m ${protocol} ${not(c)} --dport ${port(c)}`],
  [2, () => `-m ${protocol} ${not(c)} --sport ${port(c)}`],
  [2, () => `-m multiport ${not(c)} --${c.of(['sports', 'dports', 'ports'])} ${c.of(ports)},${c.of(['1:511', '512:1023', '1024:65535'])}`],
  ...(protocol === 'tcp'
    ? ([
        [1, () => `-m tcp ${not(c)} --tcp-flags ${c.of(['SYN,RST,ACK', 'FIN,SYN', 'ALL'])} ${c.of(['SYN', 'ACK', 'NONE'])}`],
        [5, () => `-m tcp ${not(c)} --tcp-option ${c.weighted(tcpOptions)}`],
        [1, () => `-m tcp ${not(c)} --syn`],
        [2, () => `-m tcpmss ${not(c)} --mss ${c.of(['536', '1000:1460', '1:65535'])}`],
      ] as const)
    : []),
];

const ctStates = [
  'NEW',
  'ESTABLISHED',
  'RELATED,ESTABLISHED',
  'INVALID',
  'NEW,RELATED',
  'DNAT',
  'SNAT',
  'UNTRACKED',
  'INVALID,NEW',
  'RELATED',
  'RELATED',
  'DNAT',
  'SNAT',
  'UNTRACKED',
  'UNTRACKED',
] as const;

const connectionMatches = (c: Chooser): Options => [
  [5, () => `-m conntrack ${not(c)} --ctstate ${c.of(ctStates)}`],
  [1, () => `-m state ${not(c)} --state ${c.of(['NEW', 'ESTABLISHED', 'RELATED,ESTABLISHED', 'INVALID', 'UNTRACKED'])}`],
  [1, () => `-m conntrack --ctdir ${c.of(['ORIGINAL', 'REPLY'])}`],
  [
    2,
    () =>
      `-m conntrack ${not(c)} --ctstatus ${c.of(['ASSURED', 'SEEN_REPLY', 'SEEN_REPLY', 'CONFIRMED', 'NONE', 'SEEN_REPLY,ASSURED', 'EXPECTED'])}`,
  ],
  [
    1,
    () => `-m conntrack ${not(c)} --${c.of(['ctorigsrc', 'ctorigdst', 'ctreplsrc', 'ctrepldst'])} ${c.oneIn(2) ? host(c) : '10.0.2.0/24'}`,
  ],
  [
    2,
    () =>
      `-m conntrack ${not(c)} --${c.of(['ctorigsrcport', 'ctorigdstport', 'ctreplsrcport', 'ctrepldstport'])} ${c.oneIn(4) ? c.of(['1:511', '512:1023', '1024:65535']) : c.of(ports)}`,
  ],
  [1, () => `-m conntrack ${not(c)} --ctproto ${c.of(['tcp', 'udp', 'icmp'])}`],
  [1, () => `-m conntrack ${not(c)} --ctexpire ${c.of(['0:20', '100:100000', '50:70'])}`],
  [3, () => `-m connmark ${not(c)} --mark ${c.of(['0x1', '0x10/0xf0', '0x1/0xf'])}`],
];

/** What is for many goes no further. */
const seesEverybody = (hook: string): boolean => hook === 'PREROUTING' || hook === 'INPUT';

const fieldMatches = (c: Chooser, hook: string): Options => [
  [
    seesEverybody(hook) ? 4 : 1,
    () => `-m addrtype ${c.of(['--dst-type BROADCAST', '--dst-type MULTICAST', '! --dst-type UNICAST,LOCAL'])}`,
  ],
  [4, () => `-m mark ${not(c)} --mark ${c.of(['0x1', '0x4000/0x4000', '0x2/0x3', '0x0', '0x0/0x3', '0x0/0x4000'])}`],
  [
    2,
    () =>
      `-m addrtype ${not(c)} --dst-type ${c.of(['LOCAL', 'UNICAST', 'BROADCAST', 'MULTICAST', 'BLACKHOLE', 'UNREACHABLE', 'UNICAST,LOCAL', 'LOCAL'])}`,
  ],
  [1, () => `-m addrtype ${not(c)} --src-type ${c.of(['LOCAL', 'UNICAST'])}`],
  [seesEverybody(hook) ? 1 : 0, () => `-m addrtype ${not(c)} --dst-type ${c.of(['LOCAL', 'UNICAST', 'BROADCAST'])} --limit-iface-in`],
  [hook === 'OUTPUT' || hook === 'POSTROUTING' ? 1 : 0, () => `-m addrtype --dst-type ${c.of(['LOCAL', 'UNICAST'])} --limit-iface-out`],
  [1, () => `-m length ${not(c)} --length ${c.of(['0:60', '61:1500', '40'])}`],
  [1, () => `-m ttl --ttl-${c.of(['eq', 'lt', 'gt'])} ${c.of([1, 2, 63, 64])}`],
  [1, () => `-m ttl ${not(c)} --ttl-eq ${c.of([2, 64])}`],
  [1, () => `-m tos ${not(c)} --tos ${c.of(['0x10/0xff', '0x00/0x3f'])}`],
  [1, () => `-m dscp ${not(c)} --dscp ${c.of(['0x00', '0x04', '0x2e'])}`],
  [
    1,
    () =>
      `-m iprange ${not(c)} --${c.of(['src', 'dst'])}-range 10.0.${c.of(links).net}.2-10.0.${c.of(links).net + 1}.4`.replace(
        '10.0.3.2-10.0.2',
        '10.0.1.2-10.0.3',
      ),
  ],
  [1, () => '-m comment --comment "a comment"'],
  [
    hook === 'PREROUTING' ? 7 : hook === 'INPUT' ? 4 : hook === 'FORWARD' ? 1 : 0,
    () => `-m pkttype ${c.oneIn(2) ? '!' : ''} --pkt-type ${c.of(['unicast', 'broadcast', 'broadcast', 'multicast', 'multicast'])}`,
  ],
  [
    ['PREROUTING', 'INPUT', 'FORWARD'].includes(hook) ? 1 : 0,
    () => `-m mac ${not(c)} --mac-source ${hostMac(c.of(links).net, c.of(hosts))}`,
  ],
];

/** What is asked for has to be set before: by another rule of the same list. */
const recentActions = [
  [4, '--set'],
  [1, '--rcheck'],
  [1, '! --rcheck'],
  [2, '--update'],
  [2, '--remove'],
  [1, '--rcheck --seconds 3600'],
  [2, '--rcheck --seconds 3600 --reap'],
  [2, '--update --seconds 3600 --hitcount 2'],
  [1, '--rcheck --hitcount 3'],
  [2, '--rcheck --rttl'],
] as const;

/** Nothing is given back within the hour, so that counts do not depend on the time. */
const rateMatches = (c: Chooser, name: string): Options => [
  [2, () => `-m statistic --mode nth ${not(c)} --every ${c.of([2, 3])} --packet 0`],
  [1, () => `-m limit --limit 1/hour --limit-burst ${c.of([1, 3, 10])}`],
  [
    1,
    () =>
      `-m hashlimit --hashlimit-${c.of(['upto', 'above'])} 1/hour --hashlimit-burst ${c.of([1, 2, 4])} --hashlimit-mode ${c.of(['srcip', 'dstip', 'srcip,dstip', 'srcip,srcport', 'dstip,dstport'])} ${c.oneIn(3) ? '--hashlimit-srcmask 24' : ''} --hashlimit-htable-expire 600000 --hashlimit-name ${name}h${c.below(1_000_000_000)}`,
  ],
  [
    7,
    () =>
      `-m recent ${c.weighted(recentActions)} --name ${name}r${c.below(2)} ${c.of(['--rsource', '--rsource', '--rdest'])} ${c.oneIn(4) ? '--mask 255.255.255.0' : ''}`,
  ],
];
