import { spawnSync } from 'node:child_process';
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Kubehop, lacking, title } from './support.ts';

/** A person at a terminal: script(1) makes the pseudo-terminal. @returns everything that stands on it, without colours */
function typed(
  kubehop: Kubehop,
  words: string,
  lines: readonly string[],
  env: Record<string, string> = {},
): { code: number | null; screen: string } {
  const { status, stdout } = spawnSync('script', ['-qec', `${kubehop.program} ${words}`, '/dev/null'], {
    env: { ...kubehop.environment, TERM: 'dumb', ...env },
    input: lines.map(line => `${line}\n`).join(''),
    encoding: 'utf8',
  });
  return { code: status, screen: stdout.replaceAll('\r', '') };
}

describe.skipIf(lacking !== '')(title('a shell inside of a lab'), () => {
  const kubehop = new Kubehop();
  beforeAll(async () => {
    expect(await kubehop.run('lab', 'up', '07')).toMatchObject({ code: 0 });
  });
  afterAll(async () => {
    await kubehop.run('lab', 'down', '--all');
    kubehop.close();
  });

  test.each([
    ['exec pod-b', '07 pod-b (10.244.2.2) $ '],
    ['exec pod-b -- bash', '07 pod-b (10.244.2.2) $ '],
    ['exec pod-b -- sh', '07 pod-b (10.244.2.2) $ '],
    ['exec node1', '07 node1 (192.168.56.11) $ '],
    ['exec client', '07 client (203.0.113.9) $ '],
    ['exec --lab 07 upstream -- sh', '07 upstream (192.168.56.1) $ '],
  ])('%s: the prompt says which lab, and where', (words, prompt) => {
    const { code, screen } = typed(kubehop, words, ['echo "it is $((40 + 2))"', 'exit 3']);
    expect(screen).toContain(prompt);
    expect(screen).toContain('it is 42');
    expect(screen).not.toMatch(/cannot|no job control/i);
    expect(code).toBe(3);
  });

  test('where there is no bash it is sh', () => {
    const few = join(kubehop.home, 'few');
    mkdirSync(few);
    for (const tool of ['sh', 'script', 'nsenter', 'dirname', 'readlink']) {
      const path = spawnSync('sh', ['-c', `command -v ${tool}`], { encoding: 'utf8' }).stdout.trim();
      symlinkSync(path, join(few, tool));
    }
    const { code, screen } = typed(kubehop, 'exec pod-b', ['echo "this is $0"', 'exit 3'], { PATH: few, SHELL: '/bin/sh' });
    expect(screen).toContain('07 pod-b (10.244.2.2) $ ');
    expect(screen).toContain('this is sh');
    expect(code).toBe(3);
  });

  test("a node's shell has the router's tools in front", () => {
    expect(typed(kubehop, 'exec node1', ['command -v iptables', 'exit']).screen).toContain('/run/kubehop/node1/iptables');
  });

  test('from a pipe it reads commands and writes no prompt', () => {
    const { status, stdout } = spawnSync(kubehop.program, ['exec', 'pod-b'], {
      env: kubehop.environment,
      input: 'hostname -I\n',
      encoding: 'utf8',
    });
    expect({ status, stdout: stdout.trim() }).toEqual({ status: 0, stdout: '10.244.2.2' });
  });
});
