/** A sender in a client's namespace, seen from the thread of the bench. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { parseIpv4, parseMac } from '../../base/address.ts';
import { clusterIp, SERVICE_PORT } from '../rules/services.ts';
import { netnsPath } from '../shell.ts';
import { type Bed, CLIENT } from '../wires/bed.ts';
import type { FrameShape } from './frames.ts';
import type { Burst, BurstResult, SenderStart } from './sender-protocol.ts';

export class Generator {
  readonly #worker: Worker;

  readonly #stop: Int32Array;

  private constructor(worker: Worker, stop: Int32Array) {
    this.#worker = worker;
    this.#stop = stop;
  }

  /**
   * @param services how many there are: the load asks for the last
   * @param processor where it runs, counted from 0; null: where the scheduler puts it
   */
  static async start(bed: Pick<Bed, 'client'>, services: number, processor: number | null = null): Promise<Generator> {
    const shape: FrameShape = {
      dstMac: parseMac(CLIENT.gatewayMac),
      srcMac: parseMac(CLIENT.mac),
      client: parseIpv4(CLIENT.address),
      service: clusterIp(services - 1),
      servicePort: SERVICE_PORT,
    };
    const stop = new SharedArrayBuffer(4);
    const workerData: SenderStart = { netns: netnsPath(bed.client), interface: 'eth0', processor, shape, stop };
    const worker = new Worker(new URL('./sender.ts', import.meta.url), { workerData });
    await once(worker, 'message');
    return new Generator(worker, new Int32Array(stop));
  }

  /** Sends, and resolves when it has sent. One burst at a time. */
  async send(burst: Partial<Burst> & { milliseconds: number }): Promise<BurstResult> {
    this.#worker.postMessage({ flows: 1, freshEvery: 0, rate: 0, most: Number.MAX_SAFE_INTEGER, ...burst } satisfies Burst);
    const [result] = (await once(this.#worker, 'message')) as [BurstResult];
    Atomics.store(this.#stop, 0, 0);
    return result;
  }

  /** Ends the burst that goes on. */
  stop(): void {
    Atomics.store(this.#stop, 0, 1);
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }
}
