import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { applyObject } from '../../src/apiserver/patch/apply.ts';
import { changes, FieldSet, fieldsOf, rootSchema } from '../../src/apiserver/patch/field-set.ts';
import { jsonPatch, mergePatch } from '../../src/apiserver/patch/json-patch.ts';
import { type Manager, trackUpdate } from '../../src/apiserver/patch/managed-fields.ts';
import { strategicMerge } from '../../src/apiserver/patch/strategic-merge.ts';
import { ServiceDefinition } from '../../src/cluster/schema/networking.ts';
import { PodDefinition } from '../../src/cluster/schema/pod.ts';
import type { ApiObject } from '../../src/cluster/store/object.ts';
import { ApiError } from '../../src/cluster/store/status.ts';

describe('JSON patch', () => {
  // RFC 6902, appendix A
  test.each([
    [{ foo: 'bar' }, [{ op: 'add', path: '/baz', value: 'qux' }], { baz: 'qux', foo: 'bar' }],
    [{ foo: ['bar', 'baz'] }, [{ op: 'add', path: '/foo/1', value: 'qux' }], { foo: ['bar', 'qux', 'baz'] }],
    [{ baz: 'qux', foo: 'bar' }, [{ op: 'remove', path: '/baz' }], { foo: 'bar' }],
    [{ foo: ['bar', 'qux', 'baz'] }, [{ op: 'remove', path: '/foo/1' }], { foo: ['bar', 'baz'] }],
    [{ baz: 'qux', foo: 'bar' }, [{ op: 'replace', path: '/baz', value: 'boo' }], { baz: 'boo', foo: 'bar' }],
    [
      { foo: { bar: 1, waldo: 2 }, qux: { corge: 3 } },
      [{ op: 'move', from: '/foo/waldo', path: '/qux/thud' }],
      { foo: { bar: 1 }, qux: { corge: 3, thud: 2 } },
    ],
    [{ foo: ['all', 'grass', 'cows', 'eat'] }, [{ op: 'move', from: '/foo/1', path: '/foo/3' }], { foo: ['all', 'cows', 'eat', 'grass'] }],
    [{ '/': 9, '~1': 10 }, [{ op: 'test', path: '/~01', value: 10 }], { '/': 9, '~1': 10 }],
    [{ foo: ['bar'] }, [{ op: 'add', path: '/foo/-', value: ['abc', 'def'] }], { foo: ['bar', ['abc', 'def']] }],
    [
      { foo: { a: 1 } },
      [
        { op: 'copy', from: '/foo', path: '/bar' },
        { op: 'replace', path: '/bar/a', value: 2 },
      ],
      { foo: { a: 1 }, bar: { a: 2 } },
    ],
  ])('%j with %j', (target, patch, expected) => expect(jsonPatch(target, patch)).toEqual(expected));

  test.each([
    [[{ op: 'test', path: '/a', value: 2 }]],
    [[{ op: 'remove', path: '/none' }]],
    [[{ op: 'add', path: '/none/b', value: 1 }]],
    [[{ op: 'add', path: '/list/7', value: 1 }]],
    [[{ op: 'move', from: '/o', path: '/o/p' }]],
    [[{ op: 'add', path: '/__proto__/x', value: 1 }]],
    [[{ op: 'jump', path: '/a' }]],
    [{ op: 'add' }],
  ])('refuses %j', patch => expect(() => jsonPatch({ a: 1, list: [], o: {} }, patch)).toThrow(ApiError));
  test('leaves what it patches alone', () => {
    const target = { a: { b: 1 } };
    jsonPatch(target, [{ op: 'replace', path: '/a/b', value: 2 }]);
    expect(target).toEqual({ a: { b: 1 } });
  });
});

test('merge patch: RFC 7396, appendix A', () => {
  expect(mergePatch({ a: 'b', c: { d: 'e', f: 'g' } }, { a: 'z', c: { f: null } })).toEqual({ a: 'z', c: { d: 'e' } });
  expect(mergePatch({ a: [{ b: 'c' }] }, { a: [1] })).toEqual({ a: [1] });
  expect(mergePatch({ e: null }, { a: 1 })).toEqual({ e: null, a: 1 });
  expect(mergePatch({}, { a: { bb: { ccc: null } } })).toEqual({ a: { bb: {} } });
  expect(mergePatch(['a'], { a: 1 })).toEqual({ a: 1 });
});

