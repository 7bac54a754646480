/** How cases name what is sent: `udp`, `TCP`, `icmp-echo-request`, `icmp echo reply`, a protocol's number. */
import { runCommandLine } from '../../../src/netfilter/text/command-line.ts';

export interface Protocol {
  readonly number: number;
  /** Of ICMP. */
  readonly icmpType: number;
  readonly icmpCode: number;
}

/** @returns undefined when the words mean nothing here */
export function protocolOf(words: string): Protocol | undefined {
  const name = words.trim().toLowerCase();
  const m = /^icmp(?:[- ](.+))?$/.exec(name);
  if (m) {
    const type = icmpOf((m[1] ?? 'echo request').replaceAll(' ', '-').replace(/^echo$/, 'echo-request'));
    return type && { number: 1, icmpType: type[0], icmpCode: type[1] };
  }
  const known: Record<string, number> = { tcp: 6, udp: 17, sctp: 132, udplite: 136, gre: 47, esp: 50, ah: 51, ipip: 4 };
  const number = known[name] ?? (/^\d+$/.test(name) ? Number(name) : undefined);
  return number === undefined ? undefined : { number, icmpType: -1, icmpCode: -1 };
}

/** Type and code of the name that iptables gives them. */
export function icmpOf(name: string): [type: number, code: number] | undefined {
  try {
    const { ruleSet } = runCommandLine(['-A', 'INPUT', '-p', 'icmp', '-m', 'icmp', '--icmp-type', name]);
    const match = ruleSet.tables.get('filter')!.chains.get('INPUT')!.rules[0]!.matches[0]!;
    return match.kind === 'icmp' ? [match.type, match.code.low] : undefined;
  } catch {
    return undefined;
  }
}
