/** Who follows which kind, and how they are woken: never from inside a write, and one that throws does not stop the others. */
import type { ApiObject } from './object.ts';
import type { Watcher } from './watch.ts';

export class Followers {
  readonly #byType = new Map<string, Set<Watcher>>();
  #woken: Watcher[] = [];
  readonly #schedule: (run: () => void) => void;
  readonly #report: (error: unknown) => void;

  /**
   * @param schedule runs it soon, outside of the caller
   * @param report   gets what a listener threw
   */
  constructor(schedule: (run: () => void) => void, report: (error: unknown) => void) {
    this.#schedule = schedule;
    this.#report = report;
  }

  #of(type: string): Set<Watcher> {
    let found = this.#byType.get(type);
    if (found === undefined) {
      found = new Set();
      this.#byType.set(type, found);
    }
    return found;
  }

  add<T extends ApiObject>(type: string, watcher: Watcher<T>): void {
    this.#of(type).add(watcher as unknown as Watcher);
    this.#wake(watcher as unknown as Watcher);
  }
  remove(type: string, watcher: Watcher): void {
    watcher.isStopped = true;
    this.#of(type).delete(watcher);
  }

  /** Something of this type has changed. */
  wake(type: string): void {
    for (const watcher of this.#of(type)) this.#wake(watcher);
  }

  /** The lowest place in the ring of changes that somebody inside this process still has to read. */
  lowestPlace(type: string): number {
    let lowest = Number.POSITIVE_INFINITY;
    for (const watcher of this.#of(type)) if (watcher.pinned && watcher.sequence < lowest) lowest = watcher.sequence;
    return lowest;
  }

  /** Calls what a listener gave; what it throws is reported. */
  guard(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.#report(error);
    }
  }

  #wake(watcher: Watcher): void {
    if (watcher.isWoken) return;
    watcher.isWoken = true;
    this.#woken.push(watcher);
    if (this.#woken.length === 1) this.#schedule(() => this.#run());
  }

  #run(): void {
    const woken = this.#woken;
    this.#woken = [];
    for (const watcher of woken) if (!watcher.isStopped) this.guard(watcher.wake);
  }
}
