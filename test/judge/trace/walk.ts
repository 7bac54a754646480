/** The chains that packets meet, in the same words for both sides: one walk for each way through PREROUTING or OUTPUT and what follows. */
import type { ProgramText } from '../../../src/netfilter/execute/program-text.ts';
import type { Rule } from '../../../src/netfilter/ruleset.ts';

export interface Walk {
  /** Step whose packet it is, or by which it was caused. */
  step: number;
  /** Made by the router itself. */
  own: boolean;
  /** `nat KUBE-SERVICES 3 JUMP:KUBE-SVC-X`, `filter FORWARD policy ACCEPT`. */
  met: string[];
}

export const matched = (table: string, chain: string, number: number, said: string): string => `${table} ${chain} ${number} ${said}`;
export const policy = (table: string, chain: string, verdict: string): string => `${table} ${chain} policy ${verdict}`;

/** What the rule with that counter says to the packet, as the kernel's trace tells it. */
export function matchedBy(text: ProgramText, counter: number): string {
  const { table, chain, number, rule } = text.of(counter);
  return matched(table, chain, number, saidBy(rule!));
}

const accepting = new Set(['DNAT', 'SNAT', 'MASQUERADE', 'REDIRECT', 'NETMAP']);

function saidBy({ target }: Rule): string {
  if (target === undefined) return 'CONTINUE';
  switch (target.kind) {
    case 'jump':
    case 'goto':
      return `${target.kind.toUpperCase()}:${target.chain}`;
    case 'ACCEPT':
    case 'DROP':
    case 'RETURN':
      return target.kind;
    case 'REJECT':
      return 'DROP';
    default:
      return accepting.has(target.kind) ? 'ACCEPT' : 'CONTINUE';
  }
}

export interface WalkDifference {
  step: number;
  at: number;
  kernel: readonly string[];
  router: readonly string[];
}

/** The first that differs: walks of each step in their order, those of the router's own packets behind the packet's own. */
export function compareWalks(kernel: readonly Walk[], router: readonly Walk[], steps: number): WalkDifference | undefined {
  for (let step = 0; step < steps; step++) {
    for (const own of [false, true]) {
      const of = (walks: readonly Walk[]): Walk[] => walks.filter(w => w.step === step && w.own === own);
      const [k, r] = [of(kernel), of(router)];
      for (let at = 0; at < Math.max(k.length, r.length); at++) {
        const [a, b] = [k[at]?.met ?? ['no packet'], r[at]?.met ?? ['no packet']];
        if (a.join('\n') !== b.join('\n')) return { step, at, kernel: a, router: b };
      }
    }
  }
  return undefined;
}
