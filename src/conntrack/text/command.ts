/**
 * conntrack(8) over the table of a router: arguments in, what the tool would write out. Runs on the node's thread between two batches: a
 * piece of it between each two, so that a list of a million entries does not hold up packets. As with the kernel's own dump, an entry that
 * comes or goes meanwhile may be in it or not.
 * `-L`, `-G`, `-D`, `-F`, `-C`, `-S`, `-E`, `-V`. Entries are not made or changed by hand (`-I`, `-U`), and there are no expectations.
 */
import type { Conntrack } from '../conntrack.ts';
import type { EventRecord, EventRing } from '../events.ts';
import { Ips } from '../status.ts';
import { matches } from './filter.ts';
import { type Parsed, parse, UsageError } from './options.ts';
import { entryLine, eventKind, eventLine } from './print.ts';
import { viewOf, viewOfEvent } from './view.ts';

const NAME = 'conntrack v1.4.7 (conntrack-tools)';
const HELP = 'Usage: conntrack [commands] [options]\nCommands: -L -G -D -F -C -S -E -V\n';

export interface Result {
  stdout: string;
  stderr: string;
  /** Exit code. */
  status: number;
}

/** Places of the table that one piece looks at: half a millisecond when all are printed. */
const PIECE = 256;

/** All at once, for whoever has no packets to keep waiting. */
export function run(ct: Conntrack, args: readonly string[]): Result {
  const pieces = runInPieces(ct, args);
  let stdout = '';
  for (;;) {
    const step = pieces.next();
    if (step.done) return { ...step.value, stdout: stdout + step.value.stdout };
    stdout += step.value;
  }
}

/** A piece of work with each `next`: what it writes out, and at last how it ended. */
export function* runInPieces(ct: Conntrack, args: readonly string[]): Generator<string, Result> {
  let parsed: Parsed;
  try {
    parsed = parse(args);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return failed(`${NAME}: ${error.message}\nTry \`conntrack -h' or 'conntrack --help' for more information.\n`, 2);
  }
  ct.sweepAll();
  switch (parsed.command) {
    case 'L':
      return yield* list(ct, parsed);
    case 'G':
      return yield* get(ct, parsed);
    case 'D':
      return yield* remove(ct, parsed);
    case 'F':
      for (const i of places(ct)) {
        if (i === PAUSE) yield '';
        else ct.delete(i);
      }
      return done('', `${NAME}: connection tracking table has been emptied.\n`);
    case 'C':
      return done(`${ct.size}\n`, '');
    case 'S':
      return done(statistics(ct), '');
    case 'V':
      return done(`${NAME}\n`, '');
    case 'E':
      return failed(`${NAME}: events are followed with \`follow'\n`, 2);
    case 'h':
      return done(HELP, '');
  }
}

/**
 * `-E`: what happens from now on, line by line. The caller takes lines after each batch, and stops the ring when nobody reads them.
 * @throws UsageError
 */
export function follow(ct: Conntrack, args: readonly string[], size?: number): { lines: () => string[]; ring: EventRing } {
  const lineOf = eventPrinter(args);
  const ring = ct.listen(size);
  const lines = (): string[] => {
    const out: string[] = [];
    for (let e = ring.take(); e !== undefined; e = ring.take()) {
      const line = lineOf(e);
      if (line !== undefined) out.push(line);
    }
    return out;
  };
  return { lines, ring };
}

/** How `-E` with these arguments writes an event; undefined: it leaves it out. @throws UsageError */
export function eventPrinter(args: readonly string[]): (e: EventRecord) => string | undefined {
  const parsed = parse(args);
  return e => (parsed.kinds.has(eventKind(e.bits)) && matches(parsed.filter, viewOfEvent(e)) ? eventLine(e, parsed.output) : undefined);
}

const done = (stdout: string, stderr: string): Result => ({ stdout, stderr, status: 0 });
const failed = (stderr: string, status: number): Result => ({ stdout: '', stderr, status });

/** Between two pieces. */
const PAUSE = -1;

/** Every place of the table that was ever used, and PAUSE after each piece. */
function* places(ct: Conntrack): Generator<number, void> {
  for (let i = 0; i < ct.core.table.touched; i++) {
    yield i;
    if (i % PIECE === PIECE - 1) yield PAUSE;
  }
}

/** Does with each entry that the filter means, and writes it. The hidden ones of a clash are shown to nobody. @returns how many */
function* select(ct: Conntrack, parsed: Parsed, act: (i: number) => void): Generator<string, number> {
  let found = 0;
  let text = '';
  for (const i of places(ct)) {
    if (i === PAUSE) {
      yield text;
      text = '';
    } else if (ct.exists(i) && (ct.status(i) & Ips.NatClash) === 0) {
      const view = viewOf(ct, i);
      if (!matches(parsed.filter, view)) continue;
      found++;
      text += `${entryLine(view, parsed.output, ct.core.wallClock())}\n`;
      act(i);
      if (parsed.command === 'G') break;
    }
  }
  yield text;
  return found;
}

function* list(ct: Conntrack, parsed: Parsed): Generator<string, Result> {
  if (parsed.table === 'expect') return done('', `${NAME}: 0 expectations have been shown.\n`);
  const zero = (i: number): void => {
    if (parsed.zero && ct.counted(i)) ct.core.accounting.start(i);
  };
  const found = parsed.table === 'conntrack' ? yield* select(ct, parsed, zero) : 0;
  return done('', `${NAME}: ${found} flow entries have been shown.\n`);
}

function* get(ct: Conntrack, parsed: Parsed): Generator<string, Result> {
  const found = yield* select(ct, parsed, () => {});
  if (found === 0) return failed(`${NAME}: Operation failed: such conntrack doesn't exist\n`, 1);
  return done('', `${NAME}: 1 flow entries have been shown.\n`);
}

function* remove(ct: Conntrack, parsed: Parsed): Generator<string, Result> {
  const found = yield* select(ct, parsed, i => ct.delete(i));
  return { stdout: '', stderr: `${NAME}: ${found} flow entries have been deleted.\n`, status: found > 0 ? 0 : 1 };
}

/** One line: the table has one writer. */
function statistics(ct: Conntrack): string {
  const s = ct.stats;
  return (
    `cpu=0   \tfound=${s.found} invalid=${s.invalid} insert=${s.insert} insert_failed=${s.insertFailed} drop=${s.drop} ` +
    `early_drop=${s.earlyDrop} error=${s.error} search_restart=${s.searchRestart} clash_resolve=${s.clashResolve} ` +
    `chaintoolong=${s.chainTooLong} \n`
  );
}
