import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { Kubehop, lacking, title } from './support.ts';

process.env.KUBEHOP_LABS = fileURLToPath(new URL('../fixtures/labs', import.meta.url));
const PROGRAM = fileURLToPath(new URL('../fixtures/programs/neighbours.py', import.meta.url));

const kubehop = new Kubehop();

/** What node1 does on the wire, by act. */
async function watch(on: string): Promise<Record<string, string[]>> {
  expect(await kubehop.run('lab', 'up', '94', '--on', on)).toMatchObject({ code: 0 });
  await kubehop.run('exec', 'pod-a', '--', 'ping', '-c', '1', '-W', '2', '192.168.56.1'); // the pod and its gateway know each other
  const { process, done } = kubehop.start('exec', 'host', '--', 'python3', PROGRAM);
  const pings: Promise<unknown>[] = [];
  for await (const line of createInterface({ input: process.stdout! })) {
    const [word, address] = line.split(' ');
    if (word === 'ping') pings.push(kubehop.run('exec', 'pod-a', '--', 'ping', '-c', '1', '-W', '1', address!));
  }
  const { stdout, stderr } = await done;
  await Promise.all(pings);
  expect(await kubehop.run('lab', 'down', '94')).toMatchObject({ code: 0 });
  expect(stderr).toBe('');
  return JSON.parse(stdout.trim().split('\n').at(-1)!);
}

describe.skipIf(lacking !== '')(title('a node and its neighbours'), () => {
  afterAll(async () => {
    await kubehop.run('lab', 'down', '--all');
    kubehop.close();
  });
  test('ask, answer, believe and forget as Linux does', { timeout: 180_000 }, async () => {
    const kernel = await watch('kernel');
    expect(await watch('userspace')).toEqual(kernel);
  });
});
