/** Can this machine run pods, and how: in a user namespace of their own where there is one, as a lab of an ordinary user does. */
import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';

const LAB = ['--mount', '--net', '--pid', '--fork', '--kill-child', '--mount-proc'];
const ordinary = ['--user', '--map-root-user', ...LAB];
const works = (args: readonly string[]): boolean => spawnSync('unshare', [...args, 'true'], { stdio: 'ignore' }).status === 0;

/** The ways that this machine has, by name. */
export const ways: Readonly<Record<string, readonly string[]>> = {
  ...(works(ordinary) ? { 'an ordinary user': ordinary } : {}),
  ...(process.getuid?.() === 0 && works(LAB) ? { root: LAB } : {}),
};
export const missing: string | undefined = Object.keys(ways).length > 0 ? undefined : 'not root, and user namespaces are refused';

const run = promisify(execFile);

/** Run `name` of `scenarios.ts` in a lab of its own. @returns what it returned, by way of JSON */
export async function scenario<T>(way: readonly string[], name: string): Promise<T> {
  const script = `mount -t tmpfs -o mode=0755 tmpfs /run; mkdir /run/netns; exec ${process.execPath} ${import.meta.dirname}/scenarios.ts ${name}`;
  const { stdout, stderr } = await run('unshare', [...way, 'sh', '-ec', script], { timeout: 50_000, maxBuffer: 1 << 24 });
  const line = /^result (.*)$/m.exec(stdout)?.[1];
  if (line === undefined) throw new Error(`no result: ${stdout}${stderr}`);
  return JSON.parse(line) as T;
}
