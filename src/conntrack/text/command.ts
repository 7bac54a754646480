/**
 * conntrack(8) over the table of a router: arguments in, what the tool would write out. Runs on the node's thread between two batches.
 * `-L`, `-G`, `-D`, `-F`, `-C`, `-S`, `-E`, `-V`. Entries are not made or changed by hand (`-I`, `-U`), and there are no expectations.
 */
import type { Conntrack } from '../conntrack.ts';
import type { EventRecord, EventRing } from '../events.ts';
import { Ips } from '../status.ts';
import { matches } from './filter.ts';
import { type Parsed, parse, UsageError } from './options.ts';
import { entryLine, eventKind, eventLine } from './print.ts';
import { type EntryView, viewOf, viewOfEvent } from './view.ts';

const NAME = 'conntrack v1.4.7 (conntrack-tools)';
const HELP = 'Usage: conntrack [commands] [options]\nCommands: -L -G -D -F -C -S -E -V\n';

export interface Result {
  stdout: string;
  stderr: string;
  /** Exit code. */
  status: number;
}

export function run(ct: Conntrack, args: readonly string[]): Result {
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
      return list(ct, parsed);
    case 'G':
      return get(ct, parsed);
    case 'D':
      return remove(ct, parsed);
    case 'F':
      ct.flush();
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

/** Entries that the filter means; the hidden ones of a clash are shown to nobody. */
function select(ct: Conntrack, parsed: Parsed): { i: number; view: EntryView }[] {
  const found: { i: number; view: EntryView }[] = [];
  ct.forEach(i => {
    if ((ct.status(i) & Ips.NatClash) !== 0) return;
    const view = viewOf(ct, i);
    if (matches(parsed.filter, view)) found.push({ i, view });
  });
  return found;
}

const lines = (ct: Conntrack, parsed: Parsed, found: readonly { view: EntryView }[]): string =>
  found.map(({ view }) => `${entryLine(view, parsed.output, ct.core.wallClock())}\n`).join('');

function list(ct: Conntrack, parsed: Parsed): Result {
  if (parsed.table === 'expect') return done('', `${NAME}: 0 expectations have been shown.\n`);
  const found = parsed.table === 'conntrack' ? select(ct, parsed) : [];
  const stdout = lines(ct, parsed, found);
  if (parsed.zero) for (const { i } of found) if (ct.counted(i)) ct.core.accounting.start(i);
  return done(stdout, `${NAME}: ${found.length} flow entries have been shown.\n`);
}

function get(ct: Conntrack, parsed: Parsed): Result {
  const found = select(ct, parsed).slice(0, 1);
  if (found.length === 0) return failed(`${NAME}: Operation failed: such conntrack doesn't exist\n`, 1);
  return done(lines(ct, parsed, found), `${NAME}: 1 flow entries have been shown.\n`);
}

function remove(ct: Conntrack, parsed: Parsed): Result {
  const found = select(ct, parsed);
  const stdout = lines(ct, parsed, found);
  for (const { i } of found) ct.delete(i);
  return { stdout, stderr: `${NAME}: ${found.length} flow entries have been deleted.\n`, status: found.length > 0 ? 0 : 1 };
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
