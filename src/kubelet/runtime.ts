/**
 * What a kubelet asks of the machine: sandboxes (a pod's namespaces), processes in them, and a look at a port from where the node's own sockets are.
 * `linux/` does it with real namespaces; tests with a table.
 */
import type { Writable } from 'node:stream';
import type { LogStream } from './container-log.ts';
import type { Image } from './images.ts';

export interface PodIdentity {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

/** The wires of pods: what a CNI plugin does. Handed in by who builds the network. */
export interface PodNetwork {
  /** @param netns path of the pod's network namespace @returns its address @throws when there is none left, or the wire cannot be made */
  attach(pod: PodIdentity, netns: string): Promise<{ readonly address: string }>;
  /** Gives the address back. The namespace may be gone already. */
  detach(pod: PodIdentity): Promise<void>;
}

export interface Mount {
  /** Path in the container. */
  readonly at: string;
  readonly readOnly: boolean;
  readonly source:
    | { readonly kind: 'empty'; readonly volume: string; readonly inMemory: boolean }
    | { readonly kind: 'files'; readonly volume: string; readonly files: Readonly<Record<string, Uint8Array>>; readonly mode: number }
    | { readonly kind: 'host'; readonly path: string };
  readonly subPath?: string;
}

export interface Identity {
  readonly user?: number;
  readonly group?: number;
  /** Beside NET_RAW and NET_BIND_SERVICE: NET_ADMIN in the pod's own network namespace. */
  readonly netAdmin?: boolean;
}

export interface ProcessOptions extends Identity {
  readonly argv: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly workingDir?: string;
  readonly stdin: boolean;
  readonly tty: boolean;
}

export interface ContainerOptions extends ProcessOptions {
  readonly container: string;
  readonly image: Image;
  readonly mounts: readonly Mount[];
}

/** `signal` is its number when one ended it; the code is then 128 more, as a shell has it. */
export interface ExitStatus {
  readonly code: number;
  readonly signal?: number;
}

export interface RunningProcess {
  /** As this process sees it; 0 for a program inside of it. */
  readonly pid: number;
  /** Undefined unless it was asked for. */
  readonly stdin: Writable | undefined;
  readonly exited: Promise<ExitStatus>;
  /** With a terminal everything is stdout. Chunks that came before the first listener are kept for it. */
  onOutput(listener: (stream: LogStream, chunk: Uint8Array) => void): () => void;
  signal(name: 'SIGTERM' | 'SIGKILL' | (string & {})): void;
  resize(columns: number, rows: number): void;
}

export interface RunningContainer extends RunningProcess {
  /** A second process in the namespaces of this one. @throws StartError */
  exec(options: ProcessOptions): Promise<RunningProcess>;
  /** What the container wrote to /dev/termination-log. */
  terminationMessage(): string;
}

/** The program cannot be started; the message is for the container's status. */
export class StartError extends Error {
  readonly reason: 'StartError' | 'CreateContainerError' | 'ContainerCannotRun';
  constructor(reason: StartError['reason'], message: string) {
    super(message);
    this.reason = reason;
  }
}

export interface Sandbox {
  /** Path of its network namespace. */
  readonly netns: string;
  /** Resolves when what holds the namespaces has ended without being told to. */
  readonly lost: Promise<void>;
  /** Files below /etc of every container: `hosts`, `resolv.conf`. */
  writeFiles(files: Readonly<Record<string, string>>): void;
  /** @throws StartError */
  start(options: ContainerOptions): Promise<RunningContainer>;
  /** A connection to a port of the pod, as a process in it would have it. */
  connect(port: number): Promise<NodeJS.ReadWriteStream & { destroy(): void }>;
  /** Ends every process, and the namespaces. */
  remove(): Promise<void>;
}

export interface Runtime {
  /** @param hostNetwork it shares the network of the node */
  createSandbox(pod: PodIdentity, options: { readonly hostName: string; readonly hostNetwork: boolean }): Promise<Sandbox>;
  /** Looks from the node's own namespace. @returns undefined when it is well, else what was amiss */
  checkHttp(check: HttpCheck): Promise<string | undefined>;
  checkTcp(check: { readonly address: string; readonly port: number; readonly timeoutMs: number }): Promise<string | undefined>;
}

export interface HttpCheck {
  readonly address: string;
  readonly port: number;
  readonly path: string;
  readonly https: boolean;
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
}
