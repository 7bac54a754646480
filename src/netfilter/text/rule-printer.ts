/** One rule as iptables-save 1.8.9 writes it: what stands behind `-A CHAIN`, each part with a space in front. */
import { formatIpv4 } from '../../base/address.ts';
import { matchOf } from '../matches/index.ts';
import type { Match, NotAddress, NotInterface, Rule, Target } from '../ruleset.ts';
import { targetOf } from '../targets/index.ts';
import { systemNames } from './names.ts';
import { bang, printInterface, printMask } from './values.ts';

/** What two rules are compared by, and what is printed: a rule without its counters and its place. */
export type RuleBody = Pick<
  Rule,
  'source' | 'destination' | 'inInterface' | 'outInterface' | 'protocol' | 'fragment' | 'matches' | 'target' | 'verbatim'
>;

export function printRule(rule: RuleBody): string {
  if (rule.verbatim !== undefined) return ` ${rule.verbatim}`;
  let s = '';
  if (rule.source) s += address('-s', rule.source);
  if (rule.destination) s += address('-d', rule.destination);
  if (rule.inInterface) s += device('-i', rule.inInterface);
  if (rule.outInterface) s += device('-o', rule.outInterface);
  if (rule.protocol) s += `${bang(rule.protocol.not)} -p ${protocolText(rule.protocol.number)}`;
  if (rule.fragment) s += `${bang(rule.fragment.not)} -f`;
  for (const match of rule.matches) s += printMatch(match);
  return rule.target ? s + printTarget(rule.target) : s;
}

export const protocolText = (number: number): string => systemNames.protocolName(number) ?? String(number);

const address = (option: string, a: NotAddress): string => `${bang(a.not)} ${option} ${formatIpv4(a.address)}${printMask(a.mask)}`;
const device = (option: string, i: NotInterface): string => `${bang(i.not)} ${option} ${printInterface(i)}`;

export function printMatch(match: Match): string {
  const extension = matchOf(match);
  return ` -m ${extension.name}${extension.print(match)}`;
}

export function printTarget(target: Target): string {
  if (target.kind === 'jump') return ` -j ${target.chain}`;
  if (target.kind === 'goto') return ` -g ${target.chain}`;
  const extension = targetOf(target);
  return ` -j ${extension.name}${extension.print(target)}`;
}

/** Do the two rules say the same? Counters, lines and origins are not looked at. */
export function sameRule(a: RuleBody, b: RuleBody): boolean {
  if (a.target?.kind !== b.target?.kind || a.matches.length !== b.matches.length || a.protocol?.number !== b.protocol?.number) return false;
  if (a.source?.address !== b.source?.address || a.destination?.address !== b.destination?.address) return false;
  return printRule(a) === printRule(b);
}
