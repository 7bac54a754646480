/** Drops and answers with an ICMP error or a TCP reset (`ipt_REJECT`). */
import { type RejectType, rejectTypes } from '../ruleset.ts';
import { defineTarget } from '../text/extension.ts';
import type { Words } from '../text/words.ts';

/** The other name of each type, in the order in which iptables tries them. */
const aliases: readonly (readonly [RejectType, string])[] = [
  ['icmp-net-unreachable', 'net-unreach'],
  ['icmp-host-unreachable', 'host-unreach'],
  ['icmp-proto-unreachable', 'proto-unreach'],
  ['icmp-port-unreachable', 'port-unreach'],
  ['icmp-net-prohibited', 'net-prohib'],
  ['icmp-host-prohibited', 'host-prohib'],
  ['tcp-reset', 'tcp-rst'],
  ['icmp-admin-prohibited', 'admin-prohib'],
];

/** Names may be cut short. */
function readType(word: string, words: Words): RejectType {
  const start = word.toLowerCase();
  const found = start === '' ? undefined : aliases.find(([name, alias]) => name.startsWith(start) || alias.startsWith(start));
  return found?.[0] ?? words.bad(`one of ${rejectTypes.join(' ')}`);
}

export const reject = defineTarget('REJECT', {
  options: { 'reject-with': { parse: readType } },
  read(given, words, head) {
    const type = given['reject-with']?.value ?? 'icmp-port-unreachable';
    if (type === 'tcp-reset' && (head.protocol !== 6 || head.protocolNot)) words.fail('REJECT --reject-with tcp-reset wants -p tcp');
    return { kind: 'REJECT', with: type };
  },
  print: t => ` --reject-with ${t.with}`,
  list: t => ` reject-with ${t.with}`,
  places: { tables: ['filter'], hooks: ['INPUT', 'FORWARD', 'OUTPUT'] },
});
