/** Serves the OpenAPI documents. Each is made when somebody first asks for it, and has an ETag: clients keep what they have. */
import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ResourceType } from '../../cluster/store/resource-type.ts';
import { unknownPath } from '../request.ts';
import { openApiV2, openApiV3, placeOf } from './documents.ts';
import { encodeOpenApiV2 } from './protobuf.ts';

interface Document {
  readonly type: string;
  readonly body: Buffer;
  readonly hash: string;
}

/** With a dot where old servers had `@v1.0`, which is no media type. */
const PROTOBUF = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf';

export class OpenApi {
  readonly #types: readonly ResourceType[];
  readonly #made = new Map<string, Document>();
  constructor(types: readonly ResourceType[]) {
    this.#types = types;
  }

  #document(key: string, type: string, make: () => string | Buffer): Document {
    let found = this.#made.get(key);
    if (found === undefined) {
      const body = Buffer.from(make() as string);
      found = { type, body, hash: createHash('sha256').update(body).digest('hex').toUpperCase() };
      this.#made.set(key, found);
    }
    return found;
  }

  /** @throws ApiError NotFound */
  serve(url: URL, request: IncomingMessage, response: ServerResponse): void {
    const document = this.#find(url.pathname.replace(/\/$/, ''), request.headers.accept ?? '');
    const etag = `"${document.hash}"`;
    const headers = { ETag: etag, 'Cache-Control': 'no-cache, private', Vary: 'Accept' };
    if (request.headers['if-none-match'] === etag) {
      response.writeHead(304, headers);
      response.end();
      return;
    }
    response.writeHead(200, { ...headers, 'Content-Type': document.type, 'Content-Length': document.body.length });
    response.end(document.body);
  }

  #find(path: string, accept: string): Document {
    if (path === '/openapi/v2') {
      if (accept.includes('proto')) return this.#document('v2 protobuf', PROTOBUF, () => encodeOpenApiV2(openApiV2(this.#types)));
      return this.#document('v2', 'application/json', () => JSON.stringify(openApiV2(this.#types)));
    }
    if (path === '/openapi/v3') return this.#document('v3', 'application/json', () => JSON.stringify({ paths: this.#index() }));
    const place = path.slice('/openapi/v3/'.length);
    if (!path.startsWith('/openapi/v3/') || !this.#types.some(type => placeOf(type) === place)) throw unknownPath();
    return this.#document(place, 'application/json', () => JSON.stringify(openApiV3(this.#types, place)));
  }

  #index(): object {
    const places = [...new Set(this.#types.map(placeOf))];
    return Object.fromEntries(
      places.map(place => [place, { serverRelativeURL: `/openapi/v3/${place}?hash=${this.#find(`/openapi/v3/${place}`, '').hash}` }]),
    );
  }
}
