/** sysctl(8)'s words on a running node: the names that its router and its connection tracking know. */
import type { ToolResult } from './tool.ts';

const REFUSED = 1;

/** @param access reads a value, or writes it and reads it back. @throws what it throws goes into stderr, as sysctl(8) does, and the next word follows */
export async function sysctlCommand(
  args: readonly string[],
  access: (name: string, value: number | null) => Promise<number>,
): Promise<ToolResult> {
  const options = args.filter(word => word.startsWith('-')).flatMap(oneByOne);
  const unknown = options.find(option => !['-w', '--write', '-n', '--values', '-q', '--quiet'].includes(option));
  if (unknown !== undefined) return { stdout: '', stderr: `sysctl: unknown option "${unknown}": expected -w, -n or -q\n`, status: REFUSED };
  const has = (short: string, long: string) => options.includes(short) || options.includes(long);
  let stdout = '';
  let stderr = '';
  for (const word of args.filter(w => !w.startsWith('-'))) {
    const [path, text] = word.split('=', 2) as [string, string | undefined];
    // net/ipv4/conf/eth0/... is the same name; then a dot belongs to the interface
    const name = path.includes('/') ? path.replaceAll('.', '\0').replaceAll('/', '.').replaceAll('\0', '/') : path;
    try {
      const value = await access(name, text === undefined ? null : numberOf(text));
      if (text === undefined || !has('-q', '--quiet')) stdout += has('-n', '--values') ? `${value}\n` : `${name} = ${value}\n`;
    } catch (error) {
      stderr += `${(error as Error).message}\n`;
    }
  }
  return { stdout, stderr, status: stderr === '' ? 0 : REFUSED };
}

/** `-qw` is `-q -w`. */
const oneByOne = (option: string): string[] => (/^-\w{2,}$/.test(option) ? [...option.slice(1)].map(letter => `-${letter}`) : [option]);

/** What is no number is refused by who would take it. */
const numberOf = (text: string): number => (/^\s*-?\d+\s*$/.test(text) ? Number(text) : Number.NaN);
