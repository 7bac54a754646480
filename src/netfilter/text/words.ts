/**
 * The words of one rule: a line of iptables-save text, or the arguments of a command line. Options take their values from here, and
 * complaints get their place from here.
 *
 * Words are cut as iptables-restore cuts them: at spaces and tabs; a double quote opens a piece in which `\` keeps the next
 * character as it is, and the closing quote ends the word.
 */
import { TextError } from '../../base/errors.ts';

/** Limits of iptables-restore: characters in a line, characters in a word, words in a line. */
const MAX_LINE = 10_239;
const MAX_WORD = 1023;
const MAX_WORDS = 250;

/** Slots for words that may come again; a power of two. */
const SHARED = 8192;

const SPACE = 32;
const TAB = 9;
const QUOTE = 34;
const BACKSLASH = 92;

/** Names of the kernel objects that rules may refer to. A kind that is absent is not checked. */
export interface NamedObjects {
  readonly nfacct?: ReadonlySet<string>;
  readonly set?: ReadonlySet<string>;
  readonly rateest?: ReadonlySet<string>;
}

export class Words {
  readonly file: string;
  line = 1;
  /** Valid up to `count`; the arrays are used again for each line. */
  readonly list: string[] = [];
  readonly columns: number[] = [];
  count = 0;
  /** Index of the word to be taken next. */
  at = 0;
  /** The option whose value is being read, as it was written. */
  option = '';
  /** What `-p` said before this word: 0 = nothing. Ports may only be read after it. */
  protocol = 0;
  protocolNot = false;
  /** Things that are accepted though they do nothing. */
  readonly warnings: TextError[] = [];

  /** The last data of each extension, to be shared by rules that say the same. */
  readonly last = new Map<object, object>();
  private readonly objects: NamedObjects;
  private readonly seen: (string | undefined)[] = new Array(SHARED);
  private lastPiece = '';

  constructor(file: string, objects: NamedObjects = {}) {
    this.file = file;
    this.objects = objects;
  }

  /** Cuts `text[from, to)`, which is the part of line `line` that starts at column `column`. */
  cut(text: string, from: number, to: number, line: number, column: number): void {
    this.reset(line);
    if (to - from > MAX_LINE) this.failAt(column, `the line has ${to - from} characters: iptables-restore reads at most ${MAX_LINE}`);
    let i = from;
    while (i < to) {
      let c = text.charCodeAt(i);
      if (c === SPACE || c === TAB) {
        i++;
        continue;
      }
      const start = i;
      let hash = 0;
      while (i < to && c !== SPACE && c !== TAB && c !== QUOTE) {
        hash = (Math.imul(hash, 31) + c) | 0;
        c = text.charCodeAt(++i);
      }
      const place = column + start - from;
      if (i < to && c === QUOTE) i = this.quoted(text, start, i, to, place);
      else this.push(this.shared(text, start, i, hash), place);
    }
  }

  /** Most words of a file stand there many times: they share one string, which saves most of the memory that reading takes. */
  private shared(text: string, start: number, end: number, hash: number): string {
    const slot = (hash ^ (hash >>> 16)) & (SHARED - 1);
    const known = this.seen[slot];
    if (known !== undefined && known.length === end - start && text.startsWith(known, start)) return known;
    const word = text.slice(start, end);
    this.seen[slot] = word;
    return word;
  }

  /** Comments come in runs of equal ones. */
  private sharedPiece(text: string, start: number, end: number): string {
    if (this.lastPiece.length !== end - start || !text.startsWith(this.lastPiece, start)) this.lastPiece = text.slice(start, end);
    return this.lastPiece;
  }

  /** A word with a quoted piece: `start` is where the word starts, `quote` where the quote opens. Returns the offset after the word. */
  private quoted(text: string, start: number, quote: number, to: number, column: number): number {
    let word = text.slice(start, quote);
    let piece = quote + 1;
    for (let i = piece; i < to; i++) {
      const c = text.charCodeAt(i);
      if (c === BACKSLASH && i + 1 < to) {
        word += text.slice(piece, i);
        piece = ++i;
      } else if (c === QUOTE) {
        this.push(word === '' ? this.sharedPiece(text, piece, i) : word + text.slice(piece, i), column);
        return i + 1;
      }
    }
    // Differs from iptables-restore, which takes the rest of the line with its line end and so makes a rule that cannot be read back.
    return this.failAt(column, `the quote is not closed: ${text.slice(start, Math.min(to, start + 40))}`);
  }

  private push(word: string, column: number): void {
    if (word.length > MAX_WORD) this.failAt(column, `the word has ${word.length} characters: iptables-restore reads at most ${MAX_WORD}`);
    if (this.count === MAX_WORDS) this.failAt(column, `more than ${MAX_WORDS} words in one line`);
    this.list[this.count] = word;
    this.columns[this.count++] = column;
  }

  /** Takes the words of a command line as they are. Columns are those of the words joined by spaces. */
  take(argv: readonly string[]): void {
    this.reset(1);
    let column = 1;
    for (const word of argv) {
      if (/[\n\0]/.test(word)) this.failAt(column, `a line end inside a word: ${JSON.stringify(word)}`);
      this.push(word, column);
      column += word.length + 1;
    }
  }

  private reset(line: number): void {
    this.line = line;
    this.count = 0;
    this.at = 0;
    this.option = '';
    this.protocol = 0;
    this.protocolNot = false;
  }

  get done(): boolean {
    return this.at >= this.count;
  }

  /** The next word, whatever it looks like: getopt(3) gives `-1` to `--sport -1`. */
  value(): string {
    if (this.at >= this.count) return this.failAt(this.endColumn(), `${this.option} wants a value, and the line ends here`);
    return this.list[this.at++]!;
  }

  /** The second value of an option that takes two, which must not look like an option. */
  second(what: string): string {
    if (!this.hasArgument()) return this.failAt(this.endColumn(), `${this.option} wants two values: ${what}`);
    return this.list[this.at++]!;
  }

  /** Is there a word left that does not look like an option? */
  hasArgument(): boolean {
    const word = this.list[this.at]!;
    return this.at < this.count && word[0] !== '-' && word[0] !== '!';
  }

  private endColumn(): number {
    if (this.at < this.count) return this.columns[this.at]!;
    return this.count === 0 ? 1 : this.columns[this.count - 1]! + this.list[this.count - 1]!.length;
  }

  /** The value just taken is not what the option wants. */
  bad(expected: string): never {
    return this.fail(`bad value "${this.list[this.at - 1]}" of ${this.option}: expected ${expected}`);
  }

  /** @returns `name`, when there is such an object */
  checkObject(kind: keyof NamedObjects, name: string): string {
    const known = this.objects[kind];
    return known === undefined || known.has(name) ? name : this.fail(`there is no ${kind} object "${name}": make it before the rule`);
  }

  /** A complaint about the word just taken. */
  fail(message: string): never {
    return this.failAt(this.columns[Math.min(Math.max(this.at - 1, 0), this.count - 1)] ?? 1, message);
  }

  failAt(column: number, message: string): never {
    throw new TextError('RULES', { file: this.file, line: this.line, column }, message);
  }

  unsupported(message: string): never {
    const column = this.columns[Math.max(this.at - 1, 0)] ?? 1;
    throw new TextError('RULES_UNSUPPORTED', { file: this.file, line: this.line, column }, message);
  }

  warn(message: string): void {
    const column = this.columns[Math.max(this.at - 1, 0)] ?? 1;
    this.warnings.push(new TextError('RULES', { file: this.file, line: this.line, column }, message));
  }
}
