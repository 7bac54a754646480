import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { catalog } from '../../src/lab/catalog.ts';
import { lacking, title } from './support.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const home = mkdtempSync(join(tmpdir(), 'kubehop-readme-'));
afterAll(() => rmSync(home, { recursive: true, force: true }));
const environment = { PATH: `${join(root, 'bin')}${delimiter}${process.env.PATH}`, HOME: home, NO_COLOR: '1' };
const has = (tool: string): boolean => spawnSync('sh', ['-c', `command -v ${tool}`], { env: environment }).status === 0;

/** What begins a line that a reader would paste into a shell. */
const COMMAND = /^(sudo|kubehop|kubectl|export|tshark|wireshark|grep|cat|rm|sh|scripts\/\w+|iptables-save|sysctl|vagrant|npm|npx) /;
/** Run by others: set-up, the whole of the tests, and what needs a window. */
const ELSEWHERE = [/^sudo scripts\/(lab 07|test|setup --tests)$/, /^wireshark /];

/** Lines of the code blocks, whole where they are continued. */
const commandsOf = (text: string): string[] =>
  text
    .split(/^ *```.*$/m)
    .filter((_, i) => i % 2 === 1)
    .flatMap(block => block.replace(/\\\n/g, '').split('\n'))
    .map(line => line.trim())
    .filter(line => COMMAND.test(line) && !ELSEWHERE.some(other => other.test(line)));

/** One reader with one shell: what he exports stays. */
class Reader {
  readonly #cwd: string;
  readonly #env: Record<string, string> = { ...environment };

  constructor(cwd: string) {
    this.#cwd = cwd;
  }

  /** @param typed in front of the command, where it is for another machine */
  type(command: string, typed: readonly string[] = []): { command: string; status: number | null; stdout: string; stderr: string } {
    const [, name, value] = /^export (\w+)=(.*)$/.exec(command) ?? [];
    const here = typed.length === 0 ? '' : `cd '${this.#cwd}' && `;
    const line = here + (name === undefined ? command : `printf %s "${value}"`);
    const [program, ...words] = [...typed, 'sh', '-c', line];
    const { status, stdout, stderr } = spawnSync(program!, words, { env: this.#env, cwd: this.#cwd, encoding: 'utf8' });
    if (name !== undefined) this.#env[name] = stdout;
    return { command, status, stdout, stderr };
  }
}

/** `# exit 1` behind a command foretells that. */
function expectWell(done: ReturnType<Reader['type']>): void {
  expect(done, `${done.command}\n${done.stderr}${done.stdout}`).toEqual({
    ...done,
    status: Number(/# exit (\d+)/.exec(done.command)?.[1] ?? 0),
  });
  if (/^(tshark|grep|cat)/.test(done.command)) expect(done).not.toMatchObject({ stdout: '' });
}

const able = lacking === '' && has('kubectl') && has('tshark');
const down = () => void spawnSync('kubehop', ['lab', 'down', '--all'], { env: environment });

describe.each(catalog().map(entry => [entry.number, entry.folder]))('the text of exercise %s', (number, folder) => {
  const text = () => readFileSync(join(folder, 'README.md'), 'utf8');
  afterEach(down);

  test.skipIf(!able)(title('has commands that work, as they stand'), { timeout: 600_000 }, () => {
    const reader = new Reader(root);
    for (const command of commandsOf(text())) expectWell(reader.type(command));
  });

  test.skipIf(!able)(title('has filters that find what they say'), { timeout: 300_000 }, () => {
    const out = join(home, 'filters');
    const solution = existsSync(join(folder, 'solution')) ? ['--solution'] : [];
    execFileSync('kubehop', ['lab', 'run', number, '--out', out, ...solution], { env: environment, stdio: 'ignore' });
    const rows = [...text().matchAll(/^\| .* \| `(\w+\/[\w./-]+pcapng)`.* \| `(.*)` +\|$/gm)];
    expect(rows.length).toBeGreaterThan(0);
    for (const [, file, filter] of rows) {
      const argv = ['-r', join(out, file!), '-d', 'udp.port==8472,vxlan', '-Y', filter!.replaceAll('\\|', '|')];
      const found = execFileSync('tshark', argv, { stdio: ['ignore', 'pipe', 'ignore'], encoding: 'utf8' });
      expect({ file, filter, found }).not.toMatchObject({ found: '' });
    }
  });
});

describe.skipIf(!able)(title('the texts around them'), { timeout: 300_000 }, () => {
  afterEach(down);
  // Its files stand in Wireshark's own folders: a text that ends early leaves none there either.
  afterEach(() => void spawnSync('kubehop', ['wireshark', 'uninstall'], { env: environment }));

  test('labs/README.md has commands that work, as they stand', () => {
    const reader = new Reader(root);
    const commands = commandsOf(readFileSync(join(root, 'labs/README.md'), 'utf8'));
    expect(commands.length).toBeGreaterThan(5);
    for (const command of commands) expectWell(reader.type(command));
  });

  // What is for a node of the reader's own, a kernel's, is typed on node1 of the lab that stands by then, and `scripts/collect` has been copied there.
  test('README.md has commands that work, as they stand', () => {
    const folder = join(home, 'clone');
    mkdirSync(folder);
    copyFileSync(join(root, 'scripts/collect'), join(folder, 'collect'));
    const reader = new Reader(folder);
    const commands = commandsOf(readFileSync(join(root, 'README.md'), 'utf8'));
    expect(commands.length).toBeGreaterThan(10);
    for (const typed of commands) {
      const command = typed === 'kubehop lab up 10' ? `${typed} --on kernel` : typed;
      const [onNode, ...then] = /^(iptables-save|sudo sh|sysctl) /.test(command)
        ? command.split(/(?<=;) (?=kubectl)/)
        : [undefined, command];
      if (onNode !== undefined) expectWell(reader.type(onNode.replace(/^sudo /, ''), ['kubehop', 'exec', '--lab', '10', 'node1', '--']));
      for (const line of then) expectWell(reader.type(line!));
    }
  });
});
