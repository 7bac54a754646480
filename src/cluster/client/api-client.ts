/**
 * A client of the Kubernetes API that reads and never writes: GET alone, lists in pages as kubectl asks for them (`limit`, `continue`).
 */
import * as http from 'node:http';
import * as https from 'node:https';
import { LabError } from '../../base/errors.ts';
import type { ClusterAccess } from './kubeconfig.ts';

/** As kubectl's `--chunk-size`. */
const PAGE = 500;
const QUIET_MS = 30_000;
const MOST_BYTES = 256 << 20;

interface Answer {
  readonly status: number;
  readonly body: string;
}

export class ApiClient {
  readonly #access: ClusterAccess;
  readonly #agent: http.Agent;
  readonly #pageSize: number;

  constructor(access: ClusterAccess, pageSize = PAGE) {
    this.#access = access;
    this.#pageSize = pageSize;
    const { ca, cert, key, serverName, insecure } = access;
    this.#agent =
      access.server.protocol === 'http:'
        ? new http.Agent({ keepAlive: true })
        : new https.Agent({
            keepAlive: true,
            rejectUnauthorized: !insecure,
            ...(ca !== undefined && { ca }),
            ...(cert !== undefined && { cert }),
            ...(key !== undefined && { key }),
            ...(serverName !== undefined && { servername: serverName }),
          });
  }

  close(): void {
    this.#agent.destroy();
  }

  /**
   * @param path of a list: `/api/v1/services`
   * @returns each page as it came: JSON of a ServiceList
   * @throws LabError API with the server's words
   */
  async list(path: string): Promise<string[]> {
    const pages: string[] = [];
    let rest = '';
    do {
      const query = rest === '' ? `?limit=${this.#pageSize}` : `?limit=${this.#pageSize}&continue=${encodeURIComponent(rest)}`;
      const answer = await this.#get(path + query);
      // The list has changed for too long meanwhile: it is asked for once more, whole.
      if (answer.status === 410 && rest !== '') return [this.#good(await this.#get(path), path)];
      const page = this.#good(answer, path);
      pages.push(page);
      rest = continueOf(page, path);
    } while (rest !== '');
    return pages;
  }

  #good({ status, body }: Answer, path: string): string {
    if (status === 200) return body;
    throw new LabError(
      'API',
      `GET ${path} of ${this.#access.server.host}: ${status} ${http.STATUS_CODES[status] ?? ''}: ${reasonOf(body)}`,
    );
  }

  #get(path: string): Promise<Answer> {
    const { server, authorization } = this.#access;
    const url = new URL(server.pathname.replace(/\/$/, '') + path, server);
    const headers = { Accept: 'application/json', 'User-Agent': 'kubehop', ...(authorization && { Authorization: authorization }) };
    return new Promise((resolve, reject) => {
      const fail = (cause: Error): void =>
        reject(
          new LabError('API', `GET ${path} of ${server.host}: ${(cause as NodeJS.ErrnoException).code ?? ''} ${cause.message}`, { cause }),
        );
      const { request } = server.protocol === 'http:' ? http : https;
      const asked = request(url, { agent: this.#agent, headers, timeout: QUIET_MS }, response => {
        const chunks: Buffer[] = [];
        let bytes = 0;
        response.on('data', (chunk: Buffer) => {
          chunks.push(chunk);
          bytes += chunk.length;
          if (bytes > MOST_BYTES) response.destroy(new Error(`more than ${MOST_BYTES} bytes in one answer`));
        });
        response.on('error', fail);
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') }));
      });
      asked.on('timeout', () => asked.destroy(new Error(`no answer within ${QUIET_MS} ms`)));
      asked.on('error', fail);
      asked.end();
    });
  }
}

function continueOf(page: string, path: string): string {
  try {
    return (JSON.parse(page) as { metadata?: { continue?: string } }).metadata?.continue ?? '';
  } catch (cause) {
    throw new LabError('API', `GET ${path}: the answer is not JSON`, { cause });
  }
}

/** The message of a Status object, or the first line of what else it is. */
function reasonOf(body: string): string {
  try {
    return (JSON.parse(body) as { message?: string }).message ?? body;
  } catch {
    return body.split('\n', 1)[0]!.slice(0, 200);
  }
}
