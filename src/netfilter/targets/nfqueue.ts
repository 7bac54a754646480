/** Gives the packet to a program that decides (`xt_NFQUEUE` revision 3). */
import type { NfqueueTarget } from '../ruleset.ts';
import { defineTarget } from '../text/extension.ts';
import { MAX_U16, range, u16 } from '../text/values.ts';
import type { Words } from '../text/words.ts';

/** Differs from iptables 1.8.9, which takes `5:` for 5:65535 and cannot read that back. */
function readBalance(word: string, words: Words): { first: number; count: number } {
  const { low, high, parts } = range(MAX_U16 - 1)(word, words);
  return parts === 2 && low < high ? { first: low, count: high - low + 1 } : words.bad('queues first:last, last above first');
}

function words(t: NfqueueTarget, p: string): string {
  const flags = (t.bypass ? ` ${p}bypass` : '') + (t.cpuFanout ? ` ${p}cpu-fanout` : '');
  return (t.count > 1 ? ` ${p}balance ${t.first}:${t.first + t.count - 1}` : ` ${p}num ${t.first}`) + flags;
}

export const nfqueue = defineTarget('NFQUEUE', {
  options: {
    'queue-num': { parse: u16, excludes: ['queue-balance'] },
    'queue-balance': { parse: readBalance },
    'queue-bypass': {},
    'queue-cpu-fanout': { needs: ['queue-balance'] },
  },
  read: (given): NfqueueTarget => ({
    kind: 'NFQUEUE',
    first: given['queue-balance']?.value.first ?? given['queue-num']?.value ?? 0,
    count: given['queue-balance']?.value.count ?? 1,
    bypass: given['queue-bypass'] !== undefined,
    cpuFanout: given['queue-cpu-fanout'] !== undefined,
  }),
  print: t => words(t, '--queue-'),
  list: t => ` NFQUEUE${words(t, '')}`,
});
