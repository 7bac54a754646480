import { describe, expect, test } from 'vitest';
import { LabObjects, type ObjectChange } from '../../../src/lab/proxy/lab-objects.ts';
import { nameOfWord, readManifest, wordOfName } from '../../../src/lab/proxy/manifest.ts';
import { service, slice } from './plane.ts';

describe('a manifest for a lab that stands', () => {
  test('what is not valid is refused with its cause, and the others are taken', () => {
    const text = `
apiVersion: v1
kind: Service
metadata: { name: web }
spec: { clusterIP: 10.96.0.10, ports: [{ port: 70000 }] }
---
apiVersion: v1
kind: Service
metadata: { name: api }
spec: { clusterIP: 10.96.0.11, ports: [{ port: 80 }] }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
`;
    const { objects, problems, notes } = readManifest(text, 'web.yaml');
    expect(objects.map(o => o.metadata.name)).toEqual(['api']);
    expect(problems).toEqual([
      'web.yaml: Service "web" is invalid: spec.ports[0].port: Invalid value: 70000: must be between 1 and 65535, inclusive',
    ]);
    expect(notes).toEqual(['web.yaml: 1 of kind Deployment passed over']);
  });

  test.each([
    ['service/web', 'Service shop/web', 'service/web'],
    ['svc/web', 'Service shop/web', 'service/web'],
    ['EndpointSlice/web-1', 'EndpointSlice shop/web-1', 'endpointslice/web-1'],
    ['node/node1', 'Node node1', 'node/node1'],
    ['pod/web', undefined, ''],
    ['service/', undefined, ''],
    ['service', undefined, ''],
    ['service/a/b', undefined, ''],
  ])('%s names %s', (word, name, back) => {
    expect(nameOfWord(word, 'shop')).toBe(name);
    if (name !== undefined) expect(wordOfName(name)).toBe(back);
  });
});

describe('the objects of a lab', () => {
  test('tell each change with what was before, and what is the same is none', () => {
    const web = service('web');
    const objects = new LabObjects([web, slice('web', [])]);
    const seen: ObjectChange[] = [];
    const forget = objects.watch(change => void seen.push(change));
    const other = service('web', { clusterIP: '10.96.0.12' });
    expect([objects.apply(service('web')), objects.apply(other), objects.apply(service('api'))]).toEqual([
      'unchanged',
      'configured',
      'created',
    ]);
    expect([objects.delete('Service default/web'), objects.delete('Service default/web')]).toEqual([true, false]);
    forget();
    objects.delete('Service default/api');
    expect(seen).toEqual([
      { previous: web, current: other },
      { previous: undefined, current: service('api') },
      { previous: other, current: undefined },
    ]);
    expect(objects.list().map(o => o.kind)).toEqual(['EndpointSlice']);
  });
});
