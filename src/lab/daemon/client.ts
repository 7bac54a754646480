/** The command line's end of a lab's control socket. */
import { closeSync, openSync, readFileSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { LabError } from '../../base/errors.ts';
import { LOG_NAME, type Reply, type Request, type RequestResult, SOCKET_NAME } from './protocol.ts';

export interface Progress {
  line: string;
  /** Shown with `--verbose` only. */
  detail: boolean;
}

export class DaemonClient {
  readonly #socket: Socket;
  #waiting:
    | {
        progress: (p: Progress) => void;
        onText: (text: string) => void;
        resolve: (value: unknown) => void;
        reject: (error: unknown) => void;
      }
    | undefined;

  private constructor(socket: Socket, directory: string) {
    this.#socket = socket;
    const lines = createInterface({ input: socket });
    lines.on('error', () => undefined); // it repeats the socket's
    lines.on('line', line => this.#take(JSON.parse(line)));
    socket.on('error', () => undefined); // `close` follows
    socket.on('close', () => this.#end(new LabError('DAEMON', `the lab ended before it answered: ${lastWords(directory)}`)));
  }

  /** @throws LabError DAEMON when nobody listens there. */
  static connect(directory: string): Promise<DaemonClient> {
    // A socket's path has at most 107 bytes (unix(7)); through the descriptor it is short wherever the directory is.
    const fd = openSync(directory, 'r');
    return new Promise<DaemonClient>((resolve, reject) => {
      const socket = createConnection(`/proc/self/fd/${fd}/${SOCKET_NAME}`);
      socket.once('connect', () => resolve(new DaemonClient(socket, directory)));
      socket.once('error', cause => reject(new LabError('DAEMON', `cannot reach the lab at ${directory}: ${cause.message}`, { cause })));
    }).finally(() => closeSync(fd));
  }

  request<Op extends Request['op']>(
    request: Extract<Request, { op: Op }>,
    progress: (p: Progress) => void = () => {},
    onText: (text: string) => void = () => {},
  ): Promise<RequestResult[Op]> {
    return new Promise((resolve, reject) => {
      this.#waiting = { progress, onText, resolve: resolve as (value: unknown) => void, reject };
      this.#socket.write(`${JSON.stringify(request)}\n`);
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(reply: Reply): void {
    switch (reply.kind) {
      case 'progress':
        this.#waiting?.progress(reply);
        break;
      case 'text':
        this.#waiting?.onText(reply.text);
        break;
      case 'done':
        this.#waiting?.resolve(reply.value);
        this.#waiting = undefined;
        break;
      case 'error':
        this.#end(new LabError(reply.code, reply.message));
        break;
    }
  }

  #end(error: LabError): void {
    this.#waiting?.reject(error);
    this.#waiting = undefined;
  }
}

/** The log without what unshare 2.38 says of itself when its child was killed. */
export const wordsOf = (log: string): string => log.replace(/^unshare: sigprocmask .*$/m, '').trim();

/** What a daemon wrote before it died: nothing when it was killed. */
function lastWords(directory: string): string {
  try {
    return wordsOf(readFileSync(join(directory, LOG_NAME), 'utf8')) || 'it was killed';
  } catch {
    return 'it was ended by another command';
  }
}
