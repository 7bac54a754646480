/** State, status, addresses, ports and time left of the packet's conntrack entry (`xt_conntrack` revision 3). */
import { formatIpv4 } from '../../base/address.ts';
import { type ConntrackMatch, CtState, CtStatus, type NotAddress, type NotRange } from '../ruleset.ts';
import { defineMatch } from '../text/extension.ts';
import { resolvedRange } from '../text/ports.ts';
import { flagList, hostMask, MAX_U32, oneOf, printOptionalMask, printRange, protocolNumber, range } from '../text/values.ts';

/** In the order in which they are printed. A word that is cut short means the first that starts so. */
const states = ['INVALID', 'NEW', 'RELATED', 'ESTABLISHED', 'UNTRACKED', 'SNAT', 'DNAT'] as const;
const statuses = ['EXPECTED', 'SEEN_REPLY', 'ASSURED', 'CONFIRMED'] as const;

const readStates = flagList(
  ['INVALID', 'NEW', 'ESTABLISHED', 'RELATED', 'UNTRACKED', 'SNAT', 'DNAT'].map(n => [n, CtState[n as keyof typeof CtState]]),
);
const readStatuses = flagList(['NONE', ...statuses].map(n => [n, CtStatus[n as keyof typeof CtStatus]]));

export const printStates = (bits: number): string => states.filter(s => bits & CtState[s]).join(',');
const printStatuses = (bits: number): string => statuses.filter(s => bits & CtStatus[s]).join(',') || 'NONE';

const readDirection = oneOf('ORIGINAL', 'REPLY');
const address = { parse: hostMask, not: true };
const ports = { parse: resolvedRange, not: true };

const addresses = [
  ['ctorigsrc', 'origSrc'],
  ['ctorigdst', 'origDst'],
  ['ctreplsrc', 'replSrc'],
  ['ctrepldst', 'replDst'],
] as const;
const portFields = [
  ['ctorigsrcport', 'origSrcPort'],
  ['ctorigdstport', 'origDstPort'],
  ['ctreplsrcport', 'replSrcPort'],
  ['ctrepldstport', 'replDstPort'],
] as const;

/** Both printers; `p` is `--` or nothing. */
function text(m: ConntrackMatch, p: string, anywhere: boolean): string {
  let s = '';
  const put = (not: boolean, words: string): void => {
    s += `${not ? ' !' : ''} ${p}${words}`;
  };
  if (m.state) put(m.state.not, `ctstate ${printStates(m.state.bits)}`);
  if (m.protocol) put(m.protocol.not, `ctproto ${m.protocol.number}`);
  for (const [option, field] of addresses) {
    const a: NotAddress | undefined = m[field];
    if (a) put(a.not, `${option} ${anywhere && a.address === 0 ? 'anywhere' : formatIpv4(a.address) + printOptionalMask(a.mask)}`);
  }
  for (const [option, field] of portFields) {
    const r: NotRange | undefined = m[field];
    if (r) put(r.not, `${option} ${r.high === 0 ? r.low : printRange(r)}`);
  }
  if (m.status) put(m.status.not, `ctstatus ${printStatuses(m.status.bits)}`);
  if (m.expireS) put(m.expireS.not, `ctexpire ${printRange(m.expireS)}`);
  if (m.direction) put(false, `ctdir ${m.direction.reply ? 'REPLY' : 'ORIGINAL'}`);
  return s;
}

export const conntrack = defineMatch('conntrack', {
  options: {
    ctstate: { parse: readStates, not: true },
    ctproto: { parse: protocolNumber, not: true },
    ctorigsrc: address,
    ctorigdst: address,
    ctreplsrc: address,
    ctrepldst: address,
    ctorigsrcport: ports,
    ctorigdstport: ports,
    ctreplsrcport: ports,
    ctrepldstport: ports,
    ctstatus: { parse: readStatuses, not: true },
    ctexpire: { parse: range(MAX_U32), not: true },
    ctdir: { parse: readDirection },
  },
  read(given, words): ConntrackMatch {
    if (Object.keys(given).length === 0) words.fail('conntrack wants at least one option');
    const { ctstate, ctproto, ctstatus, ctexpire, ctdir } = given;
    const found: Record<string, NotAddress | NotRange> = {};
    for (const [option, field] of addresses) {
      const g = given[option];
      if (g) found[field] = { ...g.value, not: g.not };
    }
    for (const [option, field] of portFields) {
      const g = given[option];
      if (g) found[field] = { ...g.value, not: g.not };
    }
    return {
      kind: 'conntrack',
      ...(ctstate && { state: { bits: ctstate.value, not: ctstate.not } }),
      ...(ctproto && { protocol: { number: ctproto.value, not: ctproto.not } }),
      ...found,
      ...(ctstatus && { status: { bits: ctstatus.value, not: ctstatus.not } }),
      ...(ctexpire && { expireS: { low: ctexpire.value.low, high: ctexpire.value.high, not: ctexpire.not } }),
      ...(ctdir && { direction: { reply: ctdir.value === 'REPLY' } }),
    };
  },
  print: m => text(m, '--', false),
  list: (m, { numeric }) => text(m, '', !numeric),
});
