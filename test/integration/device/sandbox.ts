/** Can this machine run the scenarios, and how: always in a user namespace of their own where there is one, so that nothing rests on being root. */
import { execFile, spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { promisify } from 'node:util';

const root = process.getuid?.() === 0;
const works = (args: string[]): boolean => spawnSync('unshare', [...args, 'true'], { stdio: 'ignore' }).status === 0;
const OWN_USER = ['--user', '--map-root-user', '--net'];
const OWN_NET = ['--net'];
const how = works(OWN_USER) ? OWN_USER : root && works(OWN_NET) ? OWN_NET : undefined;

function tunMissing(): string | undefined {
  try {
    accessSync('/dev/net/tun', constants.R_OK | constants.W_OK);
    return undefined;
  } catch (error) {
    return `/dev/net/tun: ${(error as NodeJS.ErrnoException).code}`;
  }
}

/** Why the namespaces cannot be had, or undefined. */
export const noNamespaces: string | undefined = how ? undefined : 'not root, and user namespaces are refused';
export const noTun: string | undefined = noNamespaces ?? tunMissing();
/** A suite's name says why it was skipped. */
export const title = (name: string, missing: string | undefined): string => (missing ? `${name} (skipped: ${missing})` : name);

const run = promisify(execFile);

/** Run `name` of `scenarios/MODULE.ts` in fresh namespaces. @returns what it returned, by way of JSON. */
export async function scenario<T>(module: string, name: string, argument: unknown = {}): Promise<T> {
  const here = import.meta.dirname;
  const args = [...how!, process.execPath, `${here}/run-scenario.ts`, `${here}/scenarios/${module}.ts`, name, JSON.stringify(argument)];
  const { stdout } = await run('unshare', args, { timeout: 50_000, maxBuffer: 1 << 24 });
  return JSON.parse(stdout) as T;
}
