/** What a run of a million packets has to hit, in the words of the counters. What cannot be hit is not in it, and why not stands here. */
import { tcpStateNames } from '../../../src/conntrack/tcp/states.ts';
import { switches } from '../generate/sysctls.ts';
import { classNames, directionNames } from './tcp.ts';

const eachWith = (what: string, ...values: readonly string[]): string[] => values.map(v => `${what} ${v}`);
/** With and without `!`. */
const both = (about: string, ...options: readonly string[]): string[] => options.flatMap(o => [`${about} ${o}`, `${about} ! ${o}`]);

const matches = [
  'match comment',
  'match rpfilter',
  ...both('match header', '-s', '-d', '-i', '-o', '-p'),
  // Fragments are put together before any rule sees them.
  'match header ! -f',
  ...both('match tcp', '--dport', '--sport', '--tcp-flags', ...[2, 3, 4, 5].map(n => `--tcp-option ${n}`)),
  ...both('match udp', '--dport', '--sport'),
  ...both('match icmp', ...['0', '3', '8', '11', '13'].map(t => `--icmp-type ${t}`)),
  'match icmp --icmp-type any',
  ...both('match multiport', '--sports', '--dports', '--ports'),
  ...both('match tcpmss', '--mss'),
  ...both('match conntrack', ...['NEW', 'ESTABLISHED', 'RELATED', 'INVALID', 'UNTRACKED', 'SNAT', 'DNAT'].map(s => `--ctstate ${s}`)),
  ...both('match state', '--state'),
  ...both('match conntrack', ...['ASSURED', 'SEEN_REPLY', 'CONFIRMED'].map(s => `--ctstatus ${s}`)),
  // No bit is never among those that an entry has.
  'match conntrack ! --ctstatus NONE',
  // Nothing is expected without a helper: only its negation matches.
  'match conntrack ! --ctstatus EXPECTED',
  ...eachWith('match conntrack --ctdir', 'ORIGINAL', 'REPLY'),
  ...both('match conntrack', ...['1', '6', '17'].map(p => `--ctproto ${p}`)),
  ...both('match conntrack', '--ctorigsrc', '--ctorigdst', '--ctreplsrc', '--ctrepldst', '--ctexpire'),
  ...both('match conntrack', '--ctorigsrcport', '--ctorigdstport', '--ctreplsrcport', '--ctrepldstport'),
  ...both('match connmark', '--mark'),
  ...both('match mark', '--mark'),
  ...both('match addrtype', ...['LOCAL', 'UNICAST', 'UNICAST,LOCAL', 'BROADCAST', 'MULTICAST'].map(t => `--dst-type ${t}`)),
  // Types are looked up in the table of own addresses alone (`inet_addr_type`): no address is of one of these.
  ...eachWith('match addrtype ! --dst-type', 'BLACKHOLE', 'UNREACHABLE'),
  ...both('match addrtype', ...['LOCAL', 'UNICAST'].map(t => `--src-type ${t}`)),
  ...eachWith('match addrtype', '--limit-iface-in', '--limit-iface-out'),
  ...both('match length', '--length'),
  ...both('match ttl', '--ttl-eq'),
  ...eachWith('match ttl', '--ttl-lt', '--ttl-gt'),
  ...both('match tos', '--tos'),
  ...both('match dscp', '--dscp'),
  ...both('match iprange', '--src-range', '--dst-range'),
  ...both('match pkttype', ...['unicast', 'broadcast', 'multicast'].map(t => `--pkt-type ${t}`)),
  ...both('match mac', '--mac-source'),
  'match statistic --mode nth',
  ...both('match statistic', '--every'),
  ...eachWith('match limit', '--limit', '--limit-burst'),
  ...eachWith('match hashlimit', '--hashlimit-upto', '--hashlimit-above', '--hashlimit-srcmask'),
  ...eachWith('match hashlimit --hashlimit-mode', 'srcip', 'dstip', 'srcip,dstip', 'srcip,srcport', 'dstip,dstport'),
  ...eachWith('match recent', '--set', '--update', '--remove', '--seconds', '--hitcount', '--rttl', '--rsource', '--rdest', '--reap'),
  ...both('match recent', '--rcheck'),
  ...both('match set', '--match-set'),
  'match set --return-nomatch',
  ...eachWith('match rpfilter', '--loose', '--invert', '--accept-local'),
];

const hooks = {
  raw: ['PREROUTING', 'OUTPUT'],
  mangle: ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'],
  nat: ['PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING'],
  filter: ['INPUT', 'FORWARD', 'OUTPUT'],
} as const;
const of = (table: keyof typeof hooks, ...targets: readonly string[]): string[] =>
  hooks[table].flatMap(hook => targets.map(t => `target ${table} ${hook} ${t}`));

