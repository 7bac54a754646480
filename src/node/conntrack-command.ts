/** conntrack(8)'s words on a node's own table. */
import { LabError } from '../base/errors.ts';
import type { Conntrack } from '../conntrack/conntrack.ts';
import type { EventRecord } from '../conntrack/events.ts';
import { eventPrinter, run, runInPieces } from '../conntrack/text/command.ts';
import { UsageError } from '../conntrack/text/options.ts';
import type { ToolResult } from './tool.ts';

export const conntrackCommand = (conntrack: Conntrack, args: readonly string[]): ToolResult => run(conntrack, args);

/**
 * Commands under way: a piece of each between two batches, what it writes told at once, so that packets do not wait for a long list.
 */
export class ConntrackCommands {
  readonly #conntrack: Conntrack;
  readonly #tell: (id: number, text: string) => void;
  readonly #ended: (id: number, result: ToolResult) => void;
  readonly #running = new Map<number, Generator<string, ToolResult>>();

  constructor(conntrack: Conntrack, tell: (id: number, text: string) => void, ended: (id: number, result: ToolResult) => void) {
    this.#conntrack = conntrack;
    this.#tell = tell;
    this.#ended = ended;
  }

  begin(id: number, args: readonly string[]): void {
    this.#running.set(id, runInPieces(this.#conntrack, args));
  }

  /** A piece of each. @returns whether there is more to do */
  goOn(): boolean {
    for (const [id, pieces] of this.#running) {
      const { done, value } = pieces.next();
      if (done) {
        this.#running.delete(id);
        this.#ended(id, value);
      } else if (value !== '') {
        this.#tell(id, value);
      }
    }
    return this.#running.size > 0;
  }
}

/** Those who follow events (`-E`), each with a filter and a way of writing of his own. The ring runs only while there is one. */
export class EventFollowers {
  readonly #conntrack: Conntrack;
  readonly #tell: (follower: number, lines: readonly string[]) => void;
  readonly #warn: (message: string) => void;
  readonly #followers = new Map<number, (e: EventRecord) => string | undefined>();
  #lost = 0;

  /** @param warn is told when more has happened between two batches than the ring holds */
  constructor(conntrack: Conntrack, tell: (follower: number, lines: readonly string[]) => void, warn: (message: string) => void) {
    this.#conntrack = conntrack;
    this.#tell = tell;
    this.#warn = warn;
  }

  /** @throws LabError BAD_INPUT for words that conntrack(8) does not know */
  add(follower: number, args: readonly string[]): void {
    try {
      this.#followers.set(follower, eventPrinter(args));
    } catch (error) {
      throw error instanceof UsageError ? new LabError('BAD_INPUT', `conntrack: ${error.message}`) : error;
    }
    this.#conntrack.listen();
  }

  remove(follower: number): void {
    this.#followers.delete(follower);
    if (this.#followers.size > 0) return;
    this.#conntrack.stopListening();
    this.#lost = 0;
  }

  /** Once per batch: what has happened since. */
  tell(): void {
    if (this.#followers.size === 0) return;
    const ring = this.#conntrack.listen();
    if (ring.lost > this.#lost) this.#warn(`conntrack -E: ${ring.lost - this.#lost} events were lost: too many at once`);
    this.#lost = ring.lost;
    const events: EventRecord[] = [];
    for (let e = ring.take(); e !== undefined; e = ring.take()) events.push(e);
    if (events.length === 0) return;
    for (const [follower, lineOf] of this.#followers) {
      const lines = events.map(lineOf).filter(line => line !== undefined);
      if (lines.length > 0) this.#tell(follower, lines);
    }
  }
}
