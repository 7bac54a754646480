/**
 * Started by `scenario()` in namespaces of its own: `run-scenario.ts MODULE NAME JSON`. The scenario runs in a worker thread, in a network
 * namespace that only this thread is in, as a router's does; its result is written as JSON.
 */
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { EventFd } from '../../../src/os/event-fd.ts';
import { newNetns } from '../../../src/os/netns.ts';

if (isMainThread) {
  const worker = new Worker(new URL(import.meta.url), { workerData: process.argv.slice(2) });
  worker.on('message', (m: { wake?: number; result?: unknown }) => {
    if (m.wake !== undefined) new EventFd(m.wake).wake();
    else process.stdout.write(JSON.stringify(m.result ?? null));
  });
  worker.on('error', error => {
    process.stderr.write(`${(error as Error).stack}\n`);
    process.exitCode = 1;
  });
} else {
  const [module, name, argument] = workerData as [string, string, string];
  newNetns();
  const scenarios = (await import(module)) as Record<string, (argument: unknown) => unknown>;
  parentPort!.postMessage({ result: await scenarios[name]!(JSON.parse(argument)) });
}
