/** The links of a lab on which things go wrong, seen from the daemon: a thread that lives as long as it does. */
import { Worker } from 'node:worker_threads';
import { LabError } from '../../base/errors.ts';
import type { RelayMessage, RelayStart } from './protocol.ts';

/**
 * Resolves when frames pass. @param onEnd the thread has ended after that, by itself
 * @throws LabError DAEMON when an end cannot be opened
 */
export function startRelays(start: RelayStart, onEnd: (error: LabError) => void): Promise<void> {
  const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData: start });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const fail = (why: string): void => {
    const error = new LabError('DAEMON', `links with faults: ${why}`);
    reject(error);
    onEnd(error);
  };
  worker.on('message', (message: RelayMessage) => {
    if (message.kind === 'ready') resolve();
    else fail(message.message);
  });
  worker.once('error', error => fail(error instanceof Error ? error.message : String(error)));
  return promise;
}
