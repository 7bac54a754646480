/** A program that runs inside of this process, behind the face of one of its own. */
import type { LogStream } from '../container-log.ts';
import type { Image } from '../images.ts';
import { type ExitStatus, type PodIdentity, type RunningContainer, type RunningProcess, StartError } from '../runtime.ts';

/** A program that does not let go is not waited for any longer. */
const LET_GO_MS = 5000;

export class InsideProcess implements RunningContainer {
  readonly pid = 0;
  readonly stdin = undefined;
  readonly exited: Promise<ExitStatus>;
  readonly #stop: () => void;
  readonly #end: (status: ExitStatus) => void;
  #listener: ((stream: LogStream, chunk: Uint8Array) => void) | undefined;
  #kept: Uint8Array[] = [];
  /** How it will have ended. */
  #asked: ExitStatus | undefined;

  constructor(image: Image & { kind: 'inside' }, { namespace, name }: PodIdentity) {
    const { promise, resolve } = Promise.withResolvers<ExitStatus>();
    this.exited = promise;
    this.#end = resolve;
    const program = image.start({ pod: { namespace, name }, say: line => this.#say(`${line}\n`) });
    this.#stop = () => program.stop();
    program.ended.then(
      code => resolve(this.#asked ?? { code }),
      error => {
        this.#say(`${(error as Error).message}\n`);
        resolve({ code: 1 });
      },
    );
  }

  onOutput(listener: (stream: LogStream, chunk: Uint8Array) => void): () => void {
    this.#listener = listener;
    for (const chunk of this.#kept.splice(0)) listener('stderr', chunk);
    return () => {
      this.#listener = undefined;
    };
  }

  /** Every signal ends it. It counts as ended when it has let go of what it has, so that the next one does not meet it. */
  signal(name: string): void {
    this.#asked = name === 'SIGKILL' ? { code: 137, signal: 9 } : (this.#asked ?? { code: 0 });
    this.#stop();
    setTimeout(() => this.#end(this.#asked!), LET_GO_MS).unref();
  }
  resize(): void {}

  exec(): Promise<RunningProcess> {
    return Promise.reject(new StartError('StartError', 'this program runs inside of kubehop: there is no process to look into'));
  }
  terminationMessage(): string {
    return '';
  }

  #say(text: string): void {
    const chunk = Buffer.from(text);
    if (this.#listener !== undefined) this.#listener('stderr', chunk);
    else this.#kept.push(chunk);
  }
}
