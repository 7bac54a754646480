/** What a walk cannot know, because nobody has said it: then a test is undecided and not guessed. */
import { formatIpv4, isLoopback, isMulticast } from '../base/address.ts';
import type { Execution } from '../netfilter/execute/execution.ts';
import type { RulePart } from '../netfilter/execute/explain.ts';
import type { Match, Rule } from '../netfilter/ruleset.ts';
import type { Packet } from '../packet/packet.ts';
import type { Plane } from '../router/plane.ts';

const doubtful = new Set<Match['kind']>(['addrtype', 'rpfilter', 'owner', 'mac']);

export class Doubts {
  readonly #plane: Plane;
  readonly #addressesKnown: boolean;
  /** Interface that stands for "somewhere": packets leave by it for which there is no route. 0: there is none. */
  readonly #somewhere: number;

  constructor(plane: Plane, addressesKnown: boolean, somewhere: number) {
    this.#plane = plane;
    this.#addressesKnown = addressesKnown;
    this.#somewhere = somewhere;
  }

  isUnknown(iface: number): boolean {
    return iface !== 0 && iface === this.#somewhere;
  }

  /** Quick look: is there anything in the rule that may be in doubt? */
  mayDoubt(rule: Rule, x: Execution): boolean {
    return (rule.outInterface !== undefined && this.isUnknown(x.oif)) || rule.matches.some(m => doubtful.has(m.kind));
  }

  /** @returns undefined when the test can be run */
  about(rule: Rule, part: RulePart, x: Execution, p: Packet): boolean | 'undecided' | undefined {
    if (part.part === 'out') {
      if (!this.isUnknown(x.oif)) return undefined;
      const { name, prefix, not } = rule.outInterface!;
      // It goes to another machine, that much is known.
      return name === 'lo' && !prefix ? not : 'undecided';
    }
    if (part.part !== 'match') return undefined;
    const m = part.match;
    switch (m.kind) {
      case 'owner':
        return 'undecided';
      case 'mac':
        return !p.local && p.start === p.l3 ? 'undecided' : undefined;
      case 'rpfilter':
        return this.isUnknown(this.#wayTo(x.src)) ? 'undecided' : undefined;
      case 'addrtype':
        if (m.limitOut && this.isUnknown(x.oif)) return 'undecided';
        if (this.#addressesKnown) return undefined;
        return (m.source && mayBeLocal(x.src)) || (m.destination && mayBeLocal(x.dst)) ? 'undecided' : undefined;
      default:
        return undefined;
    }
  }

  why(part: RulePart, x: Execution, p: Packet): string {
    if (part.part === 'out') return `where it leaves is unknown: no route for ${formatIpv4(x.dst)} was given`;
    if (part.part !== 'match') return '';
    switch (part.match.kind) {
      case 'owner':
        return p.local ? 'a described packet has no socket' : 'it has no socket here';
      case 'mac':
        return 'a described packet has no MAC address';
      case 'rpfilter':
        return `the way back is unknown: no route for ${formatIpv4(x.src)} was given`;
      default:
        return "which addresses are the node's own is unknown: none was given";
    }
  }

  #wayTo(address: number): number {
    const route = this.#plane.fib.lookup(address);
    return route < 0 ? 0 : this.#plane.fib.oif[route]!;
  }
}

const mayBeLocal = (address: number): boolean => !isLoopback(address) && !isMulticast(address) && address !== -1;
