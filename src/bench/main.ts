/**
 * The bench itself, inside namespaces of its own: `launch.ts` starts it. Options come as an argument, progress goes to stderr line by line, the
 * result to stdout as one JSON text. It exports nothing.
 */
import { existsSync, writeFileSync } from 'node:fs';
import { constants, setPriority } from 'node:os';
import { LabError } from '../base/errors.ts';
import { type Context, FULL, QUICK } from './context.ts';
import { senderAlone } from './load/sender-alone.ts';
import { describeMachine } from './machine.ts';
import { measures, rowLetters, wanted } from './measures.ts';
import type { BenchOptions } from './options.ts';
import type { BenchResult, RowResult } from './result.ts';
import { rows } from './rows/rows.ts';

const AUTOGROUP = '/proc/self/autogroup';
const options = JSON.parse(process.argv[2]!) as BenchOptions;
const start = performance.now();
const context: Context = {
  options,
  times: options.quick ? QUICK : FULL,
  progress: line => void process.stderr.write(`${line}\n`),
};

/**
 * All planes and their load go before what else runs here. Where the kernel shares its processors out by session (sched(7), autogroup), the session's
 * priority is what counts, and `launch.ts` began one. An ordinary user may not ask for it, and measures what is left to him.
 */
function goFirst(): void {
  try {
    setPriority(constants.priority.PRIORITY_HIGHEST);
    if (existsSync(AUTOGROUP)) writeFileSync(AUTOGROUP, String(constants.priority.PRIORITY_HIGHEST));
  } catch {
    context.progress('not root: other programs take their share of the processors');
  }
}

async function bench(): Promise<BenchResult> {
  goFirst();

  const letters = rowLetters.filter(letter => measures.some(m => m.id.startsWith(letter) && wanted(m.id, options.rows)));
  const before = describeMachine('');
  const alone = await senderAlone(context);
  const results: RowResult[] = [];
  for (const letter of letters) results.push(...(await rows[letter]!(context)));
  return {
    machine: {
      ...before,
      loadGenerator: `one thread of TypeScript, sendmmsg on a packet socket: ${Math.round(alone / 1000)} k packets/s when nothing forwards`,
    },
    options: { rounds: options.rounds, quick: options.quick },
    seconds: Math.round((performance.now() - start) / 100) / 10,
    rows: results,
  };
}

try {
  process.stdout.write(JSON.stringify(await bench()), () => process.exit(0));
} catch (error) {
  const known = error instanceof LabError;
  const fault = { code: known ? error.code : 'DAEMON', message: known ? error.message : String((error as Error)?.stack ?? error) };
  process.stdout.write(JSON.stringify({ fault }), () => process.exit(1));
}
