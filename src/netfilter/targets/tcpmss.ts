/** Lowers the MSS option of a SYN (`xt_TCPMSS`). */
import type { Rule, TcpmssTarget } from '../ruleset.ts';
import { defineTarget, type Hook } from '../text/extension.ts';
import { MAX_U16, unsigned } from '../text/values.ts';

const IPV4_HEADER = 20;
/** Where the packet's route is known. */
const routed: Hook[] = ['FORWARD', 'OUTPUT', 'POSTROUTING'];

/** The kernel wants to see that only SYNs come here, unless it is asked through nftables. */
const SYN = 2;
const onlySyn = (rule: Rule): string | undefined =>
  rule.matches.some(m => m.kind === 'tcp' && m.flags !== undefined && !m.flags.not && (m.flags.value & SYN) !== 0)
    ? undefined
    : 'a match for SYN, such as -m tcp --syn';

export const tcpmss = defineTarget('TCPMSS', {
  options: { 'set-mss': { parse: unsigned(0, MAX_U16 - IPV4_HEADER) }, 'clamp-mss-to-pmtu': {} },
  read(given, words): TcpmssTarget {
    if (given['clamp-mss-to-pmtu']) return { kind: 'TCPMSS', mss: 'clamp-to-pmtu' };
    return { kind: 'TCPMSS', mss: given['set-mss']?.value ?? words.fail('TCPMSS wants --set-mss or --clamp-mss-to-pmtu') };
  },
  print: t => (t.mss === 'clamp-to-pmtu' ? ' --clamp-mss-to-pmtu' : ` --set-mss ${t.mss}`),
  list: t => (t.mss === 'clamp-to-pmtu' ? ' TCPMSS clamp to PMTU' : ` TCPMSS set ${t.mss}`),
  places: t => ({ protocols: [6], wants: onlySyn, ...(t.mss === 'clamp-to-pmtu' && { hooks: routed }) }),
});
