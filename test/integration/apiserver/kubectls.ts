/** The `kubectl`s of this machine: the one that is called so, and those beside it that carry a version in their name (`kubectl-1.20`). */
import { execFileSync, spawn } from 'node:child_process';
import { accessSync, constants, readdirSync } from 'node:fs';
import { join } from 'node:path';

export interface Kubectl {
  readonly path: string;
  /** 20 of 1.20 */
  readonly minor: number;
}

function versionOf(path: string): number | undefined {
  try {
    accessSync(path, constants.X_OK);
    const { clientVersion } = JSON.parse(
      execFileSync(path, ['version', '--client', '-o', 'json'], { stdio: ['ignore', 'pipe', 'ignore'] }).toString(),
    ) as {
      clientVersion: { minor: string };
    };
    return Number.parseInt(clientVersion.minor, 10);
  } catch {
    return undefined;
  }
}

/** One of each version, the oldest first. */
export function kubectls(): Kubectl[] {
  const found = new Map<number, Kubectl>();
  for (const folder of (process.env.PATH ?? '').split(':')) {
    let names: string[] = [];
    try {
      names = readdirSync(folder).filter(name => /^kubectl([-.]?v?\d[\d.]*)?$/.test(name));
    } catch {
      // A folder of PATH may be missing.
    }
    for (const name of names) {
      const path = join(folder, name);
      const minor = versionOf(path);
      if (minor !== undefined && !found.has(minor)) found.set(minor, { path, minor });
    }
  }
  return [...found.values()].sort((a, b) => a.minor - b.minor);
}

export interface Ran {
  code: number;
  out: string;
  err: string;
}

/** Runs it; what it says is given back also when it fails. */
export function run(path: string, args: readonly string[], env: Record<string, string>, input?: string): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(path, args, { env: { ...process.env, ...env } });
    const [out, err]: [Buffer[], Buffer[]] = [[], []];
    child.stdout.on('data', (chunk: Buffer) => void out.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => void err.push(chunk));
    child.on('error', reject);
    child.on('close', code => resolve({ code: code ?? -1, out: Buffer.concat(out).toString(), err: Buffer.concat(err).toString() }));
    child.stdin.end(input);
  });
}
