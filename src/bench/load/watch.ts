/** A watcher at a server's interface, seen from the thread of the bench. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { netnsPath } from '../shell.ts';
import type { Bed } from '../wires/bed.ts';
import type { Watched, WatcherRequest, WatcherStart } from './watcher-protocol.ts';

export class Watcher {
  readonly #worker: Worker;
  private constructor(worker: Worker) {
    this.#worker = worker;
  }

  static async start(bed: Bed, steadyPort: number): Promise<Watcher> {
    const workerData: WatcherStart = { netns: netnsPath(bed.server), interface: 'eth0', steadyPort };
    const worker = new Worker(new URL('./watcher.ts', import.meta.url), { workerData });
    await once(worker, 'message');
    return new Watcher(worker);
  }

  /** Resolves when it watches. */
  async begin(): Promise<void> {
    this.#worker.postMessage({ kind: 'start' } satisfies WatcherRequest);
    await once(this.#worker, 'message');
  }

  async end(): Promise<Watched> {
    this.#worker.postMessage({ kind: 'stop' } satisfies WatcherRequest);
    const [watched] = (await once(this.#worker, 'message')) as [Watched];
    return watched;
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }
}
