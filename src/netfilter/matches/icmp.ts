/** ICMP type and code (`ip_tables`, built in). */
import type { IcmpMatch } from '../ruleset.ts';
import { defineMatch } from '../text/extension.ts';
import { parseUnsigned } from '../text/numbers.ts';
import { bang, MAX_U8, range } from '../text/values.ts';
import type { Words } from '../text/words.ts';

const ANY = 255;

/** Name, type, code (absent: every code). RFC 792, RFC 950, RFC 1256, RFC 1812. */
const names: readonly (readonly [string, number, number?])[] = [
  ['any', ANY],
  ['echo-reply', 0],
  ['pong', 0],
  ['destination-unreachable', 3],
  ['network-unreachable', 3, 0],
  ['host-unreachable', 3, 1],
  ['protocol-unreachable', 3, 2],
  ['port-unreachable', 3, 3],
  ['fragmentation-needed', 3, 4],
  ['source-route-failed', 3, 5],
  ['network-unknown', 3, 6],
  ['host-unknown', 3, 7],
  ['network-prohibited', 3, 9],
  ['host-prohibited', 3, 10],
  ['TOS-network-unreachable', 3, 11],
  ['TOS-host-unreachable', 3, 12],
  ['communication-prohibited', 3, 13],
  ['host-precedence-violation', 3, 14],
  ['precedence-cutoff', 3, 15],
  ['source-quench', 4],
  ['redirect', 5],
  ['network-redirect', 5, 0],
  ['host-redirect', 5, 1],
  ['TOS-network-redirect', 5, 2],
  ['TOS-host-redirect', 5, 3],
  ['echo-request', 8],
  ['ping', 8],
  ['router-advertisement', 9],
  ['router-solicitation', 10],
  ['time-exceeded', 11],
  ['ttl-exceeded', 11],
  ['ttl-zero-during-transit', 11, 0],
  ['ttl-zero-during-reassembly', 11, 1],
  ['parameter-problem', 12],
  ['ip-header-bad', 12, 0],
  ['required-option-missing', 12, 1],
  ['timestamp-request', 13],
  ['timestamp-reply', 14],
  ['address-mask-request', 17],
  ['address-mask-reply', 18],
];

type Type = Omit<IcmpMatch, 'kind' | 'not'>;
const EVERY = { low: 0, high: MAX_U8 };

/** `echo-request`, a start of a name that only one name has, `8`, `3/4`, `3/0:3`. */
function readType(word: string, words: Words): Type {
  const found = names.filter(([name]) => name.toLowerCase().startsWith(word.toLowerCase()));
  if (found.length > 1 && word !== '') return words.bad(`one ICMP type (it may be ${found.map(([name]) => name).join(' or ')})`);
  if (found.length === 1) {
    const [, type, code] = found[0]!;
    return { type, code: code === undefined ? EVERY : { low: code, high: code } };
  }
  const slash = word.indexOf('/');
  const type = parseUnsigned(slash < 0 ? word : word.slice(0, slash), 0, MAX_U8);
  if (type < 0 || slash === word.length - 1) return words.bad('an ICMP type 0..255, type/code or the name of one');
  if (slash < 0) return { type, code: EVERY };
  const { low, high } = range(MAX_U8)(word.slice(slash + 1), words);
  return { type, code: { low, high } };
}

function list(m: IcmpMatch, numeric: boolean): string {
  const name = names.find(([, t, c]) => t === m.type && (c ?? 0) === m.code.low && (c ?? MAX_U8) === m.code.high);
  if (name && !numeric) return ` icmp ${m.not ? '!' : ''}${name[0]}`;
  const { low, high } = m.code;
  const codes = low === high ? ` code ${low}` : low !== 0 || high !== MAX_U8 ? ` codes ${low}-${high}` : '';
  return ` icmp${m.not ? ' !' : ''}type ${m.type}${codes}`;
}

export const icmp = defineMatch('icmp', {
  options: { 'icmp-type': { parse: readType, not: true, required: true } },
  read: ({ 'icmp-type': type }): IcmpMatch => ({ kind: 'icmp', ...type!.value, not: type!.not }),
  print(m) {
    const every = m.code.low === 0 && m.code.high === MAX_U8;
    // A range of codes is kept and matched, but iptables writes only its first.
    return `${bang(m.not)} --icmp-type ${m.type === ANY ? 'any' : every ? m.type : `${m.type}/${m.code.low}`}`;
  },
  list: (m, { numeric }) => list(m, numeric),
  places: { protocols: [1] },
});