const targets = [
  ...of('raw', 'ACCEPT', 'DROP', 'RETURN', 'jump', 'goto', 'NOTRACK', 'CT'),
  ...of('mangle', 'ACCEPT', 'DROP', 'RETURN', 'jump', 'goto', 'MARK', 'CONNMARK', 'TTL', 'TOS', 'DSCP'),
  ...eachWith('target mangle', 'FORWARD TCPMSS', 'POSTROUTING TCPMSS'),
  ...eachWith('target mangle', 'FORWARD CLASSIFY', 'OUTPUT CLASSIFY', 'POSTROUTING CLASSIFY'),
  ...of('filter', 'ACCEPT', 'DROP', 'RETURN', 'jump', 'goto', 'REJECT'),
  // Nothing that a router without sockets makes begins a connection, so that OUTPUT of nat is never asked, and no SYN comes there.
  ...['PREROUTING', 'INPUT', 'POSTROUTING'].flatMap(hook => eachWith(`target nat ${hook}`, 'ACCEPT', 'RETURN', 'jump', 'goto')),
  ...eachWith('target nat PREROUTING', 'DNAT', 'REDIRECT', 'NETMAP'),
  ...eachWith('target nat POSTROUTING', 'SNAT', 'MASQUERADE', 'NETMAP'),
  'target nat INPUT SNAT',
  ...['raw', 'mangle', 'nat', 'filter'].flatMap(table => eachWith(`target ${table} user chain`, 'ACCEPT', 'RETURN', 'jump', 'goto')),
  ...eachWith('target', 'INPUT policy DROP', 'FORWARD policy DROP', 'OUTPUT policy DROP'),
  ...eachWith('target MARK', '--set-xmark'),
  ...eachWith('target CONNMARK', '--set-xmark', '--save-mark', '--restore-mark'),
  ...eachWith('target TTL', '--ttl-set', '--ttl-dec', '--ttl-inc'),
  ...eachWith('target CT', '--zone', '--zone-orig', '--zone-reply', '--notrack'),
  ...eachWith('target TCPMSS', '--set-mss', '--clamp-mss-to-pmtu'),
  ...['SNAT', 'DNAT'].flatMap(t => eachWith(`target ${t}`, '--random', '--persistent', 'to some addresses', 'to a port', 'to some ports')),
  ...eachWith('target SNAT', '--random-fully'),
  ...eachWith('target MASQUERADE', '--random', '--random-fully', '--to-ports'),
  ...eachWith('target REDIRECT', '--to-ports', '--random'),
  ...['net', 'host', 'proto', 'port'].map(what => `target REJECT --reject-with icmp-${what}-unreachable`),
  ...['net', 'host', 'admin'].map(what => `target REJECT --reject-with icmp-${what}-prohibited`),
  'target REJECT --reject-with tcp-reset',
];

/**
 * Not in it: no flags at all, and FIN without ACK, never come to the table (`tcp_valid_flags` is asked before); a reply has an entry, so
 * that none is in state NONE.
 */
const cells = directionNames.flatMap(dir =>
  classNames.flatMap(cls =>
    tcpStateNames.filter(state => dir === 'original' || state !== 'NONE').map(state => `tcp ${dir} ${cls} in ${state}`),
  ),
);

const icmp = [
  ...eachWith('icmp in', '0', '3', '4', '5', '8', '9', '10', '11', '12', '13', '14', '15', '16', '17', '18', '40'),
  ...['3/0', '3/1', '3/2', '3/3', '3/4', '3/13', '4/0', '5/1', '11/0', '11/1', '12/0'].map(t => `icmp in ${t} with a quote`),
  ...['0', '14', '3/0', '3/1', '3/2', '3/3', '3/4', '3/9', '3/10', '3/13', '5/1', '11/0', '11/1', '12/0'].map(t => `icmp out ${t}`),
];

const nat = [
  ...['tcp', 'udp', 'icmp', 'other'].flatMap(p =>
    ['original', 'reply'].flatMap(way => ['source', 'destination', 'both ends'].map(end => `nat ${p} ${way} ${end}`)),
  ),
  ...['tcp', 'udp'].flatMap(p =>
    ['original', 'reply'].flatMap(way => ['source port', 'destination port'].map(port => `nat ${p} ${way} ${port}`)),
  ),
  ...['fragment', 'hairpin'].flatMap(what => ['source', 'destination', 'both ends'].map(end => `nat ${what} ${end}`)),
  ...eachWith('nat error', 'source', 'destination', 'quoted source', 'quoted destination'),
  'nat port or id drawn',
];

const packets = [
  'tcp flags that nobody sends',
  ...eachWith('made', 'tcp reset', 'fragment', 'segment of another length'),
  ...eachWith('packet fault', 'transport-sum', 'ip-sum', 'short', 'no-udp-sum', 'version', 'udp-length'),
  ...eachWith(
    'packet to',
    'broadcast',
    'multicast',
    'a group',
    'other',
    "the router's address",
    "a network's broadcast address",
    'everybody',
    'loopback',
  ),
  ...eachWith('packet to', 'network 0', 'an unreachable or blackhole route', 'nowhere'),
  ...eachWith('packet from', "the router's address", 'everybody', 'loopback', 'a group', 'network 0', 'nowhere'),
  ...eachWith('packet fragment', 'first', 'later'),
  ...eachWith('packet ip option', '1', '7', '30', '68', '131', '148'),
  ...eachWith('packet', 'ttl 1', 'tcp options', 'too long for c, not to be cut', 'from an address to itself', 'nothing for a while'),
  ...eachWith('packet error', 'with a quote that is cut short', 'from somebody else'),
];

export const expected: ReadonlySet<string> = new Set([...matches, ...targets, ...cells, ...icmp, ...nat, ...packets, ...switches]);
