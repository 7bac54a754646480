/** The old words for `conntrack --ctstate`, which the kernel knows as the same match and iptables prints as they were given. */
import { CtState } from '../ruleset.ts';
import { defineMatch } from '../text/extension.ts';
import { bang, flagList } from '../text/values.ts';
import { printStates } from './conntrack.ts';

const readStates = flagList((['INVALID', 'NEW', 'ESTABLISHED', 'RELATED', 'UNTRACKED'] as const).map(n => [n, CtState[n]]));

export const state = defineMatch('state', {
  options: { state: { parse: readStates, not: true, required: true } },
  read: ({ state }) => ({ kind: 'state', bits: state!.value, not: state!.not }),
  print: m => `${bang(m.not)} --state ${printStates(m.bits)}`,
  list: m => `${bang(m.not)} state ${printStates(m.bits)}`,
});
