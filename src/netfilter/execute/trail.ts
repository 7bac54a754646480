/**
 * Which rules a packet of a known connection matches: walked once and written down, so that those behind it need not walk. A trail holds for the
 * connection when every test on the way looks at nothing but what its packets have in common, and no target did more than lead on.
 */
import type { Packet } from '../../packet/packet.ts';
import type { Verdict } from '../../packet/verdict.ts';
import type { Execution, Test } from './execution.ts';
import { findRule } from './index/find.ts';
import { addressTypes } from './matches/addrtype.ts';
import { ctAddress, ctDirection, ctPort, ctProtocol, ctState, ctStateNat } from './matches/conntrack.ts';
import * as header from './matches/header.ts';
import { destinationRange, sourceRange } from './matches/ip-fields.ts';
import { markTest } from './matches/mark.ts';
import { multiportTest } from './matches/multiport.ts';
import { testOps, tests } from './matches/table.ts';
import { tcpDstPort, tcpPorts, tcpWhole } from './matches/tcp.ts';
import { udpDstPort, udpPorts, udpWhole } from './matches/udp.ts';
import { Action, FIRST_ACTION, LENGTH_SHIFT, OP_MASK, RULE_HEAD, RULE_PACKETS, RULE_SEGMENT, RULE_SIZE } from './program.ts';
import { Walker } from './walk.ts';
import { NOWHERE, nextRule } from './way.ts';

/**
 * Tests whose outcome is the same for all packets of one direction of a connection that came in, and leave, by the same interfaces, in the same
 * state, with the same mark. Not among them: what differs by packet (length, TTL, TCP flags), what counts (limit, recent, quota), what is
 * drawn (statistic), what somebody else may change (sets, connmark).
 */
const steady: readonly Test[] = [
  ...[header.source, header.destination, header.sourceIs, header.destinationIs, header.protocol, header.fragment, header.never],
  ...[header.inInterface, header.outInterface],
  ...[tcpDstPort, tcpWhole, tcpPorts, udpDstPort, udpWhole, udpPorts, multiportTest, sourceRange, destinationRange],
  ...[ctState, ctStateNat, ctDirection, ctAddress, ctProtocol, ctPort],
  ...[markTest, addressTypes],
];
const isSteady = Uint8Array.from(tests, test => (steady.includes(test) ? 1 : 0));
if (steady.some(test => !testOps.has(test))) throw new RangeError('a steady test is in no table');

/** Rules that a trail may have. */
const MOST = 64;

export class Trail {
  /** The packet whose way is written down; null: nobody's. */
  of: Packet | null = null;
  /** Packet counters of the rules that it matched, as they stand in `counters`; those of bytes are one further. */
  readonly places = new Int32Array(MOST);
  length = 0;
  /** It does not hold for others. */
  broken = false;

  begin(p: Packet): void {
    this.of = p;
    this.length = 0;
    this.broken = false;
  }

  /**
   * Looks where the walk that comes next will go, and changes nothing: the same steps as `Walker.walk`, without what a target does.
   */
  follow(x: Execution, p: Packet, code: Int32Array, index: Int32Array | null, start: number, policy: number): void {
    const stack: number[] = [];
    let rule = start;
    while (!this.broken) {
      if (index !== null && x.whole) {
        const segment = code[rule + RULE_SEGMENT]!;
        if (segment >= 0) rule = findRule(index, segment, x, rule);
      }
      const at = this.#failing(x, p, code, rule);
      const op = code[at]! & OP_MASK;
      if (this.broken) return;
      if (op < FIRST_ACTION) {
        rule += code[rule + RULE_SIZE]!;
        continue;
      }
      if (op !== Action.End && op !== Action.Moved) this.#note((rule + RULE_PACKETS) >> 1);
      rule = nextRule(op, code, rule, at, stack, policy);
      if (rule !== NOWHERE) continue;
      this.broken ||= op !== Action.Accept && op !== Action.Policy;
      return;
    }
  }

  /** @returns where the first test stands that fails, or the action behind all of them. */
  #failing(x: Execution, p: Packet, code: Int32Array, rule: number): number {
    let at = rule + RULE_HEAD;
    for (;;) {
      const word = code[at]!;
      const op = word & OP_MASK;
      if (op >= FIRST_ACTION) return at;
      if (isSteady[op] === 0) {
        this.broken = true;
        return at;
      }
      if (!tests[op]!(x, p, code, at)) {
        this.broken = x.hotdrop;
        x.hotdrop = false;
        return at;
      }
      at += word >>> LENGTH_SHIFT;
    }
  }

  #note(place: number): void {
    if (this.length === MOST) this.broken = true;
    else this.places[this.length++] = place;
  }
}

/** A walker that has the trail written down for the packet whose trail it is. */
export class TrailWalker extends Walker {
  readonly #x: Execution;
  readonly #index: Int32Array | null;
  readonly #trail: Trail;

  constructor(x: Execution, code: Int32Array, counters: Float64Array, depth: number, index: Int32Array | null, trail: Trail) {
    super(x, code, counters, depth, index);
    this.#x = x;
    this.#index = index;
    this.#trail = trail;
  }

  override walk(p: Packet, start: number, policy: number): Verdict {
    if (this.#trail.of === p) this.#trail.follow(this.#x, p, this.code, this.#index, start, policy);
    return super.walk(p, start, policy);
  }
}
