import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ConfigMaps, Services } from '../../src/cluster/resources/index.ts';
import { Api } from './client.ts';

let api: Api;
beforeEach(async () => {
  api = await new Api({ history: 100 }, { stallMs: 300, requestMs: 300 }).start();
});
afterEach(async () => {
  await api.stop();
  expect(api.errors).toEqual([]);
});

const services = '/api/v1/namespaces/default/services';
const service = (name: string, spec: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name },
  spec: { ports: [{ port: 80 }], ...spec },
});

describe('who is let in', () => {
  test('nobody without the token, wherever he knocks', async () => {
    for (const path of ['/', '/api', '/api/v1/pods', '/version', '/healthz', '/openapi/v2', '/none'])
      expect(await api.get(path, { authorization: 'Bearer wrong' })).toMatchObject({
        code: 401,
        json: { kind: 'Status', reason: 'Unauthorized' },
      });
  });
});

describe('objects', () => {
  test('are created, read, replaced, patched and deleted', async () => {
    expect(await api.send('POST', services, service('web'))).toMatchObject({
      code: 201,
      json: { metadata: { namespace: 'default' }, spec: { type: 'ClusterIP' } },
    });
    expect((await api.send('POST', services, service('web'))).json).toMatchObject({ code: 409, reason: 'AlreadyExists' });
    const { json } = await api.get(`${services}/web`);
    expect((await api.send('PUT', `${services}/web`, { ...json, metadata: { ...json.metadata, labels: { a: '1' } } })).code).toBe(200);
    expect((await api.send('PUT', `${services}/web`, json)).json).toMatchObject({ code: 409, reason: 'Conflict' });
    expect((await api.patch(`${services}/web`, 'merge', { metadata: { labels: { a: null, b: '2' } } })).json.metadata.labels).toEqual({
      b: '2',
    });
    expect((await api.patch(`${services}/web`, 'json', [{ op: 'test', path: '/metadata/labels/b', value: '3' }])).code).toBe(422);
    expect(
      (await api.patch(`${services}/web`, 'strategic-merge', { spec: { ports: [{ port: 80, name: 'http' }] } })).json.spec.ports,
    ).toMatchObject([{ name: 'http', targetPort: 80 }]);
    expect(await api.send('DELETE', `${services}/web`)).toMatchObject({
      code: 200,
      json: { status: 'Success', details: { kind: 'services', name: 'web' } },
    });
    expect((await api.get(`${services}/web`)).json).toMatchObject({ code: 404, message: 'services "web" not found' });
  });
  test('are taken and given as YAML too', async () => {
    const yaml = 'apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {ports: [{port: 80}]}\n';
    expect((await api.send('POST', services, yaml, { 'content-type': 'application/yaml' })).code).toBe(201);
    expect((await api.get(`${services}/web`, { accept: 'application/yaml' })).text).toContain('kind: Service\n');
    expect((await api.get(`${services}/web`, { accept: 'image/png' })).code).toBe(406);
    expect((await api.send('POST', services, 'x', { 'content-type': 'application/cbor' })).code).toBe(415);
  });
  test('that are invalid are refused with every cause', async () => {
    const { json } = await api.send('POST', services, service('web', { type: 'Best', ports: [{ port: 70_000 }] }));
    expect(json).toMatchObject({ code: 422, reason: 'Invalid', details: { kind: 'Service', name: 'web' } });
    expect(json.details.causes).toContainEqual({
      reason: 'FieldValueInvalid',
      message: 'Invalid value: 70000: must be between 1 and 65535, inclusive',
      field: 'spec.ports[0].port',
    });
    expect(json.details.causes).toContainEqual({
      reason: 'FieldValueNotSupported',
      message: 'Unsupported value: "Best": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"',
      field: 'spec.type',
    });
  });
  test('with unknown fields are refused, warned of or taken, as the client asks', async () => {
    const strange = service('web', { portz: 1 });
    expect((await api.send('POST', `${services}?fieldValidation=Strict`, strange)).json).toMatchObject({
      code: 400,
      message: 'Service in version "v1" cannot be handled as a Service: strict decoding error: unknown field "spec.portz"',
    });
    expect((await api.send('POST', `${services}?fieldValidation=Warn&dryRun=All`, strange)).headers.warning).toBe(
      '299 - "unknown field \\"spec.portz\\""',
    );
    const taken = await api.send('POST', `${services}?fieldValidation=Ignore`, strange);
    expect(taken.headers.warning).toBeUndefined();
    expect(taken.json.spec).not.toHaveProperty('portz');
  });
  test('with a field of another type are refused', async () => {
    const { json } = await api.send('POST', services, service('web', { ports: [{ port: 'http' }] }));
    expect(json).toMatchObject({
      code: 400,
      message:
        'Service in version "v1" cannot be handled as a Service: json: cannot unmarshal string into Go struct field spec.ports.port of type int32',
    });
  });
  test('are not written by a dry run', async () => {
    expect((await api.send('POST', `${services}?dryRun=All`, service('web'))).code).toBe(201);
    expect((await api.get(`${services}/web`)).code).toBe(404);
    expect((await api.send('POST', `${services}?dryRun=Some`, service('web'))).code).toBe(400);
  });
  test('of other kinds, names and namespaces than the path says are refused', async () => {
    expect((await api.send('POST', services, { ...service('web'), kind: 'Pod' })).code).toBe(400);
    expect((await api.send('POST', services, { ...service('web'), metadata: { name: 'web', namespace: 'other' } })).json.message).toContain(
      'namespace',
    );
    expect((await api.send('PUT', `${services}/other`, service('web'))).json.message).toContain('does not match the name on the URL');
    expect((await api.send('POST', services, [1])).code).toBe(400);
    expect((await api.send('POST', services, '{"a":')).code).toBe(400);
  });
  test.each([
    '/api/v2/pods',
    '/apis/none/v1/pods',
    '/api/v1/nones',
    '/api/v1/namespaces/default/nodes',
    '/api/v1/pods/web',
    '/api/v1/namespaces/default/services/a/none',
    '/%ff',
    '/api/v1/services/a/b/c',
  ])('nothing is found at %s', async path => expect([400, 404]).toContain((await api.get(path)).code));
  test('are applied, with the book of who set what', async () => {
    const one = await api.patch(`${services}/web?fieldManager=one`, 'apply', service('web', { type: 'NodePort' }));
    expect(one).toMatchObject({ code: 201, json: { metadata: { managedFields: [{ manager: 'one', operation: 'Apply' }] } } });
    const conflict = await api.patch(`${services}/web?fieldManager=two`, 'apply', service('web', { type: 'LoadBalancer' }));
    expect(conflict.json).toMatchObject({
      code: 409,
      reason: 'Conflict',
      details: { causes: [{ reason: 'FieldManagerConflict', field: '.spec.type', message: 'conflict with "one"' }] },
    });
    expect(
      (await api.patch(`${services}/web?fieldManager=two&force=true`, 'apply', service('web', { type: 'LoadBalancer' }))).json.spec.type,
    ).toBe('LoadBalancer');
    expect((await api.patch(`${services}/web`, 'apply', service('web'))).code).toBe(400);
  });
  test('are scaled', async () => {
    const template = { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'web', image: 'nginx' }] } };
    await api.send('POST', '/apis/apps/v1/namespaces/default/deployments', {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'web' },
      spec: { selector: { matchLabels: { app: 'web' } }, template },
    });
    const path = '/apis/apps/v1/namespaces/default/deployments/web/scale';
    expect((await api.get(path)).json).toMatchObject({
      kind: 'Scale',
      apiVersion: 'autoscaling/v1',
      spec: { replicas: 1 },
      status: { replicas: 0, selector: 'app=web' },
    });
    expect((await api.patch(path, 'merge', { spec: { replicas: 5 } })).json.spec.replicas).toBe(5);
    expect((await api.patch(path, 'merge', { spec: { replicas: -1 } })).json).toMatchObject({ code: 422 });
    expect((await api.get('/apis/apps/v1/namespaces/default/deployments/web')).json.metadata.managedFields).toContainEqual(
      expect.objectContaining({ subresource: 'scale' }),
    );
  });
  test('are deleted by label', async () => {
    for (const name of ['a', 'b', 'c'])
      api.store.create(Services, { ...service(name), metadata: { name, labels: { keep: String(name === 'c') } } } as never);
    expect((await api.send('DELETE', `${services}?labelSelector=keep%3Dfalse`)).json.items).toHaveLength(2);
    expect((await api.get(services)).json.items).toMatchObject([{ metadata: { name: 'c' } }]);
  });
});

