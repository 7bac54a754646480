import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import type { Instance } from '../../../src/lab/instance.ts';
import { applyWritten, withdrawWritten } from '../../../src/lab/steps/apply.ts';

const work = mkdtempSync(join(tmpdir(), 'kubehop-start-'));
afterAll(() => rmSync(work, { recursive: true }));
const deleted: string[][] = [];
/** A lab whose kube-proxy takes everything. */
const instance = {
  cluster: undefined,
  proxies: {
    apply: async () => ({ nodes: [{ node: 'node1', ok: true }] }),
    delete: async (names: string[]) => void deleted.push(names),
  },
} as unknown as Instance;
const write = (text: string): void => writeFileSync(join(work, 'mine.yaml'), text);
const service = 'apiVersion: v1\nkind: Service\nmetadata: { name: web }\nspec: { clusterIP: 10.96.0.10, ports: [{ port: PORT }] }\n';

test('a manifest of the reader is taken, and each node writes its rules', async () => {
  write(service.replace('PORT', '80'));
  expect(await applyWritten(instance, work, 'mine.yaml')).toEqual([
    { at: 'manifest', text: expect.stringMatching(/^kubehop-start-\w+\/mine\.yaml is taken$/), ok: true },
    { at: 'node1', text: 'kube-proxy has written the rules of mine.yaml', ok: true },
  ]);
});

test('what is not valid is a check that fails, in the words of Kubernetes', async () => {
  write(service.replace('PORT', '70000'));
  expect(await applyWritten(instance, work, 'mine.yaml')).toEqual([
    expect.objectContaining({ ok: false, saw: expect.stringMatching(/70000: must be between 1 and 65535, inclusive/) }),
  ]);
});

test('a file that is not there is bad input, and no check', async () => {
  await expect(applyWritten(instance, work, 'nowhere.yaml')).rejects.toMatchObject({ code: 'BAD_INPUT' });
});

test('what an earlier check has applied goes by its names', async () => {
  write(service.replace('PORT', '80'));
  await withdrawWritten(instance, work, 'mine.yaml');
  expect(deleted).toEqual([['Service default/web']]);
});
