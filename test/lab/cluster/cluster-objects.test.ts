import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { SeededRandom } from '../../../src/base/random.ts';
import { bootstrap, newClusterStore } from '../../../src/cluster/bootstrap.ts';
import { ConfigMaps, Pods } from '../../../src/cluster/resources/index.ts';
import type { Pod } from '../../../src/cluster/schema/pod.ts';
import { ClusterObjects } from '../../../src/lab/cluster/cluster-objects.ts';

const folder = mkdtempSync(join(tmpdir(), 'kubehop-objects-'));
afterAll(() => rmSync(folder, { recursive: true }));

function world() {
  const store = newClusterStore({ clock: { nowMs: () => Date.parse('2026-03-01T12:00:00Z') }, random: new SeededRandom(1) });
  bootstrap(store);
  const objects = new ClusterObjects(store);
  const file = (...documents: object[]): string => {
    const path = join(folder, 'objects.yaml');
    writeFileSync(path, documents.map(document => JSON.stringify(document)).join('\n---\n'));
    return path;
  };
  const setStatus = (name: string, status: Pod['status']): void => {
    store.modify(Pods, 'default', name, draft => void Object.assign(draft, { status }), { subresource: 'status' });
  };
  const names = (): string[] => store.list(Pods).items.map(pod => pod.metadata.name!);
  return { store, objects, file, setStatus, names };
}
const pod = (name: string, node: string) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name },
  spec: { nodeName: node, containers: [{ name: 'c', image: 'kubehop/echo' }] },
});
const config = (data: Record<string, string>) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'words' }, data });
const turn = () => new Promise(resolve => setImmediate(resolve));
const READY = { podIP: '10.244.1.2', conditions: [{ type: 'Ready', status: 'True' }] } as Pod['status'];

describe('objects of a manifest', () => {
  test('come into the default namespace, and change when they come again', async () => {
    const { store, objects, file } = world();
    await objects.apply(file(config({ a: '1', b: '2' })));
    await objects.apply(file(config({ a: '3' })));
    expect(store.get(ConfigMaps, 'default', 'words').data).toEqual({ a: '3', b: '2' });
  });

  test('bring the namespace that they name', async () => {
    const { store, objects, file } = world();
    await objects.apply(file({ ...config({ c: '4' }), metadata: { name: 'words', namespace: 'other' } }));
    expect(store.get(ConfigMaps, 'other', 'words').data).toEqual({ c: '4' });
  });

  test('a pod is made when those before it on its node have addresses, and those of other nodes at once', async () => {
    const { objects, file, setStatus, names } = world();
    const done = objects.apply(file(pod('a', 'node1'), pod('b', 'node2'), pod('c', 'node1')));
    await turn();
    expect(names()).toEqual(['a', 'b']);
    setStatus('a', { podIP: '10.244.1.2' });
    await done;
    expect(names()).toEqual(['a', 'b', 'c']);
  });

  test('a pod that is on its way out is waited for, and the new one until it is ready', async () => {
    const { store, objects, file, setStatus } = world();
    const path = file(pod('a', 'node1'));
    await objects.apply(path);
    setStatus('a', READY);
    const old = store.get(Pods, 'default', 'a').metadata;
    objects.delete('Pod', 'a');
    let over = false;
    const done = objects.apply(path, { ready: true }).then(() => {
      over = true;
    });
    await turn();
    expect(store.get(Pods, 'default', 'a').metadata.uid).toBe(old.uid);
    store.delete(Pods, 'default', 'a', { gracePeriodSeconds: 0 });
    for (let i = 0; i < 3; i++) await turn();
    expect(store.get(Pods, 'default', 'a').metadata.uid).not.toBe(old.uid);
    expect(over).toBe(false);
    setStatus('a', READY);
    await done;
    expect(over).toBe(true);
  });

  test('are refused with a reason', async () => {
    const { objects, file } = world();
    await expect(objects.apply(file({ apiVersion: 'v9', kind: 'Thing', metadata: { name: 'a' } }))).rejects.toThrow(
      'no matches for kind "Thing" in version "v9"',
    );
    expect(() => objects.delete('Thing', 'a')).toThrow('the server doesn\'t have a resource type "Thing"');
    expect(() => objects.delete('Pod', 'a')).toThrow('pods "a" not found');
  });
});
