/** What one run of a container wrote, line by line with its time; the newest part of it when it is much. */

export const logStreams = ['stdout', 'stderr'] as const;
export type LogStream = (typeof logStreams)[number];

export interface LogLine {
  readonly timeMs: number;
  readonly stream: LogStream;
  /** With its newline; without one only while the line is not finished, or when the run ended so. */
  readonly text: Buffer;
}

export interface LogOptions {
  readonly follow?: boolean;
  /** The last so many lines. */
  readonly tailLines?: number;
  /** Not older than this. */
  readonly sinceMs?: number;
  /** Each line begins with its time, RFC 3339. */
  readonly timestamps?: boolean;
  readonly limitBytes?: number;
}

const MOST_BYTES = 4 << 20;
const NEWLINE = 0x0a;

export class ContainerLog {
  readonly #nowMs: () => number;
  readonly #mostBytes: number;
  readonly #lines: LogLine[] = [];
  /** Lines before these are forgotten. */
  #forgotten = 0;
  #bytes = 0;
  readonly #unfinished: Record<LogStream, Buffer[]> = { stdout: [], stderr: [] };
  readonly #unfinishedBytes: Record<LogStream, number> = { stdout: 0, stderr: 0 };
  #closed = false;
  #waiting: (() => void)[] = [];

  constructor(nowMs: () => number, mostBytes = MOST_BYTES) {
    this.#nowMs = nowMs;
    this.#mostBytes = mostBytes;
  }

  write(stream: LogStream, chunk: Uint8Array): void {
    let at = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, at)) {
      this.#hold(stream, chunk.subarray(at, end + 1));
      this.#finish(stream);
      at = end + 1;
    }
    if (at < chunk.length) this.#hold(stream, chunk.subarray(at));
    // A line without an end is cut, as a container runtime cuts it: it would be kept whole otherwise.
    if (this.#unfinishedBytes[stream] > MOST_LINE_BYTES) this.#finish(stream);
    this.#wake();
  }

  /** The run has ended. */
  close(): void {
    for (const stream of logStreams) this.#finish(stream);
    this.#closed = true;
    this.#wake();
  }

  /** The end of what was written, as text: a container's last words. */
  tail(mostLines: number, mostBytes: number): string {
    const text = Buffer.concat(this.#lines.slice(-mostLines).map(line => line.text));
    return text.subarray(Math.max(0, text.length - mostBytes)).toString();
  }

  /** @param stop ends the following */
  async *read(options: LogOptions = {}, stop?: AbortSignal): AsyncGenerator<Buffer, void, void> {
    const { follow = false, tailLines, sinceMs = 0, timestamps = false, limitBytes = Number.POSITIVE_INFINITY } = options;
    let left = limitBytes;
    let next = this.#forgotten + (tailLines === undefined ? 0 : Math.max(0, this.#lines.length - tailLines));
    const woken = (): void => this.#wake();
    stop?.addEventListener('abort', woken, { once: true });
    try {
      for (;;) {
        next = Math.max(next, this.#forgotten);
        const line = this.#lines[next - this.#forgotten];
        if (line === undefined) {
          if (this.#closed || !follow || stop?.aborted === true) return;
          await new Promise<void>(resolve => this.#waiting.push(resolve));
          continue;
        }
        next++;
        if (line.timeMs < sinceMs) continue;
        const text = timestamps ? Buffer.concat([Buffer.from(`${timeOf(line)} `), line.text]) : line.text;
        if (text.length >= left) {
          yield text.subarray(0, left);
          return;
        }
        left -= text.length;
        yield text;
      }
    } finally {
      stop?.removeEventListener('abort', woken);
    }
  }

  #hold(stream: LogStream, bytes: Uint8Array): void {
    this.#unfinished[stream].push(Buffer.from(bytes));
    this.#unfinishedBytes[stream] += bytes.length;
  }

  #finish(stream: LogStream): void {
    if (this.#unfinishedBytes[stream] === 0) return;
    const text = Buffer.concat(this.#unfinished[stream]);
    this.#unfinished[stream] = [];
    this.#unfinishedBytes[stream] = 0;
    this.#lines.push({ timeMs: this.#nowMs(), stream, text });
    this.#bytes += text.length;
    let drop = 0;
    while (this.#bytes > this.#mostBytes && drop < this.#lines.length - 1) this.#bytes -= this.#lines[drop++]!.text.length;
    if (drop === 0) return;
    this.#lines.splice(0, drop);
    this.#forgotten += drop;
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}

const MOST_LINE_BYTES = 16 << 10;

const timeOf = ({ timeMs }: LogLine): string => new Date(timeMs).toISOString().replace('Z', '000000Z');
