import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { catalog } from '../../src/lab/catalog.ts';
import { lacking, title } from './support.ts';

const SECTIONS = [
  'What you will see',
  'The picture',
  'Predict',
  'Run',
  'Look here',
  'What happened',
  'Change this and run again',
  'Check yourself',
  'Clean up',
  'Sources',
];
const home = mkdtempSync(join(tmpdir(), 'kubehop-readme-'));
afterAll(() => rmSync(home, { recursive: true, force: true }));
const bin = fileURLToPath(new URL('../../bin', import.meta.url));
const env = { PATH: `${bin}${delimiter}${process.env.PATH}`, HOME: home, NO_COLOR: '1' };
const has = (tool: string): boolean => spawnSync('sh', ['-c', `command -v ${tool}`]).status === 0;

/** Lines of the code blocks that a reader would paste into a shell. */
const commandsOf = (text: string): string[] =>
  text
    .split('```')
    .filter((_, i) => i % 2 === 1)
    .flatMap(block => block.split('\n'))
    .filter(line => /^(kubehop|tshark|grep|rm) /.test(line));

describe.each(catalog().map(entry => [entry.number, entry.folder]))('the text of exercise %s', (_, folder) => {
  const text = () => readFileSync(join(folder, 'README.md'), 'utf8');

  test('keeps the order of all exercises', () => {
    expect([...text().matchAll(/^## (.*)$/gm)].map(match => match[1])).toEqual(SECTIONS);
  });

  test.skipIf(lacking !== '')(title('has commands that work, as they stand'), { timeout: 240_000 }, () => {
    for (const command of commandsOf(text())) {
      if (command.startsWith('tshark') && !has('tshark')) continue;
      const { status, stdout, stderr } = spawnSync('sh', ['-c', command], { env, encoding: 'utf8' });
      const foretold = Number(/# exit (\d+)/.exec(command)?.[1] ?? 0);
      expect({ command, status, stderr }).toMatchObject({ status: foretold });
      if (/^(tshark|grep)/.test(command)) expect({ command, stdout }).not.toMatchObject({ stdout: '' });
    }
  });

  test.skipIf(lacking !== '' || !has('tshark'))(title('has filters that find what they say'), { timeout: 120_000 }, () => {
    const out = join(home, 'filters');
    const solution = existsSync(join(folder, 'solution')) ? ['--solution'] : [];
    execFileSync('kubehop', ['lab', 'run', folder.split('/').at(-1)!.slice(0, 2), '--out', out, ...solution], { env, stdio: 'ignore' });
    const rows = [...text().matchAll(/^\| .* \| `(\w+\/[\w./-]+pcapng)`.* \| `(.*)` +\|$/gm)];
    expect(rows.length).toBeGreaterThan(0);
    for (const [, file, filter] of rows) {
      const argv = ['-r', join(out, file!), '-d', 'udp.port==8472,vxlan', '-Y', filter!];
      const found = execFileSync('tshark', argv, { stdio: ['ignore', 'pipe', 'ignore'], encoding: 'utf8' });
      expect({ file, filter, found }).not.toMatchObject({ found: '' });
    }
  });
});