describe('lists', () => {
  test('come in pages, as tables, and as metadata alone', async () => {
    for (const name of ['a', 'b', 'c']) api.store.create(Services, service(name) as never);
    const first = (await api.get(`${services}?limit=2`)).json;
    expect(first.metadata.remainingItemCount).toBe(1);
    expect((await api.get(`${services}?limit=2&continue=${first.metadata.continue}`)).json.items).toMatchObject([
      { metadata: { name: 'c' } },
    ]);
    const table = (await api.get(services, { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json' })).json;
    expect(table).toMatchObject({
      kind: 'Table',
      apiVersion: 'meta.k8s.io/v1',
      rows: [
        {
          cells: ['a', 'ClusterIP', '<none>', '<none>', '80/TCP', expect.any(String), '<none>'],
          object: { kind: 'PartialObjectMetadata' },
        },
        {},
        {},
      ],
    });
    const slim = (await api.get(services, { accept: 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io' })).json;
    expect(slim.items[0]).not.toHaveProperty('spec');
  });
  test('of the future are refused, of an exact past are given', async () => {
    api.store.create(Services, service('a') as never);
    const { revision } = api.store;
    api.store.create(Services, service('b') as never);
    expect((await api.get(`${services}?resourceVersion=999999`)).json).toMatchObject({
      code: 504,
      details: { causes: [{ reason: 'ResourceVersionTooLarge' }] },
    });
    expect((await api.get(`${services}?resourceVersion=${revision}&resourceVersionMatch=Exact`)).json.items).toHaveLength(1);
    expect((await api.get(`${services}?resourceVersion=x`)).code).toBe(400);
    expect((await api.get(`${services}?fieldSelector=spec.nothing%3D1`)).code).toBe(400);
  });
});

describe('watches', () => {
  test('tell what changes after a list', async () => {
    api.store.create(Services, service('a') as never);
    const { resourceVersion } = (await api.get(services)).json.metadata;
    const events = api.watch(`${services}?watch=1&resourceVersion=${resourceVersion}`, 2, {}, () => {
      api.store.create(Services, service('b') as never);
      api.store.delete(Services, 'default', 'a');
    });
    expect(await events).toMatchObject([
      { type: 'ADDED', object: { metadata: { name: 'b' } } },
      { type: 'DELETED', object: { metadata: { name: 'a' } } },
    ]);
  });
  test('tell first what is there, mark the end of it, and follow one object as a table', async () => {
    for (const name of ['a', 'b']) api.store.create(Services, service(name) as never);
    const initial = await api.watch(
      `${services}?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true`,
      3,
    );
    expect(initial).toMatchObject([
      { type: 'ADDED' },
      { type: 'ADDED' },
      { type: 'BOOKMARK', object: { metadata: { annotations: { 'k8s.io/initial-events-end': 'true' } } } },
    ]);
    const [row] = await api.watch(`${services}?watch=1&fieldSelector=metadata.name%3Db`, 1, {
      accept: 'application/json;as=Table;v=v1;g=meta.k8s.io',
    });
    expect(row).toMatchObject({
      type: 'ADDED',
      object: { kind: 'Table', rows: [{ cells: ['b', 'ClusterIP', '<none>', '<none>', '80/TCP', expect.any(String), '<none>'] }] },
    });
  });
  test('of a past that is gone are told so', async () => {
    const { revision } = api.store;
    for (let i = 0; i < 150; i++) api.store.create(Services, service(`s${i}`) as never);
    // Those inside the process hold the past until they have read it.
    await new Promise(resolve => setImmediate(resolve));
    expect((await api.get(`${services}?watch=1&resourceVersion=${revision}`)).json).toMatchObject({ code: 410, reason: 'Expired' });
  });
  test('end after their time', async () => {
    expect(await api.watch(`${services}?watch=1&timeoutSeconds=1`, 99)).toEqual([]);
    expect(api.server.watches).toBe(0);
  });
  test('that nobody reads are cut, and hold nothing', async () => {
    const socket = connect(api.port, '127.0.0.1');
    socket.write(`GET /api/v1/configmaps?watch=1 HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer sesame\r\n\r\n`);
    await once(socket, 'readable');
    const closed = new Promise<void>(resolve => void socket.on('close', () => resolve()));
    const data = { text: 'x'.repeat(200_000) };
    for (let i = 0; i < 60; i++)
      api.store.create(ConfigMaps, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: `c${i}`, namespace: 'default' }, data });
    // The client only listens for the end of it: what came is not taken from the kernel until the server has gone.
    while (api.server.watches > 0) await new Promise(resolve => setTimeout(resolve, 20));
    socket.resume();
    await closed;
    expect(api.server.connections).toBe(0);
  });
});

describe('bad input', () => {
  test('half a request is not waited for for ever', async () => {
    for (const half of [
      'GET /api/v1/pods HTTP/1.1\r\nHost: a\r\n',
      `POST ${services} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer sesame\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{"a"`,
    ]) {
      const socket = connect(api.port, '127.0.0.1').resume();
      socket.write(half);
      await once(socket, 'close');
    }
    while (api.server.connections > 0) await new Promise(resolve => setTimeout(resolve, 20));
  });
  test('a body that is too large is refused, whether it says its length or not', async () => {
    expect((await api.send('POST', services, `"${'x'.repeat(4 << 20)}"`)).json).toMatchObject({
      code: 413,
      reason: 'RequestEntityTooLarge',
    });
    const sent = api.open('POST', services, { 'transfer-encoding': 'chunked' });
    sent.on('error', () => {});
    const answer = once(sent, 'response');
    for (let i = 0; i < 5; i++) sent.write('x'.repeat(1 << 20));
    const [response] = (await answer) as [{ statusCode: number }];
    expect(response.statusCode).toBe(413);
    sent.destroy();
  });
  test('rubbish is answered, and nothing falls over', async () => {
    for (const rubbish of [
      '\x00\x01\x02\r\n\r\n',
      'GET http://[ HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer sesame\r\n\r\n',
      `GET /${'x'.repeat(60_000)} HTTP/1.1\r\n\r\n`,
    ]) {
      const socket = connect(api.port, '127.0.0.1').resume();
      socket.on('error', () => {});
      socket.end(rubbish);
      await once(socket, 'close');
    }
    expect((await api.get('/healthz')).text).toBe('ok');
  });
});

describe('what it says of itself', () => {
  test('old and new discovery name the same resources', async () => {
    const legacy = new Set<string>();
    for (const path of ['/api/v1', '/apis/apps/v1', '/apis/discovery.k8s.io/v1', '/apis/coordination.k8s.io/v1'])
      for (const { name } of (await api.get(path)).json.resources) legacy.add(name);
    const accept = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json';
    const aggregated = new Set<string>();
    for (const path of ['/api', '/apis']) {
      const { json, headers } = await api.get(path, { accept });
      expect(headers['content-type']).toBe('application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList');
      for (const item of json.items)
        for (const { resource, subresources } of item.versions[0].resources) {
          aggregated.add(resource);
          for (const { subresource } of subresources) aggregated.add(`${resource}/${subresource}`);
        }
    }
    expect(aggregated).toEqual(legacy);
    expect((await api.get('/apis')).json.groups.map((g: { name: string }) => g.name)).toEqual([
      'apps',
      'coordination.k8s.io',
      'discovery.k8s.io',
    ]);
  });
  test('OpenAPI has every kind, in both versions, and is not sent twice', async () => {
    const { paths } = (await api.get('/openapi/v3')).json;
    expect(Object.keys(paths)).toEqual(['api/v1', 'apis/apps/v1', 'apis/coordination.k8s.io/v1', 'apis/discovery.k8s.io/v1']);
    const { json, headers } = await api.get(paths['apis/apps/v1'].serverRelativeURL);
    const { patch } = json.paths['/apis/apps/v1/namespaces/{namespace}/deployments/{name}'];
    expect(patch.parameters.map((p: { name: string }) => p.name)).toEqual(['dryRun', 'fieldManager', 'fieldValidation', 'force']);
    expect(json.components.schemas['io.k8s.api.apps.v1.DeploymentSpec'].required).toEqual(['selector', 'template']);
    expect((await api.get('/openapi/v3/apis/apps/v1', { 'if-none-match': headers.etag! })).code).toBe(304);
    const v2 = (await api.get('/openapi/v2')).json;
    expect(v2.definitions['io.k8s.api.core.v1.ServiceSpec'].properties.ports['x-kubernetes-patch-merge-key']).toBe('port');
    const refs = JSON.stringify(v2).matchAll(/"#\/definitions\/([^"]+)"/g);
    for (const [, name] of refs) expect(v2.definitions).toHaveProperty([name!]);
  });
});

test('streams of Pods: SPDY is told what to do, and nothing is opened where nothing runs Pods', async () => {
  api.store.create(api.store.type('pods')!, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web' },
    spec: { containers: [{ name: 'web', image: 'nginx' }] },
  } as never);
  const path = '/api/v1/namespaces/default/pods/web/exec?command=sh';
  const spdy = await api.send('POST', path, undefined, { connection: 'Upgrade', upgrade: 'SPDY/3.1' });
  expect(spdy.json).toMatchObject({ code: 400, message: expect.stringContaining('kubehop exec web') });
  expect((await api.send('GET', path, undefined, { connection: 'Upgrade', upgrade: 'websocket' })).code).toBe(503);
  expect(
    (await api.send('GET', path, undefined, { connection: 'Upgrade', upgrade: 'websocket', authorization: 'Bearer wrong' })).code,
  ).toBe(401);
  expect((await api.get('/api/v1/namespaces/default/pods/web/log')).code).toBe(503);
});
