/**
 * One watch over HTTP. Nothing waits for it: it has a place among the changes of its kind and reads on when the client has taken what was sent. A client
 * that never reads is cut after a while, or told that the past is gone when it comes back too late.
 */
import type { ServerResponse } from 'node:http';
import type { ApiObject } from '../cluster/store/object.ts';
import { apiVersionOf, type ResourceType } from '../cluster/store/resource-type.ts';
import { ApiError } from '../cluster/store/status.ts';
import type { Selection, Store } from '../cluster/store/store.ts';
import type { WatchEvent, Watcher } from '../cluster/store/watch.ts';
import type { Pace, Paced } from './pace.ts';
import { eventBytes, eventLine } from './text.ts';

export interface WatchOptions {
  readonly selection: Selection;
  /** Undefined: first everything that is there. */
  readonly from: number | undefined;
  /** Seconds after which the server ends it. */
  readonly timeoutSeconds: number;
  readonly bookmarks: boolean;
  /** Is a bookmark sent after what was there at the start? */
  readonly marksInitialEnd: boolean;
  /** Undefined: whole objects. */
  readonly form: ((object: ApiObject, isFirst: boolean) => string) | undefined;
}

/** Events that are put together before the others have their turn: what a client has not taken is never more than these. */
const BATCH = 64;
/** A client that takes nothing for so long is not there. */
export const STALL_MS = 60_000;
export const BOOKMARK_MS = 30_000;

export interface WatchSurroundings {
  readonly pace: Pace;
  readonly onEnd: (stream: WatchStream) => void;
  readonly stallMs?: number | undefined;
}

export class WatchStream implements Paced {
  readonly #store: Store;
  readonly #type: ResourceType;
  readonly #response: ServerResponse;
  readonly #options: WatchOptions;
  readonly #watcher: Watcher;
  readonly #end: NodeJS.Timeout;
  readonly #pace: Pace;
  readonly #stallMs: number;
  #stall: NodeJS.Timeout | undefined;
  #isBlocked = false;
  #isFirst = true;
  #initialEndIsDue: boolean;

  /** @throws ApiError Expired, before anything was sent */
  constructor(
    store: Store,
    type: ResourceType,
    response: ServerResponse,
    options: WatchOptions,
    { pace, onEnd, stallMs = STALL_MS }: WatchSurroundings,
  ) {
    this.#store = store;
    this.#type = type;
    this.#response = response;
    this.#options = options;
    this.#initialEndIsDue = options.marksInitialEnd;
    this.#pace = pace;
    this.#stallMs = stallMs;
    this.#watcher = store.watch(type, options.selection, options.from, () => pace.want(this));
    response.writeHead(200, { 'Content-Type': 'application/json', 'Cache-Control': 'no-cache, private' });
    response.flushHeaders();
    this.#end = setTimeout(() => response.end(), options.timeoutSeconds * 1000);
    response.on('drain', () => {
      clearTimeout(this.#stall);
      this.#isBlocked = false;
      this.pump();
    });
    response.on('close', () => {
      store.stop(type, this.#watcher);
      clearTimeout(this.#end);
      clearTimeout(this.#stall);
      onEnd(this);
    });
  }

  /** Says up to where the client has seen everything, so that it can go on from there. */
  bookmark(): void {
    if (this.#options.bookmarks && !this.#isBlocked && this.#watcher.isIdle && !this.#watcher.isStopped)
      this.#write(this.#bookmarkLine({}));
  }

  #bookmarkLine(annotations: Readonly<Record<string, string>>): Buffer {
    const metadata = {
      resourceVersion: String(this.#store.revision),
      creationTimestamp: null,
      ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
    };
    const object: ApiObject = { kind: this.#type.kind, apiVersion: apiVersionOf(this.#type), metadata };
    return eventLine('BOOKMARK', this.#options.form?.(object, this.#isFirst) ?? JSON.stringify(object));
  }

  /** Writes what has come; called by the pace, and when the client has taken what was sent. */
  pump(): void {
    if (this.#isBlocked || this.#watcher.isStopped) return;
    let events: WatchEvent[];
    try {
      events = this.#watcher.take(BATCH);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.#response.end(eventLine('ERROR', JSON.stringify(error.status)));
      return;
    }
    const lines = events.map(event => this.#line(event));
    const isIdle = this.#watcher.isIdle;
    if (isIdle && this.#initialEndIsDue) {
      this.#initialEndIsDue = false;
      lines.push(this.#bookmarkLine({ 'k8s.io/initial-events-end': 'true' }));
    }
    if (lines.length > 0) this.#write(lines.length === 1 ? lines[0]! : Buffer.concat(lines));
    // The others come first before the next batch.
    if (!isIdle && !this.#isBlocked) this.#pace.want(this);
  }

  #line(event: WatchEvent): Buffer {
    if (this.#options.form === undefined) return eventBytes(event);
    const text = this.#options.form(event.object, this.#isFirst);
    this.#isFirst = false;
    return eventLine(event.type, text);
  }

  #write(bytes: Buffer): void {
    if (this.#response.write(bytes)) return;
    this.#isBlocked = true;
    this.#stall = setTimeout(() => this.#response.destroy(), this.#stallMs);
  }
}
