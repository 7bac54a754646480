/** One request: let in, understood, done, answered. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Random } from '../base/random.ts';
import { Pods } from '../cluster/resources/index.ts';
import { BindingDefinition, DeleteOptionsDefinition, EvictionDefinition } from '../cluster/schema/requests.ts';
import type { Definition } from '../cluster/schema/schema.ts';
import type { ApiObject } from '../cluster/store/object.ts';
import { apiVersionOf } from '../cluster/store/resource-type.ts';
import { ApiError, badRequest } from '../cluster/store/status.ts';
import type { Store } from '../cluster/store/store.ts';
import { accepted } from './accept.ts';
import { mediaType, parseBody, readBody } from './body.ts';
import { Discovery, versionInfo } from './discovery.ts';
import { OpenApi } from './openapi/serve.ts';
import { type PodStreams, type StreamKind, streamKinds } from './pod-streams.ts';
import { Reader } from './read.ts';
import { sendError, sendText } from './reply.ts';
import { methodNotAllowed, parseResourceRequest, type ResourceRequest, unknownPath } from './request.ts';
import { bind, evict, finalize, scale } from './subresources.ts';
import type { TokenCheck } from './token.ts';
import { type Caller, Writer, type Written } from './write.ts';

export interface HandlerOptions {
  readonly store: Store;
  readonly token: TokenCheck;
  /** For the ends of watches: not all at once. */
  readonly random: Random;
  /** Logs and streams of Pods; absent: they are refused. */
  readonly pods?: PodStreams | undefined;
  /** `127.0.0.1:6443`: where clients find this server. */
  readonly host: () => string;
  /** Told of what went wrong inside. */
  readonly report: (error: unknown) => void;
  /** Milliseconds until a client that reads nothing is cut. */
  readonly stallMs?: number | undefined;
}

export class Handler {
  readonly #options: HandlerOptions;
  readonly #discovery: Discovery;
  readonly #openApi: OpenApi;
  readonly #reader: Reader;
  readonly #writer: Writer;
  /** Of all that a client may send. */
  readonly #definitions: readonly Definition[];

