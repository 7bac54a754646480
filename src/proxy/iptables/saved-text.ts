/** A rule as iptables-save and ip6tables-save show it: what `--diff` compares. Head, then matches, then target (iptables 1.8). */
import { type Part, type ProxyRule, probability, type RuleTarget } from './rule.ts';

const bang = (not: boolean): string => (not ? ' !' : '');

/** @param family decides the length of a whole address */
export function savedText(rule: ProxyRule, family: 'IPv4' | 'IPv6'): string {
  const asked = rule.parts.find(p => p.kind === 'dport');
  const head = { source: '', destination: '', inInterface: '', protocol: '' };
  let matches = '';
  for (const part of rule.parts) {
    switch (part.kind) {
      case 'source':
        head.source = `${bang(part.not)} -s ${whole(part.network, family)}`;
        break;
      case 'destination':
        head.destination = `${bang(part.not)} -d ${whole(part.network, family)}`;
        break;
      case 'inInterface':
        head.inInterface = `${bang(part.not)} -i ${part.name}`;
        break;
      case 'protocol':
        head.protocol = ` -p ${part.protocol}`;
        matches += ` -m ${part.protocol}${asked ? ` --dport ${asked.port}` : ''}`;
        break;
      default:
        matches += matchText(part, family);
    }
  }
  const { source, destination, inInterface, protocol } = head;
  return `-A ${rule.chain}${source}${destination}${inInterface}${protocol}${matches}${targetText(rule.target, family)}`;
}

const whole = (network: string, family: 'IPv4' | 'IPv6'): string =>
  network.includes('/') ? network : `${network}/${family === 'IPv4' ? 32 : 128}`;

/** Which states iptables-save names first. */
const STATES = ['INVALID', 'NEW', 'RELATED', 'ESTABLISHED', 'UNTRACKED', 'SNAT', 'DNAT'];

function matchText(part: Exclude<Part, { kind: 'source' | 'destination' | 'inInterface' | 'protocol' }>, family: 'IPv4' | 'IPv6'): string {
  const hosts = family === 'IPv4' ? '255.255.255.255' : 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff';
  switch (part.kind) {
    case 'comment':
      return ` -m comment --comment ${/^[\w.]+$/.test(part.text) ? part.text : `"${part.text}"`}`;
    case 'dport':
      return '';
    case 'localAddress':
      return ` -m addrtype --${part.side}-type LOCAL`;
    case 'mark':
      return ` -m mark${bang(part.not)} --mark ${hex(part.mark)}/${hex(part.mark)}`;
    case 'ctstate':
      return ` -m conntrack${bang(part.not)} --ctstate ${STATES.filter(s => (part.states as readonly string[]).includes(s)).join(',')}`;
    case 'nfacct':
      return ` -m nfacct --nfacct-name  ${part.counter}`;
    case 'share':
      return ` -m statistic --mode random --probability ${(Math.round(Number(probability(part.left)) * 2 ** 31) / 2 ** 31).toFixed(11)}`;
    case 'remember':
      return ` -m recent --set --name ${part.list} --mask ${hosts} --rsource`;
    case 'remembered':
      return ` -m recent --rcheck --seconds ${part.seconds} --reap --name ${part.list} --mask ${hosts} --rsource`;
    default: {
      const never: never = part;
      return never;
    }
  }
}

function targetText(target: RuleTarget | undefined, family: 'IPv4' | 'IPv6'): string {
  if (target === undefined) return '';
  switch (target.kind) {
    case 'jump':
      return ` -j ${target.chain}`;
    case 'REJECT':
      return ` -j REJECT --reject-with ${family === 'IPv4' ? 'icmp-port-unreachable' : 'icmp6-port-unreachable'}`;
    case 'setMark':
      return ` -j MARK --set-xmark ${hex(target.mark)}/${hex(target.mark)}`;
    case 'flipMark':
      return ` -j MARK --set-xmark ${hex(target.mark)}/0x0`;
    case 'MASQUERADE':
      return target.randomFully ? ' -j MASQUERADE --random-fully' : ' -j MASQUERADE';
    case 'DNAT':
      return ` -j DNAT --to-destination ${target.to}`;
    default:
      return ` -j ${target.kind}`;
  }
}

const hex = (mark: string): string => `0x${Number(mark).toString(16)}`;
