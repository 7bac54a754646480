/** How long an exercise waits: for what a step expects, for nothing more to come, for connections to close. */
import type { Expectation } from '../sight.ts';
import { fits } from './judge.ts';
import { allClosed, type Watcher } from './watcher.ts';

/** For what a step expects. Only a failing check takes so long; those after it in the same probe wait less. */
const PATIENCE_MS = 3000;
const NO_PATIENCE_MS = 100;
const QUIET_MS = 100;
const LOOK_AGAIN_MS = 50;

export class Patience {
  readonly #watcher: Watcher;
  #waited = false;
  #ms = PATIENCE_MS;

  constructor(watcher: Watcher) {
    this.#watcher = watcher;
  }

  /** A new probe or conversation begins. */
  renew(): void {
    this.#waited = false;
    this.#ms = PATIENCE_MS;
  }

  /** Until a hop that is watched has seen it. */
  async hop(hop: string, expected: Expectation): Promise<void> {
    if (!this.#watcher.canSee(hop)) return;
    if (!(await this.#watcher.until(() => this.#watcher.at(hop).some(s => fits(s, expected)), this.#ms))) this.#ms = NO_PATIENCE_MS;
  }

  /** That nothing came is worth something when there was time for it: once after each probe or conversation. */
  async quiet(): Promise<void> {
    if (this.#waited) return;
    this.#waited = true;
    await this.#watcher.until(() => false, QUIET_MS);
  }

  /** The program is gone when it has closed its end; the other end's FIN may still be on its way. */
  async closed(hop: string): Promise<void> {
    const opened = () => this.#watcher.at(hop).some(s => s.flags?.includes('SYN') === true);
    if (await this.#watcher.until(opened, PATIENCE_MS / 6)) await this.#watcher.until(() => allClosed(this.#watcher.at(hop)), PATIENCE_MS);
  }

  /** @returns whether `look` has found it in time */
  async eventually(look: () => Promise<boolean>): Promise<boolean> {
    const deadline = performance.now() + this.#ms;
    for (;;) {
      if (await look()) return true;
      if (performance.now() > deadline) {
        this.#ms = NO_PATIENCE_MS;
        return false;
      }
      await this.#watcher.during(new Promise(resolve => setTimeout(resolve, LOOK_AGAIN_MS)));
    }
  }
}
