/**
 * IPv4 rules as data for the router (`netfilter/ruleset.ts`): the same as reading the lines of `rule-text.ts`. What has not changed stays
 * the same object, so that the router goes on counting.
 */
import { maskOf, parseIpv4 } from '../../base/address.ts';
import { VersionedMap } from '../../base/versioned-map.ts';
import {
  addressTypes,
  builtinChains,
  type Chain,
  CtState,
  emptyTable,
  type Match,
  type NotAddress,
  type NotInterface,
  type Rule,
  type RuleSet,
  type Table,
  type Target,
} from '../../netfilter/ruleset.ts';
import type { ChainState, StateTable } from './chain-state.ts';
import { Chain as Names } from './names.ts';
import { type Origin, type Part, type ProxyRule, probability, type RuleTarget } from './rule.ts';
import { originText } from './rule-text.ts';

/** Protocols by number (IANA). Objects that say the same are shared: nobody changes one. */
const protocolHeads = { tcp: { number: 6, not: false }, udp: { number: 17, not: false }, sctp: { number: 132, not: false } } as const;
const anyPort = { tcp: { kind: 'tcp' }, udp: { kind: 'udp' }, sctp: { kind: 'sctp' } } as const;
/** Probability 1 as the kernel keeps it (`xt_statistic`): 31 bits behind the point. */
const CERTAIN = 0x8000_0000;
const LOCAL = 1 << addressTypes.indexOf('LOCAL');

const tableNames: readonly StateTable[] = ['mangle', 'nat', 'filter'];

/** Makes rule sets of one `ChainState`: each time of the chains that changed since the last. */
export class RuleSetMaker {
  readonly #state: ChainState;
  readonly #made = new Map<StateTable, Table & { readonly chains: VersionedMap<string, Chain> }>();

  /** @param state of IPv4 */
  constructor(state: ChainState) {
    this.#state = state;
  }

  ruleSet(): RuleSet {
    return { tables: new Map(tableNames.map(name => [name, this.#table(name)])) };
  }

  #table(name: StateTable): Table {
    const rulesOf = this.#state.tables[name];
    const before = this.#made.get(name) ?? this.#wholeTable(name);
    const changes = this.#state.takeChanged(name).map((chain): [string, Chain | undefined] => {
      const rules = rulesOf.get(chain);
      return [chain, rules && makeChain(name, chain, rules)];
    });
    const made = changes.length === 0 ? before : { name, chains: before.chains.with(changes) };
    this.#made.set(name, made);
    return made;
  }

  #wholeTable(name: StateTable): Table & { readonly chains: VersionedMap<string, Chain> } {
    const chains = new Map(emptyTable(name).chains);
    for (const [chain, rules] of this.#state.tables[name]) chains.set(chain, makeChain(name, chain, rules));
    this.#state.takeChanged(name);
    return { name, chains: VersionedMap.owning(chains) };
  }
}

function makeChain(table: StateTable, name: string, rules: readonly ProxyRule[]): Chain {
  const data = rules.map(ruleData);
  if (!(builtinChains[table] as readonly string[]).includes(name)) return { name, packets: 0, bytes: 0, rules: data };
  return { name, policy: 'ACCEPT', packets: 0, bytes: 0, rules: data };
}

/** The same object each time. */
export function ruleData(rule: ProxyRule): Rule {
  rule.data ??= new DataRule(rule);
  return rule.data;
}

/** In a large cluster there are as many as endpoints, and three times that: fields that are absent take no room, and words wait to be asked for. */
class DataRule implements Rule {
  declare source?: NotAddress;
  declare destination?: NotAddress;
  declare inInterface?: NotInterface;
  declare protocol?: { readonly number: number; readonly not: boolean };
  declare target?: Target;
  readonly matches: readonly Match[];
  packets = 0;
  bytes = 0;
  readonly line = 0;
  readonly #origin: Origin;

  constructor({ parts, target, origin }: ProxyRule) {
    this.#origin = origin;
    const [only] = parts;
    if (parts.length === 1 && only!.kind === 'share') {
      this.matches = shareAlone(only!.left);
    } else if (parts.length === 1 && only!.kind === 'protocol') {
      this.protocol = protocolHeads[only!.protocol];
      this.matches = protocolAlone[only!.protocol];
    } else {
      const matches: Match[] = [];
      for (const part of parts) addPart(part, parts, this, matches);
      this.matches = matches.length === 0 ? NO_MATCHES : matches;
    }
    if (target !== undefined) this.target = targetData(target);
  }

