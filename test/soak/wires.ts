/**
 * A real router between two namespaces, for load: `client` (203.0.113.9, and every other source that it cares to write) on one side, `pod`
 * (10.244.1.2) on the other, `kubehop router run` between them.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { constants, setPriority, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { stringify } from 'yaml';
import { askControl } from '../../src/node/control.ts';
import type { NodeCounters } from '../../src/node/protocol.ts';

export const POD = '10.244.1.2';
export const SERVICE = '10.96.0.10';
export const GATEWAY = '203.0.113.1';

/** TCP 8080 to 8089 and UDP 5353 of the Service are the pod's; and port 9, where nobody listens. */
export const RULES = `*nat
:PREROUTING ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
:KUBE-SERVICES - [0:0]
-A PREROUTING -j KUBE-SERVICES
-A KUBE-SERVICES -d ${SERVICE}/32 -p tcp -m tcp --dport 8080:8089 -j DNAT --to-destination ${POD}
-A KUBE-SERVICES -d ${SERVICE}/32 -p udp -m udp --dport 5353 -j DNAT --to-destination ${POD}:5353
-A KUBE-SERVICES -d ${SERVICE}/32 -p tcp -m tcp --dport 9 -j DNAT --to-destination ${POD}:9
-A POSTROUTING -s 203.0.113.0/24 -o cni0 -j MASQUERADE
COMMIT
*filter
:FORWARD DROP [0:0]
-A FORWARD -m conntrack --ctstate INVALID -j DROP
-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -i eth0 -j ACCEPT
COMMIT
`;

const KUBEHOP = resolve(import.meta.dirname, '../../bin/kubehop');
const OFF = ['tx', 'off', 'tso', 'off', 'gso', 'off', 'gro', 'off'];
const SIDES = ['client', 'router', 'pod'] as const;
export type Side = (typeof SIDES)[number];

export interface WiresOptions {
  /** Beside `ip_forward`, as in a description. */
  sysctl: Record<string, number>;
  /** Segments of 64 KiB and unfinished checksums; without them a receive ring has four times as many slots. */
  offload: boolean;
  nodeOptions?: readonly string[];
}

export class Wires {
  readonly folder = mkdtempSync(join(tmpdir(), 'kubehop-load-'));
  readonly #env = { ...process.env, XDG_RUNTIME_DIR: join(this.folder, 'run') };
  readonly #children: ChildProcess[] = [];
  #router: ChildProcess | undefined;
  /** Everything that the router wrote to stderr. */
  said = '';
  pid = 0;