describe('strategic merge', () => {
  const pod = {
    spec: {
      containers: [
        { name: 'web', image: 'nginx', ports: [{ containerPort: 80 }] },
        { name: 'side', image: 'x' },
      ],
      nodeSelector: { a: '1' },
      tolerations: [{ key: 'a' }],
    },
  };
  const merge = (patch: unknown) => strategicMerge(pod, patch, PodDefinition) as typeof pod;
  test('merges lists by their key, and replaces the others', () => {
    const after = merge({
      spec: {
        containers: [
          { name: 'web', image: 'nginx:2', ports: [{ containerPort: 81 }] },
          { name: 'new', image: 'y' },
        ],
        tolerations: [{ key: 'b' }],
      },
    });
    expect(after.spec.containers).toEqual([
      { name: 'web', image: 'nginx:2', ports: [{ containerPort: 80 }, { containerPort: 81 }] },
      { name: 'side', image: 'x' },
      { name: 'new', image: 'y' },
    ]);
    expect(after.spec.tolerations).toEqual([{ key: 'b' }]);
  });
  test('knows its directives', () => {
    expect(merge({ spec: { containers: [{ name: 'side', $patch: 'delete' }] } }).spec.containers.map(c => c.name)).toEqual(['web']);
    expect(merge({ spec: { containers: [{ $patch: 'replace' }, { name: 'only', image: 'z' }] } }).spec.containers).toEqual([
      { name: 'only', image: 'z' },
    ]);
    expect(merge({ spec: { nodeSelector: { b: '2', $patch: 'replace' } } }).spec.nodeSelector).toEqual({ b: '2' });
    expect(merge({ spec: { nodeSelector: null } }).spec).not.toHaveProperty('nodeSelector');
    expect(merge({ spec: { $retainKeys: ['nodeSelector'] } }).spec).toEqual({ nodeSelector: { a: '1' } });
    expect(
      merge({ spec: { '$setElementOrder/containers': [{ name: 'side' }, { name: 'web' }] } }).spec.containers.map(c => c.name),
    ).toEqual(['side', 'web']);
    const finalizers = strategicMerge(
      { metadata: { finalizers: ['a', 'b'] } },
      { metadata: { '$deleteFromPrimitiveList/finalizers': ['a'], finalizers: ['c'] } },
      PodDefinition,
    );
    expect(finalizers).toEqual({ metadata: { finalizers: ['b', 'c'] } });
  });
  test('needs the key', () =>
    expect(() => merge({ spec: { containers: [{ image: 'x' }] } })).toThrow('does not contain declared merge key: name'));
});

describe('sets of fields', () => {
  const schema = rootSchema(ServiceDefinition);
  const service = { metadata: { labels: { app: 'web' } }, spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8080 }] } };
  test('name items of lists by their keys, and what is atomic as a whole', () => {
    expect(fieldsOf(service, schema).toJson()).toEqual({
      'f:metadata': { 'f:labels': { 'f:app': {} } },
      'f:spec': { 'f:selector': {}, 'f:ports': { 'k:{"port":80,"protocol":"TCP"}': { '.': {}, 'f:port': {}, 'f:targetPort': {} } } },
    });
  });
  test('tell what is new or other, and what is gone', () => {
    const after = { ...service, spec: { ports: [{ port: 80, targetPort: 9090 }], type: 'NodePort' } };
    const { changed, removed } = changes(service, after, schema);
    expect(changed.paths()).toEqual(['.spec.ports[port=80,protocol="TCP"].targetPort', '.spec.type']);
    expect(removed.paths()).toEqual(['.spec.selector']);
  });
  test('are sets', () => {
    const set = fc.letrec<{ tree: Record<string, unknown> }>(tie => ({
      tree: fc.dictionary(fc.constantFrom('f:a', 'f:b', 'f:c'), fc.oneof({ depthSize: 'small' }, fc.constant({}), tie('tree')), {
        maxKeys: 3,
      }),
    })).tree;
    fc.assert(
      fc.property(set, set, (a, b) => {
        const [x, y] = [FieldSet.fromJson({ 'f:root': a }), FieldSet.fromJson({ 'f:root': b })];
        expect(x.minus(y).union(x.and(y)).equals(x)).toBe(true);
        expect(x.union(y).minus(y).equals(x.minus(y))).toBe(true);
        expect(FieldSet.fromJson(x.toJson()).equals(x)).toBe(true);
      }),
    );
  });
});

