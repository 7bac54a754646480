/** A run in several processes, each with a kernel and a router of its own: cases take turns among them by their seeds. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { RunResult } from './random-run.ts';

const judge = join(import.meta.dirname, '../../scripts/judge');

/** @param args of this process, which each worker gets. @throws Error when a worker ends without a result */
export async function runWorkers(count: number, args: readonly string[]): Promise<RunResult> {
  const children = Array.from({ length: count }, (_, i) =>
    spawn(judge, [...args, '--part', `${i}/${count}`], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] }),
  );
  const results = await Promise.all(
    children.map(async child => {
      const result = await resultOf(child);
      // One difference is enough, unless all are wanted: a worker that was asked for all comes back without it only at the end.
      if (!result || (result.different > 0 && !args.includes('--keep-going')))
        for (const other of children) if (other.connected) other.send('stop');
      return result;
    }),
  );
  const whole: RunResult = { cases: 0, sent: 0, different: 0, unsteady: 0, hits: [] };
  const hits = new Map<string, number>();
  for (const result of results) {
    if (!result) throw new Error('a part of the run ended without a result');
    whole.cases += result.cases;
    whole.sent += result.sent;
    whole.different += result.different;
    whole.unsteady += result.unsteady;
    for (const [item, n] of result.hits) hits.set(item, (hits.get(item) ?? 0) + n);
  }
  return { ...whole, hits: [...hits] };
}

async function resultOf(child: ChildProcess): Promise<RunResult | undefined> {
  let result: RunResult | undefined;
  child.on('message', message => {
    result = message as RunResult;
  });
  await once(child, 'exit');
  return result;
}
