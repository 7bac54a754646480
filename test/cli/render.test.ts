import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Exit, Io } from '../../src/cli/io.ts';
import { run } from '../../src/cli/program.ts';
import { readRuleSet } from '../../src/netfilter/text/read.ts';
import { writeRuleSet } from '../../src/netfilter/text/write.ts';
import { Certificates, FakeApi, lacking, node, service, slice, status } from '../cluster/client/fake-api.ts';

const folder = mkdtempSync(join(tmpdir(), 'kubehop-render-'));
afterAll(() => rmSync(folder, { recursive: true }));

async function render(...words: string[]) {
  const said = { out: '', err: '' };
  const io = new Io({
    out: text => {
      said.out += text;
    },
    err: text => {
      said.err += text;
    },
    outColour: false,
    errColour: false,
  });
  return { exit: await run(['render', ...words], io), ...said };
}
const file = (name: string, content: unknown): string => {
  const path = join(folder, name);
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
};
const typed = (kind: string, object: object): object => ({
  apiVersion: kind === 'EndpointSlice' ? 'discovery.k8s.io/v1' : 'v1',
  kind,
  ...object,
});
const web = [typed('Service', service('web', '10.96.0.10')), typed('EndpointSlice', slice('web', ['10.244.1.2']))];

describe('kubehop render', () => {
  test('asks where the objects are', async () => {
    expect(await render('--node', 'node1')).toMatchObject({
      exit: Exit.Usage,
      err: expect.stringContaining('say where the objects are: --objects FILE, or --kubeconfig FILE'),
    });
  });

  test('an object that is not valid is said with its cause; the others are rendered', async () => {
    const bad = { ...web[0], metadata: { name: 'bad' }, spec: { clusterIP: '10.96.0.11', ports: [{ port: 0 }] } };
    const { exit, out, err } = await render('--objects', file('bad.json', [...web, bad]), '--node', 'node1');
    expect(exit).toBe(Exit.Usage);
    expect(err).toContain('Service "bad" is invalid: spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive');
    expect(out).toContain('--to-destination 10.244.1.2:8080');
    expect(out).not.toContain('default/bad');
  });
});

describe.skipIf(lacking !== '')(lacking === '' ? 'from a cluster' : `from a cluster (skipped: ${lacking})`, () => {
  let pki: Certificates;
  let api: FakeApi;
  let config: string;
  beforeAll(async () => {
    pki = new Certificates();
    api = new FakeApi(pki);
    const server = await api.listen();
    api.lists.set('/api/v1/services', [service('web', '10.96.0.10')]);
    api.lists.set('/apis/discovery.k8s.io/v1/endpointslices', [slice('web', ['10.244.1.2'])]);
    api.lists.set('/api/v1/nodes', [node('node1', '192.168.56.11')]);
    config = file('config', {
      'current-context': 'lab',
      clusters: [{ name: 'c', cluster: { server, 'certificate-authority-data': pki.data('ca.crt') } }],
      users: [{ name: 'u', user: { token: 'secret' } }],
      contexts: [{ name: 'lab', context: { cluster: 'c', user: 'u' } }],
    });
  });
  afterAll(async () => {
    await api.close();
    pki.close();
  });
  const options = ['--node', 'node1', '--cluster-cidr', '10.244.0.0/16'];

  test('gives the same rules as the same objects from a file', async () => {
    const fromFile = await render('--objects', file('web.json', [...web, typed('Node', node('node1', '192.168.56.11'))]), ...options);
    const fromCluster = await render('--kubeconfig', config, ...options);
    expect(fromCluster.exit).toBe(Exit.Well);
    expect(fromCluster.out).toBe(fromFile.out);
    expect(fromCluster.err).toMatch(/^reading from 127\.0\.0\.1:\d+, context lab\n$/);
    expect(api.asked.every(a => a.method === 'GET' && a.authorization === 'Bearer secret')).toBe(true);
  });

  test('compares with a node', async () => {
    const { out } = await render('--kubeconfig', config, ...options, '--full');
    const saved = (text: string) => file('saved', writeRuleSet(readRuleSet(text).ruleSet));
    const same = await render('--kubeconfig', config, ...options, '--diff', saved(out));
    expect(same).toMatchObject({ exit: Exit.Well, out: '' });
    const less = out.replace(/^-A KUBE-SEP.* -j DNAT.*\n/m, '');
    const differs = await render('--kubeconfig', config, ...options, '--diff', saved(less));
    expect(differs).toMatchObject({
      exit: Exit.Different,
      out: expect.stringMatching(/^missing nat {4}.*DNAT.*# EndpointSlice default\/web-abc field endpoints\[0\]\.addresses\[0\]\n$/),
    });
  });

  test('what the server refuses is said, with what to try', async () => {
    api.answer = () => status(403, 'nodes is forbidden');
    expect(await render('--kubeconfig', config, ...options)).toMatchObject({
      exit: Exit.Usage,
      out: '',
      err: expect.stringMatching(/error API: GET \/.* 403 Forbidden: nodes is forbidden\nhint: ask the same by `kubectl/),
    });
    api.answer = () => undefined;
  });

  test('a node that the cluster has not', async () => {
    expect(await render('--kubeconfig', config, '--node', 'node9')).toMatchObject({
      exit: Exit.Usage,
      err: expect.stringContaining('there is no Node "node9" among the objects: there are node1'),
    });
  });
});
