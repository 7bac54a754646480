/** A capture from outside its thread: start it, let traffic pass, stop it, read the report. */
import { Worker } from 'node:worker_threads';
import { type ErrorCode, hints, LabError } from '../base/errors.ts';
import type { CapturePoint } from '../device/capture-set.ts';

export interface InterfaceHop extends CapturePoint {
  /** `node1/eth0`. */
  name: string;
  description?: string;
  /** `LinkType`: Ethernet without it, Raw for a tunnel whose packets have no frame. */
  linkType?: number;
}

/** A point inside a router. Points that are not listed are in the trace only. */
export interface LogicalHop {
  /** Interface number of the router, or `HOOK_HOP` and the hook's. */
  id: number;
  /** `node1/flannel.1`, `node1/prerouting`. */
  name: string;
  description?: string;
  /** `LinkType`: Ethernet without it, Raw for hooks. Records of the other type are only in the trace. */
  linkType?: number;
}

export interface TraceRingInput {
  node: string;
  /** From `createTraceRing`; the other end is a `RingTracer`. */
  shared: SharedArrayBuffer;
  hops: readonly LogicalHop[];
  /** Names of the router's interfaces by their number: what the trace calls them. */
  interfaces?: readonly string[];
}

export interface CaptureOptions {
  hops: readonly InterfaceHop[];
  rings?: readonly TraceRingInput[];
  /** A folder with one file per hop, or all hops in one file (path) or pipe (descriptor). */
  output: { folder: string } | { stream: string | number };
  /** The routers' records, one JSON object per line: see `trace-text.ts`. */
  traceFile?: string;
  application?: string;
  /** Of IPv4 addresses, for Wireshark's name resolution. */
  names?: Readonly<Record<string, string>>;
  comment?: string;
}

export interface CaptureReport {
  /** `dropped`: the kernel had no room. A capture with drops is no evidence of absence. */
  hops: { name: string; received: number; dropped: number; written: number }[];
  rings: { node: string; lost: number }[];
  /** Frames that the kernel had taken and never handed over. */
  unread: number;
}

export type CaptureMessage =
  | { kind: 'ready' }
  | { kind: 'done'; report: CaptureReport }
  | { kind: 'failed'; code: string; message: string };

/** Words that the two threads share: told to stop; how often every hop has been looked at. */
export const CaptureWord = { Stop: 0, Rounds: 1 } as const;

/** How often `keepUp` asks. */
const LOOK_MS = 2;

export class Capture {
  readonly #worker: Worker;
  readonly #stop: Int32Array;
  readonly #done: Promise<CaptureReport>;

  private constructor(worker: Worker, stop: Int32Array, done: Promise<CaptureReport>) {
    this.#worker = worker;
    this.#stop = stop;
    this.#done = done;
  }

  /**
   * Resolves when every hop is listened to: what is sent from then on is captured. The thread opens namespaces by path, so a path
   * must mean the same there as here.
   *
   * @throws LabError DEVICE, NETNS_EPERM, OS, BAD_INPUT
   */
  static start(options: CaptureOptions): Promise<Capture> {
    const stop = new Int32Array(new SharedArrayBuffer(8));
    const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData: { options, stop }, name: 'capture' });
    const done = Promise.withResolvers<CaptureReport>();
    done.promise.catch(() => undefined); // it is for `stop` to report
    return new Promise((resolve, reject) => {
      const fail = (error: unknown): void => {
        reject(error);
        done.reject(error);
      };
      worker.on('message', (m: CaptureMessage) => {
        if (m.kind === 'ready') resolve(new Capture(worker, stop, done.promise));
        else if (m.kind === 'done') done.resolve(m.report);
        else fail(new LabError(m.code in hints ? (m.code as ErrorCode) : 'OS', `capture: ${m.message}`));
      });
      worker.on('error', fail);
      worker.on('exit', code => fail(new LabError('OS', `capture: the thread ended with code ${code}`)));
    });
  }

  /** Ends by itself only when it fails: the pipe's reader has gone, a disk is full. */
  get finished(): Promise<CaptureReport> {
    return this.#done;
  }

  /**
   * Resolves when the thread has looked at every hop twice since: who sends much and waits for this in between never outruns it, however
   * little of the processor it gets. Or when it has ended.
   */
  async keepUp(): Promise<void> {
    let ended = false;
    const end = (): void => {
      ended = true;
    };
    this.#done.then(end, end);
    const from = Atomics.load(this.#stop, CaptureWord.Rounds);
    while (!ended && Atomics.load(this.#stop, CaptureWord.Rounds) - from < 2) await new Promise(resolve => setTimeout(resolve, LOOK_MS));
  }

  /** Everything that a hop had seen before this call is in the files when it resolves. A second call gives the same report. */
  async stop(): Promise<CaptureReport> {
    Atomics.store(this.#stop, CaptureWord.Stop, 1);
    const report = await this.#done;
    await this.#worker.terminate();
    return report;
  }
}
