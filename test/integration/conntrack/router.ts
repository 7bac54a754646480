/**
 * Started in namespaces of its own by `kernel.test.ts`: `router.ts FILE`, with a `Job` in the file. The kernel routes between two TUN
 * devices; packets go in by one, what comes out of both is read back, and after each step the table of connections is listed.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { openTun } from '../../../src/device/tun.ts';
import { arena } from '../../../src/os/memory.ts';
import { Packet } from '../../../src/packet/packet.ts';

export interface Injected {
  readonly side: 'a' | 'c';
  readonly hex: string;
}
export interface Job {
  readonly rules: string;
  readonly sysctls: Readonly<Record<string, number>>;
  readonly steps: readonly (readonly Injected[])[];
  /** Pause before each step. */
  readonly gapsMs: readonly number[];
  /** Arguments of `conntrack` at the end. */
  readonly commands: readonly (readonly string[])[];
}
export interface Outcome {
  /** Side and hexadecimal of what came out, and `conntrack -L`, for each step. */
  readonly steps: readonly { readonly out: readonly string[]; readonly list: readonly string[] }[];
  readonly commands: readonly { readonly stdout: string; readonly stderr: string; readonly status: number }[];
}

const wait = (ms: number): void => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
const sysctl = (name: string, value: number): void => writeFileSync(`/proc/sys/${name.replaceAll('.', '/')}`, String(value));

function conntrack(args: readonly string[]): { stdout: string; stderr: string; status: number } {
  try {
    return { stdout: execFileSync('conntrack', args, { encoding: 'utf8', stdio: 'pipe', maxBuffer: 1 << 26 }), stderr: '', status: 0 };
  } catch (error) {
    const e = error as { stdout: string; stderr: string; status: number };
    return { stdout: e.stdout, stderr: e.stderr, status: e.status };
  }
}

const job = JSON.parse(readFileSync(process.argv[2]!, 'utf8')) as Job;
execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', '/run']);
const tuns = { a: openTun({ name: 'ta', offload: false }), c: openTun({ name: 'tc', offload: false }) };
try {
  sysctl('net.ipv4.ip_forward', 1);
  for (const dev of ['ta', 'tc']) {
    sysctl(`net.ipv4.conf.${dev}.rp_filter`, 0);
    execFileSync('ip', ['link', 'set', dev, 'up', 'mtu', '9000']);
  }
  execFileSync('ip', ['addr', 'add', '10.99.1.1/24', 'dev', 'ta']);
  execFileSync('ip', ['addr', 'add', '10.99.2.1/24', 'dev', 'tc']);
  execFileSync('ip', ['route', 'add', '10.1.0.0/16', 'dev', 'ta']);
  execFileSync('ip', ['route', 'add', '10.2.0.0/16', 'dev', 'tc']);
  execFileSync('iptables-restore', { input: job.rules });
  for (const [name, value] of Object.entries(job.sysctls)) sysctl(name, value);
  const memory = arena(65_536);
  const p = new Packet();
  const batch = Array.from({ length: 64 }, () => new Packet());
  const read = (out: string[]): number => {
    let read = 0;
    for (const side of ['a', 'c'] as const) {
      const n = tuns[side].receive(batch);
      for (const { bytes, start, end } of batch.slice(0, n)) {
        // The kernel looks for IPv6 routers of its own accord.
        if (bytes[start]! >> 4 === 4) out.push(side + Buffer.from(bytes.subarray(start, end)).toString('hex'));
      }
      tuns[side].release();
      read += n;
    }
    return read;
  };
  const steps = job.steps.map((step, n) => {
    wait(job.gapsMs[n] ?? 0);
    const out: string[] = [];
    for (const { side, hex } of step) {
      const bytes = Buffer.from(hex, 'hex');
      memory.bytes.set(bytes, 256);
      p.borrow(memory, 0, 256, 256 + bytes.length, 65_536);
      if (!tuns[side].transmit(p)) throw new Error(`the TUN device refused a packet of ${bytes.length} bytes`);
      tuns[side].flush();
      read(out); // a write to a TUN runs the packet's whole path before it returns
    }
    while (read(out) > 0);
    return { out, list: conntrack(['-L']).stdout.split('\n').filter(Boolean) };
  });
  const outcome: Outcome = { steps, commands: job.commands.map(conntrack) };
  process.stdout.write(JSON.stringify(outcome));
} finally {
  tuns.a.close();
  tuns.c.close();
}
