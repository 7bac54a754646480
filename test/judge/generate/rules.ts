/**
 * Rule sets at random, of what both sides execute, biased to what Service networking uses. Every built-in chain begins with the
 * sentinels' rule. Random choice among rules (`statistic --mode random`) has no place here: it is judged as a distribution.
 */
import { address, hosts, links } from '../topology.ts';
import type { Chooser } from './choose.ts';
import { network, not, ports, randomMatch } from './matches.ts';
import { serviceRules } from './service.ts';
import { type RandomSet, setMatch } from './sets.ts';
import { builtIn, givenTable, sentinelRules, type TableName, tableNames } from './tables.ts';
import { randomTarget } from './targets.ts';

/** @param name for what rules of this set remember by name, so that nothing is left of an earlier set */
export function randomRules(c: Chooser, name: string, sets: readonly RandomSet[] = []): string[] {
  const lines: string[] = [];
  const services = c.oneIn(3) ? serviceRules(c, name) : null;
  // A table that is not named stays as it was (iptables-restore), so each is named, if only to be empty.
  for (const table of tableNames) {
    const given = services === null ? undefined : table === 'nat' ? services.nat : table === 'filter' ? services.filter : undefined;
    lines.push(
      ...(given ? givenTable(table, given) : randomTable(c, table, c.oneIn(table === 'nat' || table === 'filter' ? 5 : 3), name, sets)),
    );
  }
  return lines;
}

function randomTable(c: Chooser, table: TableName, empty: boolean, name: string, sets: readonly RandomSet[]): string[] {
  const users = Array.from({ length: empty ? 0 : c.below(5) }, (_, i) => `U${i}`);
  const policy = (chain: string): string => (table === 'filter' && !empty && c.oneIn(chain === 'OUTPUT' ? 25 : 6) ? 'DROP' : 'ACCEPT');
  const lines = [`*${table}`, ...builtIn[table].map(chain => `:${chain} ${policy(chain)} [0:0]`), ...users.map(u => `:${u} - [0:0]`)];
  const turned = table === 'nat' && !empty && c.oneIn(4);
  for (const chain of builtIn[table]) {
    lines.push(...sentinelRules(table, chain));
    if (turned) lines.push(...turnedBothWays(c, chain));
    if (!empty && c.oneIn(5)) for (let i = 10 + c.below(40); i > 0; i--) lines.push(exactRule(c, chain));
    for (let i = empty || c.oneIn(2) ? 0 : c.below(6); i > 0; i--) lines.push(askingRule(c, table, chain, name, sets));
    for (let i = empty ? 0 : c.below(isLonely(chain) ? 6 : 5); i > 0; i--)
      lines.push(randomRule(c, table, chain, chain, users, name, sets));
  }
  for (const [i, user] of users.entries()) {
    // A chain jumps only to later ones: no loops. NAT targets stand in chains of one hook's callers, so users get none.
    for (let n = c.below(5); n > 0; n--) lines.push(randomRule(c, table, user, 'user', users.slice(i + 1), name, sets));
  }
  lines.push('COMMIT');
  return lines;
}

/** Few packets are the router's own. */
const isLonely = (chain: string): boolean => chain === 'INPUT' || chain === 'OUTPUT';

/** Whatever its protocol, a packet to some host gets both its ends rewritten: also where it goes back over the link that it came by. */
function turnedBothWays(c: Chooser, chain: string): string[] {
  const host = () => address(c.of(links).net, c.of(hosts));
  if (chain === 'PREROUTING')
    return [`-A ${chain} -d ${c.oneIn(3) ? '10.0.0.0/8' : `10.0.${c.of(links).net}.0/24`} -j DNAT --to-destination ${host()}`];
  return chain === 'POSTROUTING'
    ? [`-A ${chain} ${c.oneIn(2) ? '' : `-o ${c.of(links).name} `}-j ${c.of(['MASQUERADE', `SNAT --to-source ${host()}`])}`]
    : [];
}

/** One of many that want header fields exactly, as a long chain of services has them: most of them only count. */
function exactRule(c: Chooser, chain: string): string {
  const protocol = c.of(['tcp', 'udp']);
  const host = () => address(c.of(links).net, c.of(hosts));
  return [
    `-A ${chain}`,
    ...(c.oneIn(3) ? [`-s ${host()}/32`] : []),
    ...(c.oneIn(3) ? [`-d ${host()}/32`] : c.oneIn(3) ? [`-d 10.0.${c.of(links).net}.0/24`] : []),
    ...(c.oneIn(6)
      ? [`-p ${c.of(['icmp', 'tcp', 'udp'])}`]
      : [`-p ${protocol} -m ${protocol}${c.oneIn(6) ? ' !' : ''} --${c.of(['dport', 'dport', 'sport'])} ${c.of(ports)}`]),
    ...(c.oneIn(25) ? [`-j ${c.of(['ACCEPT', 'RETURN'])}`] : []),
  ].join(' ');
}

/** Looks and does nothing: one match, of all packets. */
function askingRule(c: Chooser, table: TableName, chain: string, name: string, sets: readonly RandomSet[]): string {
  const protocol = c.of(['tcp', 'udp', 'icmp', '', '']);
  const match = sets.length > 0 && c.oneIn(4) ? setMatch(c, sets, not(c)) : randomMatch(c, protocol, table, chain, name);
  return `-A ${chain} ${protocol ? `-p ${protocol} ` : ''}${match}`;
}

function randomRule(
  c: Chooser,
  table: TableName,
  chain: string,
  hook: string,
  users: readonly string[],
  name: string,
  sets: readonly RandomSet[],
): string {
  const protocol = c.weighted([
    [6, 'tcp'],
    [5, 'udp'],
    [2, 'icmp'],
    [4, ''],
  ] as const);
  const parts = [`-A ${chain}`];
  // Few packets come to the chains of a user: there rules ask for less.
  const seldom = hook === 'user' ? 2 : 1;
  if (c.oneIn(3 * seldom)) parts.push(not(c), `-s ${network(c)}`);
  if (c.oneIn(2 * seldom)) parts.push(not(c), `-d ${network(c)}`);
  if (c.oneIn(5) && !['OUTPUT', 'POSTROUTING', 'user'].includes(hook)) parts.push(not(c), `-i ${c.of(links).name}`);
  if (c.oneIn(5) && ['FORWARD', 'OUTPUT', 'POSTROUTING'].includes(hook)) parts.push(not(c), `-o ${c.of(links).name}`);
  if (protocol) parts.push(`-p ${protocol}`);
  else if (c.oneIn(8)) parts.push(c.oneIn(2) ? `! -p ${c.of(['tcp', 'udp', 'icmp'])}` : `${not(c)} -f`);
  // A match is named once: iptables itself runs two `-m udp` together into one.
  const named = new Set<string>();
  for (let n = c.below(3); n > 0; n--) {
    const match = sets.length > 0 && c.oneIn(4) ? setMatch(c, sets, not(c)) : randomMatch(c, protocol, table, hook, name);
    const kind = match.split(' ')[1] ?? '';
    if (!named.has(kind)) parts.push(match);
    named.add(kind);
  }
  const target = randomTarget(c, table, hook, protocol, users);
  if (target) parts.push(target);
  return parts.filter(Boolean).join(' ');
}
