/**
 * exec and attach over a WebSocket: each message begins with the number of its channel (apimachinery `pkg/util/remotecommand`). Version 5 can end
 * standard input by itself.
 */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Status } from '../../cluster/store/status.ts';
import type { PodProcess } from './pod-programs.ts';
import { handshake, WebSocket } from './web-socket.ts';

const CHANNEL = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4, close: 255 } as const;
const PROTOCOLS = ['v5.channel.k8s.io', 'v4.channel.k8s.io'];
/** A client that is so far behind a process that cannot be paused is cut. */
const MOST_WAITING_BYTES = 64 << 20;

export interface Attached {
  readonly stdout: boolean;
  readonly stderr: boolean;
  /** End the process when the client goes? */
  readonly endsWithClient: boolean;
}

export class ProcessStream {
  readonly #attached: Attached;
  readonly #socket: Duplex;
  readonly #web: WebSocket;
  #process: PodProcess | undefined;
  #stopListening: () => void = () => {};
  /** Came before the process did. */
  #early: Buffer[] = [];
  #isGone = false;
  #isOver = false;

  /** Answers the handshake. @throws ApiError when it is none */
  constructor(attached: Attached, request: IncomingMessage, socket: Duplex, head: Buffer) {
    const { answer } = handshake(request, PROTOCOLS);
    this.#attached = attached;
    this.#socket = socket;
    socket.write(answer);
    this.#web = new WebSocket(socket, head, {
      message: data => {
        if (this.#process === undefined) this.#hold(data);
        else this.#take(this.#process, data);
      },
      closed: () => this.#leave(),
    });
    this.#web.onDrain(() => this.#process?.resume?.());
  }

  /** Ties the process to the client, until either goes. */
  join(process: PodProcess): void {
    this.#process = process;
    if (this.#isGone) {
      this.#leave();
      return;
    }
    this.#stopListening = process.onOutput((stream, chunk) => this.#tell(process, stream, chunk));
    // A process that ends while its client types: writing to it is no error of anybody.
    process.stdin?.on('error', () => {});
    process.stdin?.on('drain', () => this.#web.resume());
    for (const data of this.#early.splice(0)) this.#take(process, data);
    this.#web.resume();
    void process.exited.then(({ code }) => {
      this.#isOver = true;
      this.fail(exitStatus(code));
    });
  }

  /** Tells the client how it ended, and ends the connection. */
  fail(status: Partial<Status>): void {
    this.#stopListening();
    this.#web.send(Buffer.from([CHANNEL.error]), Buffer.from(JSON.stringify(status)));
    this.#web.close();
  }

  #hold(data: Buffer): void {
    this.#early.push(data);
    // The rest of it may wait in the kernel.
    this.#web.pause();
  }

  #tell(process: PodProcess, stream: 'stdout' | 'stderr', chunk: Uint8Array): void {
    if (!this.#attached[stream] || this.#web.send(Buffer.from([CHANNEL[stream]]), chunk)) return;
    process.pause?.();
    if (this.#web.waiting > MOST_WAITING_BYTES) this.#socket.destroy();
  }

  #leave(): void {
    this.#isGone = true;
    this.#stopListening();
    this.#process?.resume?.();
    if (!this.#attached.endsWithClient || this.#isOver) return;
    this.#process?.stdin?.end();
    this.#process?.signal('SIGKILL');
  }

  #take(process: PodProcess, data: Buffer): void {
    const [channel, rest] = [data[0], data.subarray(1)];
    if (channel === CHANNEL.stdin && rest.length > 0 && process.stdin?.writableEnded === false) {
      if (!process.stdin.write(rest)) this.#web.pause();
    } else if (channel === CHANNEL.close && rest[0] === CHANNEL.stdin) process.stdin?.end();
    else if (channel === CHANNEL.resize) resize(process, rest.toString());
  }
}

function resize(process: PodProcess, text: string): void {
  try {
    const { Width, Height } = JSON.parse(text) as { Width?: unknown; Height?: unknown };
    if (Number.isInteger(Width) && Number.isInteger(Height)) process.resize(Width as number, Height as number);
  } catch {
    // A size that cannot be read changes nothing.
  }
}

/** How it ended, as kubectl takes its own exit code from it. */
const exitStatus = (code: number): Partial<Status> =>
  code === 0
    ? { metadata: {}, status: 'Success' }
    : {
        metadata: {},
        status: 'Failure',
        reason: 'NonZeroExitCode',
        message: `command terminated with non-zero exit code: exit status ${code}`,
        details: { causes: [{ reason: 'ExitCode', message: String(code) }] },
        code: 500,
      };
