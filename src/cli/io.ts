/**
 * What a command may say, and how it ends. Results go to stdout, progress to stderr, so that `kubehop ... | jq` sees results only.
 * Commands get an `Io` and never touch `process`: a test gives them one that keeps the text.
 */

/** Well; a check failed or a difference was found; usage, bad input or an operation that could not be done; Ctrl-C. */
export const Exit = { Well: 0, Different: 1, Usage: 2, Interrupted: 130, Terminated: 143 } as const;
export type Exit = (typeof Exit)[keyof typeof Exit];

const CODES = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, blue: 34, cyan: 36 } as const;
export type Colour = keyof typeof CODES;

export interface IoStreams {
  out(text: string): void;
  err(text: string): void;
  /** Colour on stdout and on stderr. */
  outColour: boolean;
  errColour: boolean;
  /** A person looks at stdout. */
  outTerminal?: boolean;
}

export class Io {
  exitCode: Exit = Exit.Well;
  readonly #streams: IoStreams;
  readonly #interrupt = new AbortController();
  #watched = false;

  constructor(streams: IoStreams) {
    this.#streams = streams;
  }

  get outIsTerminal(): boolean {
    return this.#streams.outTerminal === true;
  }

  /** One line of the result. */
  print(line = ''): void {
    this.#streams.out(`${line}\n`);
  }
  /** The result as data: what `--json` prints. */
  printJson(value: unknown): void {
    this.#streams.out(`${JSON.stringify(value, null, 2)}\n`);
  }
  /** Bytes of a result that has its own form (a rules text, a table of conntrack). */
  write(text: string): void {
    this.#streams.out(text);
  }
  /** One line of what goes on meanwhile. */
  progress(line: string): void {
    this.#streams.err(`${line}\n`);
  }

  /** `text` in a colour where stdout is a terminal and NO_COLOR is unset. */
  paint(colour: Colour, text: string): string {
    return this.#streams.outColour ? inColour(colour, text) : text;
  }
  paintErr(colour: Colour, text: string): string {
    return this.#streams.errColour ? inColour(colour, text) : text;
  }

  /**
   * Aborted by the first Ctrl-C or SIGTERM. Who reads this promises to end soon after; without a reader the first signal ends the
   * process at once. The second always does.
   */
  get interrupted(): AbortSignal {
    this.#watched = true;
    return this.#interrupt.signal;
  }
  /** @returns true when a command took the signal upon itself. */
  interrupt(exit: Exit): boolean {
    if (!this.#watched || this.#interrupt.signal.aborted) return false;
    this.exitCode = exit;
    this.#interrupt.abort();
    return true;
  }
}

const inColour = (colour: Colour, text: string): string => `\u001b[${CODES[colour]}m${text}\u001b[0m`;

/** NO_COLOR (no-color.org) and TERM=dumb win over a terminal; FORCE_COLOR over a pipe. */
export function colourWanted(isTerminal: boolean, env: NodeJS.ProcessEnv): boolean {
  if (env.NO_COLOR) return false;
  if (env.FORCE_COLOR) return env.FORCE_COLOR !== '0';
  return isTerminal && env.TERM !== 'dumb';
}

export const processIo = (): Io =>
  new Io({
    out: text => void process.stdout.write(text),
    err: text => void process.stderr.write(text),
    outTerminal: process.stdout.isTTY === true,
    outColour: colourWanted(process.stdout.isTTY === true, process.env),
    errColour: colourWanted(process.stderr.isTTY === true, process.env),
  });
