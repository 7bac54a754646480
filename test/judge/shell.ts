/** One long-lived shell in a namespace: a tool started from it costs a fork of a small process, not of this one. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';

const HERE_DOCUMENT = 'end-of-the-text-for-this-tool';

export interface Said {
  stdout: string;
  status: number;
}

export class Shell {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #waiting: ((said: Said) => void)[] = [];
  #heard = '';
  #complaints = '';

  constructor(netns: string) {
    this.#child = spawn('ip', ['netns', 'exec', netns, 'sh'], { stdio: 'pipe' });
    this.#child.stdout.setEncoding('utf8').on('data', (text: string) => this.#hear(text));
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#complaints = (this.#complaints + text).slice(-4000);
    });
  }

  /** What the tool wrote, whatever its status. Commands run one after the other. */
  say(command: string, input = ''): Promise<Said> {
    const { promise, resolve } = Promise.withResolvers<Said>();
    this.#waiting.push(resolve);
    this.#child.stdin.write(`${command} <<'${HERE_DOCUMENT}'\n${input}${HERE_DOCUMENT}\nprintf '\\000%d\\n' $?\n`);
    return promise;
  }

  /** @throws Error with what the tool complained of. */
  async run(command: string, input = ''): Promise<string> {
    this.#complaints = '';
    const { stdout, status } = await this.say(command, input);
    if (status !== 0) throw new Error(`${command}: status ${status}: ${this.#complaints}\n${input}`);
    return stdout;
  }

  close(): void {
    this.#child.stdin.end();
  }

  /** Each command's output ends with a NUL and its status. */
  #hear(text: string): void {
    this.#heard += text;
    for (;;) {
      const end = /\0(\d+)\n/.exec(this.#heard);
      if (!end) return;
      const stdout = this.#heard.slice(0, end.index);
      this.#heard = this.#heard.slice(end.index + end[0].length);
      this.#waiting.shift()!({ stdout, status: Number(end[1]) });
    }
  }
}
