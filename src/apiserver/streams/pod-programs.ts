/** Processes in the containers of Pods, and connections to their ports: what `openStreams` needs of whoever runs them. */
import type { Duplex, Writable } from 'node:stream';
import type { Pod } from '../../cluster/schema/pod.ts';

export interface ProcessRequest {
  readonly container: string;
  readonly stdin: boolean;
  readonly tty: boolean;
}

/** A process that runs, or the container itself. */
export interface PodProcess {
  /** Undefined unless it was asked for. */
  readonly stdin: Writable | undefined;
  readonly exited: Promise<{ readonly code: number; readonly signal?: number }>;
  /** With a terminal everything is stdout. @returns stops listening */
  onOutput(listener: (stream: 'stdout' | 'stderr', chunk: Uint8Array) => void): () => void;
  resize(columns: number, rows: number): void;
  signal(name: 'SIGTERM' | 'SIGKILL' | (string & {})): void;
  /** Where they are there: nothing more is read from the process while a slow client takes what came. */
  pause?(): void;
  resume?(): void;
}

/** Each throws an `ApiError`, or an error whose message is shown. */
export interface PodPrograms {
  /** A further process in a container; it is ended when its client goes. */
  exec(pod: Pod, request: ProcessRequest & { readonly command: readonly string[] }): Promise<PodProcess>;
  /** The process of the container itself; it goes on when its client goes. */
  attach(pod: Pod, request: ProcessRequest): PodProcess | Promise<PodProcess>;
  /** A connection to a port, made inside the Pod. */
  connect(pod: Pod, port: number): Promise<Duplex>;
}
