/** Other programs, run to their end while the bench waits: wires and rules are set up before anything is measured. */
import { execFileSync } from 'node:child_process';
import { LabError } from '../base/errors.ts';

const WITHIN_MS = 120_000;

/** @param input for its stdin @throws LabError TOOL_MISSING, OS with the program's own words */
export function run(argv: readonly string[], input = ''): string {
  try {
    return execFileSync(argv[0]!, argv.slice(1), {
      input,
      encoding: 'utf8',
      stdio: ['pipe', 'pipe', 'pipe'],
      timeout: WITHIN_MS,
      maxBuffer: 1 << 28,
    });
  } catch (cause) {
    const { code, stderr } = cause as { code?: string; stderr?: string };
    if (code === 'ENOENT') throw new LabError('TOOL_MISSING', `${argv[0]}: the program was not found`, { cause });
    const said = stderr?.trim().split('\n').slice(0, 3).join('; ');
    throw new LabError('OS', `${argv.join(' ').slice(0, 200)}: ${said || code || String(cause)}`, { cause });
  }
}

export const inNetns = (namespace: string, argv: readonly string[]): string[] => ['ip', 'netns', 'exec', namespace, ...argv];

/** Lines of ip(8), in a namespace or in that of the bench. */
export function ip(lines: readonly string[], namespace?: string): void {
  run(['ip', ...(namespace === undefined ? [] : ['-n', namespace]), '-batch', '-'], `${lines.join('\n')}\n`);
}

export const sysctl = (namespace: string, values: Readonly<Record<string, number | string>>): void =>
  void run(inNetns(namespace, ['sysctl', '-q', '-w', ...Object.entries(values).map(([key, value]) => `${key}=${value}`)]));

/** Is a program there? */
export function installed(program: string): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${program}`], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

export const netnsPath = (namespace: string): string => `/run/netns/${namespace}`;
