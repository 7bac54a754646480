/** What the figures were taken on: without it they say nothing. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, loadavg, release } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Machine } from './result.ts';
import { MTU } from './wires/bed.ts';
import { POD_MTU } from './wires/vxlan-bed.ts';

/** @param loadGenerator what sent, and how much it can send */
export function describeMachine(loadGenerator: string): Machine {
  const all = cpus();
  return {
    cpu: all[0]?.model.trim() ?? 'unknown',
    cores: all.length,
    kernel: release(),
    node: process.version,
    commit: commit(),
    mtu: `${MTU}; over VXLAN ${POD_MTU}`,
    offloads: 'on, as a veth has them: checksums, TSO, GSO; UDP of row a is complete',
    loadGenerator,
    loadBefore: loadavg().map(value => Math.round(value * 100) / 100),
    conntrackMax: numberIn('/proc/sys/net/netfilter/nf_conntrack_max'),
  };
}

function commit(): string | null {
  try {
    const cwd = fileURLToPath(new URL('.', import.meta.url));
    const git = (...args: string[]) => execFileSync('git', args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
    return git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain', '--untracked-files=no') === '' ? '' : ' with changes');
  } catch {
    // Not a checkout, or no git.
    return null;
  }
}

function numberIn(file: string): number | null {
  try {
    return Number(readFileSync(file, 'utf8'));
  } catch {
    return null;
  }
}
