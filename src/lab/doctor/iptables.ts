/** iptables in both back ends, with each match and target that the rules of the exercises use: one rule each, so that the missing one has a name. */
import { type Check, missing, ok, SETUP } from './check.ts';

/** What is asked for, and the rule that asks. */
const RULES: readonly (readonly [name: string, rule: string])[] = [
  ['comment', '-t nat -A PREROUTING -m comment --comment "kubernetes service portals" -j ACCEPT'],
  ['addrtype', '-t nat -A PREROUTING -m addrtype --dst-type LOCAL -j ACCEPT'],
  ['statistic', '-t nat -A PREROUTING -m statistic --mode random --probability 0.5 -j ACCEPT'],
  ['recent', '-t nat -A PREROUTING -m recent --name KUBEHOP --rcheck --seconds 10800 --reap -j ACCEPT'],
  ['multiport', '-t filter -A FORWARD -p tcp -m multiport --dports 80,443 -j ACCEPT'],
  ['conntrack', '-t filter -A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT'],
  ['mark', '-t filter -A FORWARD -m mark --mark 0x4000/0x4000 -j ACCEPT'],
  ['physdev', '-t filter -A FORWARD -m physdev ! --physdev-is-in -j ACCEPT'],
  ['limit', '-t filter -A FORWARD -m limit --limit 5/sec -j ACCEPT'],
  ['DNAT', '-t nat -A PREROUTING -p tcp -m tcp --dport 30080 -j DNAT --to-destination 10.244.1.2:8080'],
  ['SNAT', '-t nat -A POSTROUTING -j SNAT --to-source 192.168.56.11'],
  ['MASQUERADE', '-t nat -A POSTROUTING -j MASQUERADE --random-fully'],
  ['REDIRECT', '-t nat -A OUTPUT -p tcp -j REDIRECT --to-ports 8080'],
  ['MARK', '-t nat -A OUTPUT -j MARK --set-xmark 0x4000/0x4000'],
  ['REJECT', '-t filter -A FORWARD -j REJECT --reject-with icmp-port-unreachable'],
  ['CT', '-t raw -A PREROUTING -j CT --notrack'],
  ['mangle', '-t mangle -A PREROUTING -j MARK --set-xmark 0x1/0x1'],
];

/** Each rule alone; prints the names of those that the kernel refused. */
const script = (command: string): string =>
  [
    `command -v ${command} >/dev/null || { echo "no ${command}" >&2; exit 127; }`,
    ...RULES.map(([name, rule]) => `${command} ${rule} 2>/dev/null || echo "missing ${name}"`),
  ].join('\n');

const backEnd = (command: string, use: string, required: boolean): Check => ({
  name: command,
  use,
  required,
  run({ sandbox }) {
    const { status, output } = sandbox(script(command));
    if (status !== 0) return missing(output.trim().split('\n').at(-1) || `${command} ended with status ${status}`, SETUP);
    const refused = [...output.matchAll(/^missing (\S+)$/gm)].map(m => m[1]);
    if (refused.length === 0) return ok(`${RULES.length} of ${RULES.length} kinds of rules`);
    return missing(
      `the kernel refuses: ${refused.join(', ')}`,
      `${SETUP} (it loads the modules of these matches and targets, where the kernel has them)`,
    );
  },
});

export const iptablesNft = backEnd('iptables-nft', 'the rules of a kernel node', true);
export const iptablesLegacy = backEnd('iptables-legacy', 'the older back end, for comparison', false);