  get origin(): string {
    return originText(this.#origin);
  }
}

const NO_MATCHES: readonly Match[] = [];
const protocolAlone = { tcp: [anyPort.tcp], udp: [anyPort.udp], sctp: [anyPort.sctp] } as const satisfies Record<string, readonly Match[]>;
const sharesAlone: (readonly Match[])[] = [];
/** The same list for each `left`. */
function shareAlone(left: number): readonly Match[] {
  for (let n = sharesAlone.length; n <= left; n++) sharesAlone.push([shareMatch(n)]);
  return sharesAlone[left]!;
}
const shareMatch = (left: number): Match => ({
  kind: 'statistic',
  mode: 'random',
  threshold: Math.round(Number(probability(left)) * CERTAIN),
  not: false,
});

function addPart(part: Part, parts: readonly Part[], rule: DataRule, matches: Match[]): void {
  switch (part.kind) {
    case 'comment':
      matches.push({ kind: 'comment', text: part.text });
      break;
    case 'protocol': {
      // The port's option belongs to this match, wherever it stands.
      const asked = parts.find(p => p.kind === 'dport');
      rule.protocol = protocolHeads[part.protocol];
      matches.push(
        asked === undefined ? anyPort[part.protocol] : { kind: part.protocol, dstPort: { low: asked.port, high: asked.port, not: false } },
      );
      break;
    }
    case 'source':
      rule.source = addressData(part.network, part.not);
      break;
    case 'destination':
      rule.destination = addressData(part.network, part.not);
      break;
    case 'inInterface': {
      const prefix = part.name.endsWith('+');
      rule.inInterface = { name: prefix ? part.name.slice(0, -1) : part.name, prefix, not: part.not };
      break;
    }
    case 'dport':
      break;
    case 'localAddress': {
      const types = { types: LOCAL, not: false };
      const side = part.side === 'src' ? { source: types } : { destination: types };
      matches.push({ kind: 'addrtype', ...side, limitIn: false, limitOut: false });
      break;
    }
    case 'mark':
      matches.push({ kind: 'mark', value: Number(part.mark), mask: Number(part.mark), not: part.not });
      break;
    case 'ctstate': {
      const bits = part.states.reduce((sum, state) => sum | CtState[state], 0);
      matches.push({ kind: 'conntrack', state: { bits, not: part.not } });
      break;
    }
    case 'nfacct':
      matches.push({ kind: 'nfacct', name: part.counter });
      break;
    case 'share':
      matches.push(shareMatch(part.left));
      break;
    case 'remember':
      matches.push({ kind: 'recent', op: 'set', not: false, reap: false, rttl: false, name: part.list, mask: -1, side: 'source' });
      break;
    case 'remembered': {
      const { list: name, seconds } = part;
      matches.push({ kind: 'recent', op: 'rcheck', not: false, seconds, reap: true, rttl: false, name, mask: -1, side: 'source' });
      break;
    }
    default:
      part satisfies never;
  }
}

/** Where one of three rules of a large cluster goes. */
const toMarkMasq: Target = { kind: 'jump', chain: Names.MarkMasq };

function targetData(target: RuleTarget): Target {
  switch (target.kind) {
    case 'jump':
      return target.chain === Names.MarkMasq ? toMarkMasq : { kind: 'jump', chain: target.chain };
    case 'REJECT':
      return { kind: 'REJECT', with: 'icmp-port-unreachable' };
    case 'setMark':
      return { kind: 'MARK', value: Number(target.mark), mask: Number(target.mark) };
    case 'flipMark':
      return { kind: 'MARK', value: Number(target.mark), mask: 0 };
    case 'MASQUERADE':
      return { kind: 'MASQUERADE', random: false, randomFully: target.randomFully };
    case 'DNAT': {
      const colon = target.to.indexOf(':');
      const address = parseIpv4(target.to.slice(0, colon));
      const port = Number(target.to.slice(colon + 1));
      const once = { addresses: { low: address, high: address }, ports: { low: port, high: port } };
      return { kind: 'DNAT', ...once, basePort: 0, random: false, persistent: false };
    }
    default:
      return { kind: target.kind };
  }
}

function addressData(network: string, not: boolean): NotAddress {
  const slash = network.indexOf('/');
  const mask = slash < 0 ? -1 : maskOf(Number(network.slice(slash + 1)));
  return { address: parseIpv4(slash < 0 ? network : network.slice(0, slash)) & mask, mask, not };
}
