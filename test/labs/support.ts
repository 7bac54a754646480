/** Runs the command line as a user would, with a state directory of its own, and looks for what it leaves behind. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { accessSync, constants, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DaemonClient } from '../../src/lab/daemon/client.ts';
import type { NodeCounters } from '../../src/node/protocol.ts';

const KUBEHOP = fileURLToPath(new URL('../../bin/kubehop', import.meta.url));

export interface Result {
  code: number | null;
  stdout: string;
  stderr: string;
}

export class Kubehop {
  /** State, runtime directory and results. */
  readonly home = mkdtempSync(join(tmpdir(), 'kubehop-labs-'));

  readonly #runtime = join(this.home, 'runtime');
  #env: Record<string, string> = {};

  constructor() {
    mkdirSync(this.#runtime);
  }

  readonly program = KUBEHOP;

  /** Of a command that is not started here. */
  get environment(): NodeJS.ProcessEnv {
    return { ...process.env, XDG_STATE_HOME: this.home, XDG_RUNTIME_DIR: this.#runtime, NO_COLOR: '1' };
  }

  /** For the next command only. */
  with(env: Record<string, string>): this {
    this.#env = env;
    return this;
  }

  start(...args: string[]): { process: ChildProcess; done: Promise<Result> } {
    const child = spawn(KUBEHOP, args, {
      env: { ...this.environment, ...this.#env },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    this.#env = {};
    return started(child);
  }

  run(...args: string[]): Promise<Result> {
    return this.start(...args).done;
  }

  /** What a userspace node of a lab that is up counts. */
  async counters(lab: string, node: string): Promise<NodeCounters | null> {
    const client = await DaemonClient.connect(join(this.#runtime, 'kubehop', lab));
    try {
      return await client.request({ op: 'counters', node });
    } finally {
      client.close();
    }
  }

  /** Everything in a lab is born with the lab's directory as its working directory. */
  processes(): number[] {
    return readdirSync('/proc').flatMap(name => {
      try {
        return /^\d+$/.test(name) && readlinkSync(`/proc/${name}/cwd`).startsWith(this.home) ? [Number(name)] : [];
      } catch {
        return []; // it ended meanwhile, or is somebody else's
      }
    });
  }

  /** Process that runs the daemon itself, if one does. */
  daemon(): number | undefined {
    return this.processes().find(pid => {
      try {
        return (
          readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')[0] !== 'unshare' &&
          /node[^\0]*\0.*daemon\/main\.ts/s.test(readFileSync(`/proc/${pid}/cmdline`, 'utf8'))
        );
      } catch {
        return false;
      }
    });
  }

  /** Waits until no process of a lab is left. @throws with what is left after 10 s */
  async empty(): Promise<void> {
    const deadline = performance.now() + 10_000;
    while (this.processes().length > 0) {
      if (performance.now() > deadline)
        throw new Error(`still there: ${execFileSync('ps', ['-o', 'pid,args', '-p', this.processes().join()]).toString()}`);
      await new Promise(resolve => setTimeout(resolve, 10));
    }
  }

  /** Names under the directory where running labs keep their sockets. */
  sockets(): string[] {
    try {
      return readdirSync(join(this.#runtime, 'kubehop'));
    } catch {
      return []; // nothing ever ran
    }
  }

  close(): void {
    rmSync(this.home, { recursive: true, force: true });
  }
}

/** Of the host, without what belongs to others who work on it: the names that a lab uses, and its mounts. */
export function hostState(): { namespaces: string[]; interfaces: string[]; mounts: number } {
  const ours = new Set([
    'client',
    'host',
    'upstream',
    'lan0',
    'node1',
    'node2',
    'pod-a',
    'pod-b',
    'pod-c',
    'web-1',
    'pod-d',
    'cni0',
    'flannel.1',
    'tor',
    'tor2',
    'node3',
    'tap0',
    'tun0',
  ]);
  const names = (text: string) => text.split('\n').flatMap(line => line.split(/[ :@]+/).filter(word => ours.has(word)));
  return {
    namespaces: names(execFileSync('ip', ['netns', 'list']).toString()),
    interfaces: names(execFileSync('ip', ['-o', 'link']).toString()),
    mounts: readFileSync('/proc/self/mounts', 'utf8')
      .split('\n')
      .filter(line => !line.startsWith('nsfs')).length,
  };
}

const can = (argv: [string, ...string[]]): boolean => {
  try {
    execFileSync(argv[0], argv.slice(1), { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
};
const tun = (): boolean => {
  try {
    accessSync('/dev/net/tun', constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
};
const user = process.getuid!() === 0 ? [] : ['--user', '--map-root-user'];

/** Why labs cannot run here, or ''. */
export const lacking: string = !can(['unshare', ...user, '--mount', '--net', '--pid', '--fork', '--mount-proc', 'true'])
  ? 'namespaces are not allowed here'
  : tun()
    ? ''
    : '/dev/net/tun cannot be opened';
export const title = (what: string): string => (lacking === '' ? what : `${what} (skipped: ${lacking})`);

/** The machine's kubectl on a lab that is up. */
export class Kubectl {
  readonly #config: string;
  private constructor(config: string) {
    this.#config = config;
  }
  static async of(kubehop: Kubehop, lab: string): Promise<Kubectl> {
    return new Kubectl((await kubehop.run('kubeconfig', lab)).stdout.trim());
  }

  get environment(): NodeJS.ProcessEnv {
    return { ...process.env, KUBECONFIG: this.#config };
  }

  /** @throws Error with what it said @returns stdout */
  async run(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.start(...args).done;
    if (code !== 0) throw new Error(`kubectl ${args.join(' ')}: exit ${code}: ${stderr || stdout}`);
    return stdout;
  }

  /** A shell's line, with its pipes and quotes. */
  shell(line: string, stdin: 'ignore' | 'pipe' = 'ignore'): { process: ChildProcess; done: Promise<Result> } {
    return started(spawn('sh', ['-c', line], { env: this.environment, stdio: [stdin, 'pipe', 'pipe'] }));
  }

  start(...args: string[]): { process: ChildProcess; done: Promise<Result> } {
    return started(spawn('kubectl', args, { env: this.environment, stdio: ['ignore', 'pipe', 'pipe'] }));
  }
}

function started(child: ChildProcess): { process: ChildProcess; done: Promise<Result> } {
  const result: Result = { code: null, stdout: '', stderr: '' };
  child.stdout!.on('data', chunk => {
    result.stdout += chunk;
  });
  child.stderr!.on('data', chunk => {
    result.stderr += chunk;
  });
  const done = new Promise<Result>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', code => resolve({ ...result, code }));
  });
  return { process: child, done };
}