  constructor(options: HandlerOptions) {
    const { store, random, host, stallMs } = options;
    this.#options = options;
    this.#discovery = new Discovery(store.types, host);
    this.#openApi = new OpenApi(store.types);
    this.#reader = new Reader(store, random, stallMs);
    this.#writer = new Writer(store);
    this.#definitions = [
      ...store.types.flatMap(({ definition }) => definition ?? []),
      DeleteOptionsDefinition,
      EvictionDefinition,
      BindingDefinition,
    ];
  }

  get watches(): number {
    return this.#reader.watches;
  }
  close(): void {
    this.#reader.close();
  }

  /** Answers in every case; never throws. */
  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      this.#options.token.require(request.headers.authorization);
      const url = urlOf(request);
      if (this.#answerGeneral(url, request, response)) return;
      const wanted = parseResourceRequest(this.#options.store, url);
      if (wanted === undefined) throw unknownPath();
      await this.#answerResource(wanted, request, response);
    } catch (error) {
      sendError(request, response, error, this.#options.report);
    }
  }

  /** A connection that wants to become another protocol: streams of Pods. */
  async upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    socket.on('error', () => socket.destroy());
    try {
      this.#options.token.require(request.headers.authorization);
      const wanted = parseResourceRequest(this.#options.store, urlOf(request));
      const kind = streamKinds.find(each => each === wanted?.subresource);
      if (wanted === undefined || kind === undefined) throw unknownPath();
      await this.#open(kind, wanted, request, socket, head);
    } catch (error) {
      if (!(error instanceof ApiError)) this.#options.report(error);
      const status =
        error instanceof ApiError ? error.status : new ApiError('InternalError', `Internal error occurred: ${String(error)}`).status;
      const body = `${JSON.stringify(status)}\n`;
      socket.end(
        `HTTP/1.1 ${status.code} ${status.reason}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
      );
    }
  }

  async #open(
    kind: StreamKind,
    { type, namespace = '', name, query }: ResourceRequest,
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
  ): Promise<void> {
    if (type.resource !== 'pods') throw unknownPath();
    const pod = this.#options.store.get(Pods, namespace, name);
    // Newer kubectls try WebSocket first, and come back with SPDY when they did not like the answer.
    if (/^spdy\//i.test(request.headers.upgrade ?? ''))
      throw badRequest(
        `${kind} over SPDY is not spoken here: use kubectl ${kind === 'portforward' ? '1.31' : '1.30'} or later, which speaks WebSocket, or \`kubehop exec ${name} -- COMMAND\``,
      );
    if (request.headers.upgrade?.toLowerCase() !== 'websocket')
      throw badRequest(`unable to upgrade: expected websocket, got ${JSON.stringify(request.headers.upgrade)}`);
    if (this.#options.pods === undefined) throw new ApiError('ServiceUnavailable', 'nothing runs Pods here');
    await this.#options.pods.open(kind, pod, query, request, socket, head);
  }

  /** What is no object: discovery, versions, health, OpenAPI. */
  #answerGeneral(url: URL, request: IncomingMessage, response: ServerResponse): boolean {
    const path = url.pathname;
    if (request.method !== 'GET' && request.method !== 'HEAD') return false;
    if (path === '/version' || path === '/version/') sendText(response, 200, JSON.stringify(versionInfo()));
    else if (['/healthz', '/livez', '/readyz'].includes(path)) {
      response.writeHead(200, { 'Content-Type': 'text/plain; charset=utf-8' });
      response.end('ok');
    } else if (path === '/')
      sendText(
        response,
        200,
        JSON.stringify({ paths: ['/api', '/api/v1', '/apis', '/healthz', '/livez', '/openapi/v2', '/openapi/v3', '/readyz', '/version'] }),
      );
    else if (path.startsWith('/openapi/')) this.#openApi.serve(url, request, response);
    else {
      const form =
        path === '/api' || path === '/apis' ? accepted(request.headers.accept, ['APIGroupDiscoveryList']) : accepted(undefined, []);
      const document = this.#discovery.document(path, form);
      if (document === undefined) return false;
      sendText(response, 200, JSON.stringify(document), form);
    }
    return true;
  }

  async #answerResource(wanted: ResourceRequest, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { type, subresource } = wanted;
    const caller: Caller = { agent: (request.headers['user-agent'] ?? 'unknown').split('/')[0]!.slice(0, 128), warnings: [] };
    if (type.deprecation !== undefined) caller.warnings.push(type.deprecation);
    if (request.method === 'GET' && (subresource === '' || (subresource === 'status' && type.hasStatus === true))) {
      this.#reader.read(wanted, request.headers.accept, response, caller.warnings);
      return;
    }
    if (request.method === 'GET' && subresource === 'log' && type.resource === 'pods') {
      await this.#log(wanted, response);
      return;
    }
    const contentType = mediaType(request);
    const body = request.method === 'GET' ? undefined : parseBody(await readBody(request), contentType, this.#definitions);
    const sent =
      subresource === '' || subresource === 'status'
        ? this.#write(wanted, request.method ?? '', contentType, body, caller)
        : this.#writeSubresource(wanted, request.method ?? '', contentType, body, caller);
    if ('list' in sent) {
      const resourceVersion = String(this.#options.store.revision);
      const list = { kind: `${type.kind}List`, apiVersion: apiVersionOf(type), metadata: { resourceVersion }, items: sent.list };
      sendText(response, 200, JSON.stringify(list), undefined, caller.warnings);
    } else sendText(response, sent.code, `${JSON.stringify(sent.object)}\n`, undefined, caller.warnings);
  }

  #write(
    wanted: ResourceRequest,
    method: string,
    contentType: string,
    body: unknown,
    caller: Caller,
  ): Written | { list: readonly unknown[] } {
    const { name, subresource, type } = wanted;
    if (subresource === 'status' && type.hasStatus !== true) throw unknownPath();
    if (name === '' && method === 'POST') return this.#writer.create(wanted, body, caller);
    if (name === '' && method === 'DELETE') return { list: this.#writer.deleteCollection(wanted, body) };
    if (name !== '' && method === 'PUT') return this.#writer.replace(wanted, body, caller);
    if (name !== '' && method === 'PATCH') return this.#writer.patch(wanted, contentType, body, caller);
    if (name !== '' && method === 'DELETE' && subresource === '') return this.#writer.delete(wanted, body);
    throw methodNotAllowed(`${method} on ${name === '' ? 'a collection' : 'an object'}`, type);
  }

  #writeSubresource(wanted: ResourceRequest, method: string, contentType: string, body: unknown, caller: Caller): Written {
    const { store } = this.#options;
    const { type, namespace = '', name, subresource } = wanted;
    if (subresource === 'scale' && type.hasScale === true) {
      const write = (object: ApiObject): ApiObject => this.#writer.update(wanted, store.get(type, namespace, name), object, caller);
      return { code: 200, object: scale(store, wanted, method, contentType, body, write) };
    }
    if (subresource === 'finalize' && method === 'PUT') return { code: 200, object: finalize(store, wanted, body) };
    if (type.resource === 'pods' && method === 'POST' && subresource === 'binding') return { code: 201, object: bind(store, wanted, body) };
    if (type.resource === 'pods' && method === 'POST' && subresource === 'eviction')
      return { code: 201, object: evict(store, wanted, body) };
    if (type.resource === 'pods' && streamKinds.some(kind => kind === subresource)) throw badRequest('Upgrade request required');
    throw unknownPath();
  }

  async #log({ namespace = '', name, query }: ResourceRequest, response: ServerResponse): Promise<void> {
    const pod = this.#options.store.get(Pods, namespace, name);
    if (this.#options.pods === undefined) throw new ApiError('ServiceUnavailable', 'nothing runs Pods here');
    await this.#options.pods.log(pod, query, response);
  }
}

/** @throws ApiError BadRequest */
function urlOf(request: IncomingMessage): URL {
  try {
    return new URL(request.url ?? '/', 'http://api');
  } catch {
    throw badRequest('the path of the request cannot be read');
  }
}
