/** What a run has hit, counted from the kernel's side: rules by their counters, TCP by the state that an entry was in, the rest by frames. */
import type { Case, Step } from '../case.ts';
import type { Observer, Played } from '../play.ts';
import { frameItems } from './frames.ts';
import { ruleItems } from './rules.ts';
import { specItems } from './specs.ts';

export class Coverage implements Observer {
  readonly hits = new Map<string, number>();
  #looksAtStates = false;

  hit(item: string, times = 1): void {
    this.hits.set(item, (this.hits.get(item) ?? 0) + times);
  }

  begin(c: Case): void {
    this.#looksAtStates = !rawLetsGo(c.rules);
  }

  /** Is the state of a connection to be asked for before this packet goes in? Not where conntrack may never see it. */
  looksAtState(step: Step): boolean {
    return this.#looksAtStates && step.kind !== 'sysctl' && !('packet' in step && (step.packet.fault || step.packet.to));
  }

  /** @param counted lines of `iptables-save -c` */
  played(c: Case, played: Played, counted: readonly string[], renamed: number): void {
    for (const [item, times] of ruleItems(counted)) this.hit(item, times);
    for (const [i, step] of c.steps.entries()) {
      const times = step.kind === 'sysctl' ? played.frames.slice(i).filter(Boolean).length : 1;
      for (const item of specItems(step)) this.hit(item, times);
      for (const item of frameItems(step, played.frames[i], played.outputs[i]!)) this.hit(item);
    }
    if (renamed > 0) this.hit('nat port or id drawn', renamed);
  }
}

/** Does the raw table do more than the sentinels need? Then conntrack does not see every packet. */
const rawLetsGo = (rules: readonly string[]): boolean =>
  rules.slice(0, rules.indexOf('COMMIT')).some(r => /-j (DROP|NOTRACK|CT)/.test(r) && !r.includes('-p 253 '));
