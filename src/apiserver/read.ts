/** GET: one object, a list, or a watch, in the form that the client asked for. */
import type { ServerResponse } from 'node:http';
import type { Random } from '../base/random.ts';
import type { ApiObject } from '../cluster/store/object.ts';
import { ApiError, badRequest } from '../cluster/store/status.ts';
import type { Selection, Store } from '../cluster/store/store.ts';
import { type Accepted, accepted } from './accept.ts';
import { Pace } from './pace.ts';
import { sendText } from './reply.ts';
import { integer, isTrue, type ResourceRequest, revisionOf } from './request.ts';
import { includeOf, type TableFormat, tableText } from './table/table.ts';
import { listMetadata, listText, metadataOnly, objectText } from './text.ts';
import { BOOKMARK_MS, WatchStream } from './watch-stream.ts';

const FORMS = ['Table', 'PartialObjectMetadata', 'PartialObjectMetadataList'];
/** A watch without a timeout of its own ends between this and twice this: not all at once. */
const WATCH_SECONDS = 1800;

export class Reader {
  readonly #store: Store;
  readonly #random: Random;
  readonly #streams = new Set<WatchStream>();
  readonly #pace = new Pace();
  readonly #bookmarks: NodeJS.Timeout;
  readonly #stallMs: number | undefined;

  constructor(store: Store, random: Random, stallMs?: number) {
    this.#store = store;
    this.#random = random;
    this.#stallMs = stallMs;
    this.#bookmarks = setInterval(() => {
      for (const stream of this.#streams) stream.bookmark();
    }, BOOKMARK_MS);
    this.#bookmarks.unref();
  }

  get watches(): number {
    return this.#streams.size;
  }
  close(): void {
    clearInterval(this.#bookmarks);
  }

  read(request: ResourceRequest, accept: string | undefined, response: ServerResponse, warnings: readonly string[]): void {
    const form = accepted(accept, FORMS);
    if (request.name !== '' && !isTrue(request.query, 'watch')) this.#get(request, form, response, warnings);
    else if (isTrue(request.query, 'watch')) this.#watch(request, form, response);
    else this.#list(request, form, response, warnings);
  }

  #get(
    { type, namespace = '', name, query }: ResourceRequest,
    form: Accepted,
    response: ServerResponse,
    warnings: readonly string[],
  ): void {
    const object = this.#store.get(type, namespace, name);
    if (form.as === 'Table') {
      const metadata = { resourceVersion: object.metadata.resourceVersion };
      sendText(response, 200, tableText(type, [object], metadata, tableFormat(form, query), this.#store.nowMs), form, warnings);
    } else if (form.as !== '')
      sendText(response, 200, JSON.stringify(metadataOnly(object, `${form.group}/${form.version}`)), form, warnings);
    else sendText(response, 200, `${objectText(object)}\n`, form, warnings);
  }

  #list({ type, namespace, query }: ResourceRequest, form: Accepted, response: ServerResponse, warnings: readonly string[]): void {
    const wanted = revisionOf(query);
    if (wanted !== undefined && wanted > this.#store.revision) throw tooLarge(wanted, this.#store.revision);
    const list = this.#store.list(type, {
      namespace,
      ...selectors(query),
      limit: Math.max(0, integer(query, 'limit') ?? 0),
      continue: query.get('continue') ?? undefined,
      at: query.get('resourceVersionMatch') === 'Exact' ? wanted : undefined,
    });
    const metadata = listMetadata(list);
    if (form.as === 'Table')
      sendText(response, 200, tableText(type, list.items, metadata, tableFormat(form, query), this.#store.nowMs), form, warnings);
    else if (form.as !== '') {
      const apiVersion = `${form.group}/${form.version}`;
      const items = list.items.map(item => metadataOnly(item, apiVersion));
      sendText(response, 200, JSON.stringify({ kind: 'PartialObjectMetadataList', apiVersion, metadata, items }), form, warnings);
    } else sendText(response, 200, listText(type, list), form, warnings);
  }

  #watch({ type, namespace, name, query }: ResourceRequest, form: Accepted, response: ServerResponse): void {
    const selection: { -readonly [K in keyof Selection]: Selection[K] } = { namespace, ...selectors(query) };
    // A watch of one object, the old way.
    if (name !== '')
      selection.fieldSelector = [selection.fieldSelector, `metadata.name=${name}`].filter(part => (part ?? '') !== '').join(',');
    const initial = isTrue(query, 'sendInitialEvents');
    if (initial && query.get('resourceVersionMatch') !== 'NotOlderThan')
      throw badRequest('sendInitialEvents: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan');
    const seconds = integer(query, 'timeoutSeconds') ?? WATCH_SECONDS + this.#random.below(WATCH_SECONDS);
    const bookmarks = isTrue(query, 'allowWatchBookmarks');
    const stream = new WatchStream(
      this.#store,
      type,
      response,
      {
        selection,
        from: initial ? undefined : revisionOf(query),
        timeoutSeconds: Math.min(Math.max(1, seconds), 4 * WATCH_SECONDS),
        bookmarks,
        marksInitialEnd: initial && bookmarks,
        form: this.#eventForm(type, form, query),
      },
      { pace: this.#pace, stallMs: this.#stallMs, onEnd: ended => void this.#streams.delete(ended) },
    );
    this.#streams.add(stream);
  }

  #eventForm(
    type: ResourceRequest['type'],
    form: Accepted,
    query: URLSearchParams,
  ): ((object: ApiObject, isFirst: boolean) => string) | undefined {
    if (form.as === '') return undefined;
    if (form.as !== 'Table') return object => JSON.stringify(metadataOnly(object, `${form.group}/${form.version}`));
    const format = tableFormat(form, query);
    return object => tableText(type, [object], { resourceVersion: object.metadata.resourceVersion }, format, this.#store.nowMs);
  }
}

const selectors = (query: URLSearchParams): { labelSelector: string | undefined; fieldSelector: string | undefined } => ({
  labelSelector: query.get('labelSelector') ?? undefined,
  fieldSelector: query.get('fieldSelector') ?? undefined,
});
const tableFormat = ({ group, version }: Accepted, query: URLSearchParams): TableFormat => ({
  apiVersion: `${group}/${version}`,
  include: includeOf(query),
});

const tooLarge = (wanted: number, now: number): ApiError =>
  new ApiError('Timeout', `Too large resource version: ${wanted}, current: ${now}`, {
    causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
    retryAfterSeconds: 1,
  });
