/** Pods as namespaces of the Linux kernel. Lives where it may make namespaces: in a lab's daemon. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { HttpCheck, PodIdentity, Runtime, Sandbox } from '../runtime.ts';
import { buildSkeleton, type Entry, guardedProc, type RootOptions } from './container-root.ts';
import { LinuxSandbox } from './linux-sandbox.ts';
import { NetnsSockets } from './netns-sockets.ts';

export interface LinuxRuntimeOptions extends RootOptions {
  /** Its own: roots, files, volumes. On a tmpfs, as nothing in it lasts. */
  readonly directory: string;
  /** Path of the node's network namespace. */
  readonly nodeNetns: string;
  /** Where named network namespaces stand. */
  readonly netnsDirectory: string;
  /** Name of a pod's network namespace, unique at each moment. */
  readonly netnsName: (pod: PodIdentity) => string;
}

/** What all sandboxes of a node share. */
export interface Ground {
  readonly options: LinuxRuntimeOptions;
  readonly skeleton: string;
  readonly mounts: readonly Entry[];
  readonly sockets: NetnsSockets;
}

export class LinuxRuntime implements Runtime {
  readonly #ground: Ground;

  constructor(options: LinuxRuntimeOptions) {
    const skeleton = join(options.directory, 'skeleton');
    mkdirSync(skeleton, { recursive: true, mode: 0o755 });
    const mounts = buildSkeleton(skeleton, options);
    this.#ground = { options, skeleton, mounts: [...mounts, ...(process.getuid!() === 0 ? guardedProc : [])], sockets: new NetnsSockets() };
  }

  createSandbox(pod: PodIdentity, options: { readonly hostName: string; readonly hostNetwork: boolean }): Promise<Sandbox> {
    return LinuxSandbox.create(this.#ground, pod, options);
  }

  checkHttp(check: HttpCheck): Promise<string | undefined> {
    return this.#ground.sockets.checkHttp({ ...check, netns: this.#ground.options.nodeNetns });
  }
  checkTcp(check: { readonly address: string; readonly port: number; readonly timeoutMs: number }): Promise<string | undefined> {
    return this.#ground.sockets.checkTcp({ ...check, netns: this.#ground.options.nodeNetns });
  }

  /** Sandboxes are removed before. */
  close(): Promise<void> {
    return this.#ground.sockets.close();
  }
}