  async open({ sysctl, offload, nodeOptions = [] }: WiresOptions): Promise<void> {
    mkdirSync(this.#env.XDG_RUNTIME_DIR, { mode: 0o700 });
    for (const side of SIDES) {
      ip(`netns add ${this.namespace(side)}`);
      this.inside(side, ['sysctl', '-qw', 'net.ipv6.conf.all.disable_ipv6=1']);
      this.#ip(side, 'link set lo up');
    }
    this.#wire('client', 'eth0', '203.0.113.9/24', GATEWAY);
    this.#wire('pod', 'cni0', `${POD}/24`, '10.244.1.1');
    if (!offload) for (const side of ['client', 'pod'] as const) this.inside(side, ['ethtool', '-K', 'eth0', ...OFF]);
    writeFileSync(join(this.folder, 'rules'), RULES);
    writeFileSync(join(this.folder, 'router.yaml'), stringify(this.#description(sysctl, offload)));
    const argv = ['setsid', 'env', `NODE_OPTIONS=${nodeOptions.join(' ')}`, KUBEHOP, 'router', 'run', join(this.folder, 'router.yaml')];
    this.#router = this.start('router', argv);
    this.#router.stderr!.setEncoding('utf8').on('data', (more: string) => {
      this.said += more;
    });
    this.pid = Number((await line(this.#router, 'stderr', /router (\d+) runs/))[1]);
    goFirst(this.pid);
  }

  #description(sysctl: Record<string, number>, offload: boolean) {
    return {
      ports: [
        { name: 'eth0', kind: 'packet', addresses: [`${GATEWAY}/24`], offload },
        { name: 'cni0', kind: 'packet', addresses: ['10.244.1.1/24'], offload },
      ],
      routes: [{ to: 'default', via: '203.0.113.9', dev: 'eth0' }],
      rules: 'rules',
      sysctl: { 'net.ipv4.ip_forward': 1, ...sysctl },
    };
  }

  /** A machine may run this many times at once. */
  namespace(side: Side): string {
    return `load${process.pid}-${side}`;
  }

  #ip(side: Side, words: string): void {
    ip(`-n ${this.namespace(side)} ${words}`);
  }

  #wire(side: 'client' | 'pod', port: string, address: string, gateway: string): void {
    ip(`link add ${port} netns ${this.namespace('router')} type veth peer name eth0 netns ${this.namespace(side)}`);
    this.#ip('router', `link set ${port} up`);
    this.#ip(side, 'link set eth0 up');
    this.#ip(side, `addr add ${address} dev eth0`);
    this.#ip(side, `route add default via ${gateway}`);
  }

  /** Waits for its end. */
  inside(side: Side, argv: readonly string[]) {
    return spawnSync('ip', ['netns', 'exec', this.namespace(side), ...argv], { encoding: 'utf8' });
  }

  start(side: Side, argv: readonly string[]): ChildProcess {
    const child = spawn('ip', ['netns', 'exec', this.namespace(side), ...argv], { env: this.#env, stdio: ['pipe', 'pipe', 'pipe'] });
    this.#children.push(child);
    return child;
  }

  /** A program of this folder. */
  program(side: Side, file: string, argument: unknown): ChildProcess {
    return this.start(side, [
      process.execPath,
      '--disable-warning=ExperimentalWarning',
      join(import.meta.dirname, file),
      JSON.stringify(argument),
    ]);
  }

  /** `kubehop WORDS --pid`, as people type it. Does not block this thread. */
  kubehop(words: readonly string[]): Promise<{ stdout: string; stderr: string; status: number }> {
    const child = spawn(KUBEHOP, [...words, '--pid', String(this.pid)], { env: this.#env, stdio: ['ignore', 'pipe', 'pipe'] });
    return output(child);
  }

  /** `kubehop conntrack -E`: lines as they come, until `stop` is called. */
  follow(words: readonly string[], onLine: (line: string) => void): () => Promise<void> {
    const child = spawn(KUBEHOP, ['conntrack', '-E', ...words, '--pid', String(this.pid)], {
      env: this.#env,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const ended = new Promise<void>(resolve => child.once('exit', () => resolve()));
    let rest = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop()!;
      for (const each of lines) onLine(each);
    });
    return () => {
      child.kill('SIGINT');
      return ended;
    };
  }

  /** Asks a program that goes on until it is told. */
  end(child: ChildProcess): void {
    // The child is what `ip netns exec` has become.
    child.kill('SIGTERM');
  }

  async counters(): Promise<NodeCounters> {
    const path = join(this.#env.XDG_RUNTIME_DIR, 'kubehop', `router-${this.pid}.sock`);
    return JSON.parse((await askControl(path, { command: 'counters', args: [] })).stdout) as NodeCounters;
  }

  async close(): Promise<void> {
    if (this.pid !== 0 && this.#router?.exitCode === null) {
      process.kill(this.pid, 'SIGTERM');
      await ended(this.#router);
    }
    for (const child of this.#children) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill();
      await ended(child);
    }
    for (const side of SIDES) spawnSync('ip', ['netns', 'del', this.namespace(side)]);
    rmSync(this.folder, { recursive: true });
  }
}

/**
 * Before whatever else this machine does, as the kernel's own packets go: a loop that waits 100 ms for a processor loses frames. A session
 * is weighed as a whole (sched(7), autogroup), so that the router has one of its own; where root is not the host's, it stays as it is.
 */
function goFirst(pid: number): void {
  try {
    for (const thread of readdirSync(`/proc/${pid}/task`)) setPriority(Number(thread), constants.priority.PRIORITY_HIGH);
    writeFileSync(`/proc/${pid}/autogroup`, '-15');
  } catch {
    // EACCES, EPERM; ENOENT where the kernel has no autogroups
  }
}

const ip = (words: string): void => void execFileSync('ip', words.split(' '), { stdio: 'pipe' });
const ended = (child: ChildProcess): Promise<unknown> =>
  child.exitCode !== null || child.signalCode !== null ? Promise.resolve() : new Promise(resolve => child.once('exit', resolve));

async function output(child: ChildProcess): Promise<{ stdout: string; stderr: string; status: number }> {
  let stdout = '';
  let stderr = '';
  child.stdout!.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  await new Promise(resolve => child.once('close', resolve));
  return { stdout, stderr, status: child.exitCode ?? -1 };
}

/** The first line of a child's that matches. Rejects when it ends before. */
export function line(child: ChildProcess, stream: 'stdout' | 'stderr', pattern: RegExp): Promise<RegExpExecArray> {
  return new Promise((found, reject) => {
    let text = '';
    child[stream]!.setEncoding('utf8').on('data', (more: string) => {
      text += more;
      const m = pattern.exec(text);
      if (m) found(m);
    });
    let complaint = '';
    if (stream === 'stdout')
      child.stderr!.setEncoding('utf8').on('data', (more: string) => {
        complaint += more;
      });
    child.once('close', code => reject(new Error(`it ended with ${code}: ${text}${complaint}`)));
  });
}

/** What a program of this folder says: its last line, as JSON. */
export const answer = async (child: ChildProcess): Promise<unknown> => JSON.parse((await line(child, 'stdout', /^RESULT (.*)\n/m))[1]!);
