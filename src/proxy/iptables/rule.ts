/**
 * A rule as kube-proxy thinks of it, of either family: words in the order in which it writes them. From one description come the line
 * for iptables-restore (`rule-text.ts`) and the rule as data (`rule-set.ts`).
 */

import type { Rule } from '../../netfilter/ruleset.ts';

export type TableWithRules = 'filter' | 'nat';

export type Part =
  | { readonly kind: 'comment'; readonly text: string }
  /** `-m tcp -p tcp`; a port that is asked for comes later, as `dport`. */
  | { readonly kind: 'protocol'; readonly protocol: 'tcp' | 'udp' | 'sctp' }
  /** An address, or a network. */
  | { readonly kind: 'source' | 'destination'; readonly network: string; readonly not: boolean }
  /** A name, or the beginning of names with `+` behind it. */
  | { readonly kind: 'inInterface'; readonly name: string; readonly not: boolean }
  | { readonly kind: 'dport'; readonly port: number }
  | { readonly kind: 'localAddress'; readonly side: 'src' | 'dst' }
  /** The mark's bits are set; the number as it is written. */
  | { readonly kind: 'mark'; readonly mark: string; readonly not: boolean }
  | { readonly kind: 'ctstate'; readonly states: readonly CtStateName[]; readonly not: boolean }
  | { readonly kind: 'nfacct'; readonly counter: string }
  /** Taken by one of `left` that are still to come. */
  | { readonly kind: 'share'; readonly left: number }
  /** The source address is put on the list, or is on it since less than so many seconds. */
  | { readonly kind: 'remember'; readonly list: string }
  | { readonly kind: 'remembered'; readonly list: string; readonly seconds: number };

export type CtStateName = 'INVALID' | 'NEW' | 'RELATED' | 'ESTABLISHED' | 'DNAT';

export type RuleTarget =
  | { readonly kind: 'jump'; readonly chain: string }
  | { readonly kind: 'ACCEPT' | 'DROP' | 'RETURN' | 'REJECT' }
  | { readonly kind: 'setMark' | 'flipMark'; readonly mark: string }
  | { readonly kind: 'MASQUERADE'; readonly randomFully: boolean }
  /** `10.0.0.1:80` */
  | { readonly kind: 'DNAT'; readonly to: string };

/** The object and the field that caused a rule: `Service default/web`, `spec.ports[0].nodePort`. */
export interface Origin {
  readonly object: string;
  readonly field: string;
}

export interface ProxyRule {
  readonly chain: string;
  readonly parts: readonly Part[];
  /** Absent: the rule only says something. */
  readonly target: RuleTarget | undefined;
  readonly origin: Origin;
  /** What `rule-set.ts` has made of it, so that it is made once: a map by rule would cost more than the rules. */
  data: Rule | undefined;
  /** Its line, when it is written with every sync (`restore.ts`). */
  line: string | undefined;
}

export const proxyRule = (chain: string, parts: readonly Part[], target: RuleTarget | undefined, origin: Origin): ProxyRule => ({
  chain,
  parts,
  target,
  origin,
  data: undefined,
  line: undefined,
});

export const comment = (text: string): Part => ({ kind: 'comment', text });
export const source = (network: string, not = false): Part => ({ kind: 'source', network, not });
export const destination = (network: string, not = false): Part => ({ kind: 'destination', network, not });
export const dport = (port: number): Part => ({ kind: 'dport', port });
export const jump = (chain: string): RuleTarget => ({ kind: 'jump', chain });
export const nfacct = (counter: string): Part => ({ kind: 'nfacct', counter });
export const ctstate = (states: readonly CtStateName[], not = false): Part => ({ kind: 'ctstate', states, not });

const byProtocol = {
  TCP: { kind: 'protocol', protocol: 'tcp' },
  UDP: { kind: 'protocol', protocol: 'udp' },
  SCTP: { kind: 'protocol', protocol: 'sctp' },
} as const satisfies Record<string, Part>;
export const protocol = (name: keyof typeof byProtocol): Part => byProtocol[name];

export const toLocal: Part = { kind: 'localAddress', side: 'dst' };
export const fromLocal: Part = { kind: 'localAddress', side: 'src' };

const shares: Part[] = [];
/** The same object for each `left`. */
export function share(left: number): Part {
  for (let n = shares.length; n <= left; n++) shares.push({ kind: 'share', left: n });
  return shares[left]!;
}

/** 1/n with ten decimals: what stands behind `--probability`. */
export function probability(left: number): string {
  const known = probabilities.get(left);
  if (known !== undefined) return known;
  const text = (1 / left).toFixed(10);
  probabilities.set(left, text);
  return text;
}
const probabilities = new Map<number, string>();