describe('server-side apply', () => {
  const service = (spec: object, labels?: object): ApiObject =>
    ({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'web', ...(labels === undefined ? {} : { labels }) }, spec }) as ApiObject;
  const by = (name: string): Manager => ({ name, operation: 'Apply', apiVersion: 'v1', subresource: '' });
  const apply = (live: ApiObject | undefined, wanted: ApiObject, name: string, force = false) =>
    applyObject(live, wanted, ServiceDefinition, by(name), { force, time: '2026-03-01T12:00:00Z' }) as ApiObject & {
      spec: Record<string, unknown>;
    };

  test('takes away what a manager no longer wants and nobody else does', () => {
    const first = apply(
      undefined,
      service(
        {
          ports: [
            { port: 80, name: 'a' },
            { port: 81, name: 'b' },
          ],
          selector: { app: 'web' },
        },
        { a: '1', b: '2' },
      ),
      'one',
    );
    const other = apply(first, service({ ports: [{ port: 81, name: 'b' }] }), 'two');
    const after = apply(other, service({ ports: [{ port: 80, name: 'a' }] }, { a: '1' }), 'one');
    expect(after.spec).toEqual({
      ports: [
        { port: 80, name: 'a' },
        { port: 81, name: 'b' },
      ],
    });
    expect(after.metadata.labels).toEqual({ a: '1' });
    expect(apply(after, service({}), 'two').spec.ports).toEqual([{ port: 80, name: 'a' }]);
  });
  test('refuses to change what another set, unless it is forced', () => {
    const first = trackUpdate(
      undefined,
      service({ type: 'NodePort' }),
      ServiceDefinition,
      { ...by('kubectl-edit'), operation: 'Update' },
      '2026-03-01T12:00:00Z',
    );
    expect(() => apply(first, service({ type: 'LoadBalancer' }), 'one')).toThrow(
      'Apply failed with 1 conflict: conflict with "kubectl-edit" using v1 at 2026-03-01T12:00:00Z: .spec.type',
    );
    expect(apply(first, service({ type: 'NodePort' }), 'one').metadata.managedFields).toHaveLength(2);
    const forced = apply(first, service({ type: 'LoadBalancer' }), 'one', true);
    expect(forced.spec.type).toBe('LoadBalancer');
    expect(forced.metadata.managedFields).toMatchObject([{ manager: 'one', operation: 'Apply', fieldsV1: { 'f:spec': { 'f:type': {} } } }]);
  });
  test('again changes nothing, also not the time', () => {
    const first = apply(undefined, service({ type: 'NodePort' }), 'one');
    const again = applyObject(first, service({ type: 'NodePort' }), ServiceDefinition, by('one'), {
      force: false,
      time: '2030-01-01T00:00:00Z',
    });
    expect(again).toEqual(first);
  });
  test('an update takes what it changes from others', () => {
    const first = apply(undefined, service({ type: 'NodePort', sessionAffinity: 'None' }), 'one');
    const after = trackUpdate(
      first,
      { ...first, spec: { type: 'ClusterIP' } } as ApiObject,
      ServiceDefinition,
      { ...by('two'), operation: 'Update' },
      '2026-03-02T12:00:00Z',
    );
    expect(after.metadata.managedFields).toMatchObject([{ manager: 'two', fieldsV1: { 'f:spec': { 'f:type': {} } } }]);
  });
});
