/** Targets at random, each where it may stand. */
import { address, hosts, links } from '../topology.ts';
import type { Chooser } from './choose.ts';
import { ports } from './matches.ts';
import type { TableName } from './tables.ts';

type Weighted = readonly (readonly [weight: number, target: string])[];

export function randomTarget(c: Chooser, table: TableName, hook: string, protocol: string, users: readonly string[]): string {
  // In the chains of a user packets are sent on and back more often.
  const user = hook === 'user';
  const common: Weighted = [
    [2, '-j ACCEPT'],
    [user ? 2 : 1, '-j RETURN'],
    [1, ''],
    [users.length > 0 ? (user ? 8 : 4) : 0, `-j ${c.of([...users, 'ACCEPT'])}`],
    [users.length > 0 ? (user ? 8 : 3) : 0, `-g ${c.of([...users, 'ACCEPT'])}`],
  ];
  const usable = common.filter(([, t]) => !t.startsWith('-g ACCEPT'));
  switch (table) {
    case 'raw':
      return c.weighted([
        ...usable,
        [hook === 'user' ? 2 : 1, '-j DROP'],
        [2, '-j NOTRACK'],
        [1, `-j CT --zone${c.of(['', '-orig', '-reply'])} ${c.of([1, 2])}`],
        [1, '-j CT --notrack'],
      ]);
    case 'mangle':
      return mangleTarget(c, hook, protocol, usable);
    case 'filter':
      return c.weighted([
        ...usable,
        [3, '-j DROP'],
        [
          3,
          protocol === 'tcp' && c.oneIn(2)
            ? '-j REJECT --reject-with tcp-reset'
            : `-j REJECT --reject-with ${c.of(['icmp-port-unreachable', 'icmp-host-prohibited', 'icmp-net-unreachable', 'icmp-admin-prohibited', 'icmp-proto-unreachable', 'icmp-host-unreachable', 'icmp-net-prohibited'])}`,
        ],
      ]);
    case 'nat':
      return natTarget(c, hook, protocol, usable);
  }
}

function mangleTarget(c: Chooser, hook: string, protocol: string, usable: Weighted): string {
  const mss = protocol === 'tcp' && ['FORWARD', 'OUTPUT', 'POSTROUTING'].includes(hook);
  return c
    .weighted([
      ...usable,
      [1, '-j DROP'],
      [4, `-j MARK --set-xmark ${c.of(['0x1/0xffffffff', '0x4000/0x4000', '0x4000/0x0', '0x2/0x3'])}`],
      [
        2,
        `-j CONNMARK ${c.of(['--set-xmark 0x1/0xffffffff', '--save-mark --nfmask 0xff --ctmask 0xff', '--restore-mark --nfmask 0xffffffff --ctmask 0xffffffff', '--set-xmark 0x10/0xf0'])}`,
      ],
      [1, `-j TTL --ttl-${c.of(['set 5', 'dec 1', 'inc 1', 'set 1'])}`],
      [1, `-j TOS --set-tos ${c.of(['0x10/0x3f', '0x08/0xff'])}`],
      [1, `-j DSCP --set-dscp ${c.of(['0x04', '0x2e'])}`],
      [['FORWARD', 'OUTPUT', 'POSTROUTING'].includes(hook) ? 1 : 0, '-j CLASSIFY --set-class 1:2'],
      [mss ? 4 : 0, `-p tcp -m tcp --tcp-flags SYN,RST SYN -j TCPMSS ${c.of(['--set-mss 1200', '--clamp-mss-to-pmtu', '--set-mss 500'])}`],
    ])
    .replace(/^-p tcp /, '');
}

function natTarget(c: Chooser, hook: string, protocol: string, usable: Weighted): string {
  const link = c.of(links);
  const host = c.of(hosts);
  const to = address(link.net, host);
  const range = c.oneIn(2) ? `${to}-${address(link.net, host + c.of([0, 1, 3]))}` : to;
  const persistent = c.oneIn(6) ? ' --persistent' : '';
  const transport = protocol === 'tcp' || protocol === 'udp';
  // In POSTROUTING Linux draws a port: from so many that two flows hardly get the same.
  const portRange = c.of(hook === 'POSTROUTING' ? ['30000-40000', '2000-9000'] : ['8000-8080', '600-610', '30000-40000']);
  const port = transport ? `:${c.oneIn(2) ? portRange : c.of(ports)}` : '';
  const random = c.oneIn(3) ? c.of([' --random', ' --random-fully']) : '';
  const own = address(c.of(links).net, 1);
  // A destination port that is drawn: from so many, too.
  const drawn = transport ? ':30000-40000 --random' : '';
  const netmap = `-j NETMAP --to 10.0.${c.of(links).net}.0/29`;
  switch (hook) {
    case 'PREROUTING':
    case 'OUTPUT':
      return c.weighted([
        ...usable,
        [6, `-j DNAT --to-destination ${range}${c.oneIn(8) ? drawn : c.oneIn(2) ? port : ''}${persistent}`],
        [2, `-j REDIRECT${port ? ` --to-ports ${(c.oneIn(3) ? drawn : port).slice(1)}` : ''}`],
        [1, netmap],
      ]);
    case 'POSTROUTING':
      return c.weighted([
        ...usable,
        [4, `-j MASQUERADE${transport && c.oneIn(2) ? ` --to-ports ${portRange}` : ''}${random}`],
        [6, `-j SNAT --to-source ${c.oneIn(2) ? own : range}${c.oneIn(2) ? port : ''}${random}${persistent}`],
        [1, netmap],
      ]);
    case 'INPUT':
      return c.weighted([...usable, [2, `-j SNAT --to-source ${to}`]]);
    default:
      return c.weighted(usable);
  }
}
