/**
 * What the rules of a node do with the first packet of a connection, of either family: kube-proxy's own description of its rules is
 * walked through the hooks. Chance is taken apart: the walk goes on along every endpoint that may be chosen.
 */
import { type IpAddress, inNetwork, isLoopbackIp, parseIp, parseNetwork } from '../../../src/base/ip.ts';
import type { ChainState } from '../../../src/proxy/iptables/chain-state.ts';
import type { Part, ProxyRule, TableWithRules } from '../../../src/proxy/iptables/rule.ts';

export interface RuleWalkNode {
  readonly state: ChainState;
  /** Every address that counts as LOCAL. */
  readonly locals: readonly IpAddress[];
  readonly podCidr: string;
  readonly mark: number;
}
export interface RuleFlow {
  readonly protocol: string;
  readonly src: string;
  readonly dst: string;
  readonly dport: number;
}
export interface RuleOutcome {
  readonly kind: 'endpoints' | 'reject' | 'drop' | 'accept' | 'none';
  readonly endpoint: string | undefined;
  readonly masquerade: boolean;
}

interface Packet {
  readonly src: IpAddress;
  readonly dst: IpAddress;
  readonly dport: number;
  readonly protocol: string;
  readonly mark: number;
  /** Where it was sent to in the end. */
  readonly dnat: string | undefined;
}
/** How a chain ends: a verdict, or back to where it was called. */
interface End {
  readonly verdict: 'ACCEPT' | 'DROP' | 'REJECT' | 'none' | 'back';
  readonly packet: Packet;
  readonly chain: string;
}

export class RuleWalk {
  readonly #node: RuleWalkNode;
  constructor(node: RuleWalkNode) {
    this.#node = node;
  }

  /** One for each way that the packet may take. */
  outcomes(flow: RuleFlow): RuleOutcome[] {
    const packet: Packet = {
      src: parseIp(flow.src)!,
      dst: parseIp(flow.dst)!,
      dport: flow.dport,
      protocol: flow.protocol.toLowerCase(),
      mark: 0,
      dnat: undefined,
    };
    const made = this.#isLocal(packet.src);
    return this.#run('nat', made ? 'OUTPUT' : 'PREROUTING', packet).map(({ packet: p }) => {
      const last = made ? 'OUTPUT' : this.#isLocal(p.dst) ? 'INPUT' : 'FORWARD';
      const [end] = this.#run('filter', last, p);
      return { kind: this.#kind(end!), endpoint: p.dnat, masquerade: (end!.packet.mark & this.#node.mark) !== 0 };
    });
  }

  #kind({ verdict, chain, packet }: End): RuleOutcome['kind'] {
    if (verdict === 'DROP') return 'drop';
    if (verdict === 'REJECT') return 'reject';
    if (packet.dnat !== undefined) return 'endpoints';
    return verdict === 'ACCEPT' && chain === 'KUBE-NODEPORTS' ? 'accept' : 'none';
  }

  #run(table: TableWithRules, chain: string, packet: Packet): End[] {
    return this.#chain(table, chain, packet).map(end => (end.verdict === 'back' ? { ...end, verdict: 'none' } : end));
  }

  #chain(table: TableWithRules, name: string, packet: Packet, from = 0): End[] {
    const rules = this.#node.state.tables[table].get(name) ?? [];
    for (let i = from; i < rules.length; i++) {
      const rule = rules[i]!;
      if (!rule.parts.every(part => this.#matches(part, packet))) continue;
      const on = (p: Packet): End[] => this.#chain(table, name, p, i + 1);
      const taken = this.#target(table, name, rule, packet, on);
      const left = rule.parts.some(part => part.kind === 'share') ? on(packet) : [];
      return [...taken, ...left];
    }
    return [{ verdict: 'back', packet, chain: name }];
  }

  #target(table: TableWithRules, chain: string, { target }: ProxyRule, packet: Packet, on: (p: Packet) => End[]): End[] {
    if (target === undefined) return on(packet);
    switch (target.kind) {
      case 'jump':
        return this.#chain(table, target.chain, packet).flatMap(end => (end.verdict === 'back' ? on(end.packet) : [end]));
      case 'setMark':
        return on({ ...packet, mark: packet.mark | Number(target.mark) });
      case 'flipMark':
        return on({ ...packet, mark: packet.mark ^ Number(target.mark) });
      case 'RETURN':
        return [{ verdict: 'back', packet, chain }];
      case 'DNAT': {
        const at = target.to.lastIndexOf(':');
        const dst = parseIp(target.to.slice(0, at).replace(/^\[|\]$/g, ''))!;
        return [{ verdict: 'ACCEPT', packet: { ...packet, dst, dport: Number(target.to.slice(at + 1)), dnat: target.to }, chain }];
      }
      case 'MASQUERADE':
        return [{ verdict: 'ACCEPT', packet, chain }];
      default:
        return [{ verdict: target.kind, packet, chain }];
    }
  }

  #matches(part: Part, p: Packet): boolean {
    switch (part.kind) {
      case 'protocol':
        return p.protocol === part.protocol;
      case 'source':
      case 'destination':
        return contains(part.network, part.kind === 'source' ? p.src : p.dst) !== part.not;
      case 'inInterface':
        throw new Error('the way in is not known');
      case 'dport':
        return p.dport === part.port;
      case 'localAddress':
        return this.#isLocal(part.side === 'src' ? p.src : p.dst);
      case 'mark':
        return ((p.mark & Number(part.mark)) === Number(part.mark)) !== part.not;
      case 'ctstate': {
        const states = p.dnat === undefined ? ['NEW'] : ['NEW', 'DNAT'];
        return part.states.some(s => states.includes(s)) !== part.not;
      }
      case 'remembered':
        return false; // nobody has been here before
      default:
        return true;
    }
  }

  #isLocal(ip: IpAddress): boolean {
    return isLoopbackIp(ip) || this.#node.locals.some(l => l.text === ip.text);
  }
}

const contains = (network: string, ip: IpAddress): boolean =>
  network.includes('/') ? inNetwork(ip, parseNetwork(network)!) : parseIp(network)!.text === ip.text;
