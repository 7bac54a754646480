/** A rule as a line of iptables-restore, word for word as kube-proxy writes it. */
import { type Origin, type Part, type ProxyRule, probability, type RuleTarget } from './rule.ts';

export function ruleText(rule: ProxyRule): string {
  let s = `-A ${rule.chain}`;
  for (const part of rule.parts) s += partText(part);
  return rule.target === undefined ? s : s + targetText(rule.target);
}

/** What stands behind `-A CHAIN`, as arguments of a command. */
export const ruleWords = (rule: ProxyRule): string[] =>
  (
    ruleText(rule)
      .slice(`-A ${rule.chain}`.length)
      .match(/"[^"]*"|\S+/g) ?? []
  ).map(word => word.replace(/^"|"$/g, ''));

const bang = (not: boolean): string => (not ? ' !' : '');

function partText(part: Part): string {
  switch (part.kind) {
    case 'comment':
      return part.text.includes(' ') ? ` -m comment --comment "${part.text}"` : ` -m comment --comment ${part.text}`;
    case 'protocol':
      return ` -m ${part.protocol} -p ${part.protocol}`;
    case 'source':
      return `${bang(part.not)} -s ${part.network}`;
    case 'destination':
      return `${bang(part.not)} -d ${part.network}`;
    case 'inInterface':
      return `${bang(part.not)} -i ${part.name}`;
    case 'dport':
      return ` --dport ${part.port}`;
    case 'localAddress':
      return ` -m addrtype --${part.side}-type LOCAL`;
    case 'mark':
      return ` -m mark${bang(part.not)} --mark ${part.mark}/${part.mark}`;
    case 'ctstate':
      return ` -m conntrack${bang(part.not)} --ctstate ${part.states.join(',')}`;
    case 'nfacct':
      return ` -m nfacct --nfacct-name ${part.counter}`;
    case 'share':
      return ` -m statistic --mode random --probability ${probability(part.left)}`;
    case 'remember':
      return ` -m recent --name ${part.list} --set`;
    case 'remembered':
      return ` -m recent --name ${part.list} --rcheck --seconds ${part.seconds} --reap`;
    default: {
      const never: never = part;
      return never;
    }
  }
}

function targetText(target: RuleTarget): string {
  switch (target.kind) {
    case 'jump':
      return ` -j ${target.chain}`;
    case 'setMark':
      return ` -j MARK --or-mark ${target.mark}`;
    case 'flipMark':
      return ` -j MARK --xor-mark ${target.mark}`;
    case 'MASQUERADE':
      return target.randomFully ? ' -j MASQUERADE --random-fully' : ' -j MASQUERADE';
    case 'DNAT':
      return ` -j DNAT --to-destination ${target.to}`;
    default:
      return ` -j ${target.kind}`;
  }
}

/** `Service default/web field spec.ports[0].nodePort` */
export const originText = ({ object, field }: Origin): string => `${object} field ${field}`;
