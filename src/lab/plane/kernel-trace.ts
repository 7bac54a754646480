/**
 * Which rules the packets of a kernel node meet. A base chain of our own marks every packet (`meta nftrace set 1`), before the raw table
 * and in a table that iptables does not know, so that `iptables-save` shows what it would show without it; `xtables-monitor --trace` tells
 * in iptables' words what the kernel reports of marked packets. Needs iptables-nft: what iptables-legacy holds cannot be traced so.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { TraceLine } from '../../capture/trace-text.ts';
import { inNetns, run } from '../shell.ts';
import { TraceTextReader } from './kernel-trace-text.ts';

/** Before `raw` (-300), where the rules of interest begin. */
const PRIORITY = -350;
export const TRACE_TABLE = 'kubehop_trace';
/** @param which words of nft that choose packets: `ip protocol != 253`; '' for all */
const marking = (which: string): string => `table ip ${TRACE_TABLE} {
  chain in { type filter hook prerouting priority ${PRIORITY}; ${which} meta nftrace set 1; }
  chain out { type filter hook output priority ${PRIORITY}; ${which} meta nftrace set 1; }
}
`;
const READY_WITHIN_MS = 2000;
/** Its last lines come at once; so long a silence is the end. */
const SILENCE_MS = 30;
const NFNLGRP_NFTRACE = 9;
const NETLINK_NETFILTER = 12;

export class KernelTrace {
  readonly #node: string;
  readonly #marking: string;
  readonly #monitor: ChildProcess;
  readonly #reader: TraceTextReader;
  #heardAt = performance.now();

  private constructor(node: string, marks: string, monitor: ChildProcess, reader: TraceTextReader) {
    this.#node = node;
    this.#marking = marks;
    this.#monitor = monitor;
    this.#reader = reader;
    monitor.stdout!.setEncoding('utf8').on('data', text => {
      this.#heardAt = performance.now();
      reader.take(text, BigInt(Date.now()) * 1_000_000n);
    });
  }

  /**
   * @param which packets, in words of nft; all without it
   * @param handles also those of rules, and their verdicts
   * @returns why the kernel cannot tell, in words, or the trace that runs
   */
  static async start(node: string, { which = '', handles = false } = {}): Promise<KernelTrace | string> {
    try {
      const { stdout: version } = await run(inNetns(node, ['iptables', '-V']));
      if (!version.includes('nf_tables')) return `${version.trim()}: only rules of iptables-nft can be traced`;
      const { code, stderr } = await run(inNetns(node, ['nft', '-f', '-']), { stdin: marking(which) });
      if (code !== 0) return `nft: ${stderr.trim()}`;
    } catch (error) {
      return (error as Error).message;
    }
    const monitor = spawn('nsenter', inNetns(node, ['xtables-monitor', '--trace']).slice(1), { stdio: ['ignore', 'pipe', 'ignore'] });
    const listens = await listening(monitor);
    if (listens !== true) {
      monitor.kill('SIGKILL');
      await run(inNetns(node, ['nft', 'delete', 'table', 'ip', TRACE_TABLE]));
      return listens;
    }
    return new KernelTrace(node, marking(which), monitor, new TraceTextReader(node, TRACE_TABLE, handles));
  }

  /** Whether packets are marked from now on. */
  async mark(on: boolean): Promise<void> {
    const stdin = on ? this.#marking : `delete table ip ${TRACE_TABLE}\n`;
    await run(inNetns(this.#node, ['nft', '-f', '-']), { stdin });
  }

  /** What the monitor has not read yet, in bytes, and how many messages it has lost because there was no more room for them. */
  backlog(): { waiting: number; lost: number } {
    const [, , , , waiting, , , , lost] = subscription(this.#monitor.pid!) ?? [];
    return { waiting: Number(waiting ?? 0), lost: Number(lost ?? 0) };
  }

  /** The node is as it was before. @returns everything that was told */
  async stop(): Promise<TraceLine[]> {
    await this.mark(false);
    this.#heardAt = performance.now();
    while (performance.now() - this.#heardAt < SILENCE_MS) await new Promise(resolve => setTimeout(resolve, 5));
    this.#monitor.kill('SIGKILL');
    return this.#reader.lines;
  }
}

/** It says nothing when it is ready; its socket in the kernel's table does. */
async function listening(monitor: ChildProcess): Promise<true | string> {
  let failure: string | undefined;
  monitor.once('error', error => {
    failure = error.message;
  });
  monitor.once('exit', code => {
    failure ??= `xtables-monitor ended with ${code}`;
  });
  const deadline = performance.now() + READY_WITHIN_MS;
  while (performance.now() < deadline && failure === undefined) {
    if (monitor.pid !== undefined && subscription(monitor.pid)) return true;
    await new Promise(resolve => setTimeout(resolve, 2));
  }
  return failure ?? 'xtables-monitor does not listen';
}

/** A line of `/proc/net/netlink`: sk, protocol, port, groups in hexadecimal, bytes that wait. The namespace has no other listener of this kind than ours. */
function subscription(pid: number): string[] | undefined {
  try {
    return readFileSync(`/proc/${pid}/net/netlink`, 'utf8')
      .split('\n')
      .map(line => line.trim().split(/\s+/))
      .find(
        ([, protocol, , groups]) =>
          Number(protocol) === NETLINK_NETFILTER && (Number.parseInt(groups ?? '0', 16) & (1 << (NFNLGRP_NFTRACE - 1))) !== 0,
      );
  } catch {
    return undefined; // it has not begun, or has ended
  }
}
