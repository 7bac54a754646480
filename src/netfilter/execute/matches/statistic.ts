/** `-m statistic`: `statistic_mt`, `net/netfilter/xt_statistic.c`. */
import type { Packet } from '../../../packet/packet.ts';
import type { Execution } from '../execution.ts';
import type { MatchExtension, MatchOf } from '../extension.ts';
import { NOT } from '../program.ts';

/** Operand: threshold, unsigned: passes when 31 random bits are below it. */
export const statisticRandom = (x: Execution, _p: Packet, code: Int32Array, at: number): boolean =>
  (x.env.random.u32() & 0x7fff_ffff) < code[at + 1]! >>> 0 !== ((code[at]! & NOT) !== 0);

/** The kernel's counter goes 0..every-1 and passes as it comes round to 0. Numbers: every, packet. */
export class NthCounter {
  readonly #every: number;
  #count: number;
  constructor(every: number, packet: number) {
    this.#every = every;
    this.#count = every - 1 - packet;
  }
  next(): boolean {
    this.#count = this.#count === this.#every - 1 ? 0 : this.#count + 1;
    return this.#count === 0;
  }
}

/** Operand: state. */
export const statisticNth = (x: Execution, _p: Packet, code: Int32Array, at: number): boolean =>
  (x.states[code[at + 1]!] as NthCounter).next() !== ((code[at]! & NOT) !== 0);

export const statistic: MatchExtension<MatchOf<'statistic'>> = {
  tests: [statisticRandom, statisticNth],
  stateful: true,
  emit(m, out) {
    if (m.mode === 'random') out.test(statisticRandom, m.not, m.threshold | 0);
    else out.test(statisticNth, m.not, out.ownState('nth', [m.every, m.packet]));
  },
};
