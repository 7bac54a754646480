import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ApiClient } from '../../../src/cluster/client/api-client.ts';
import { readCluster } from '../../../src/cluster/client/cluster-objects.ts';
import { withCredential } from '../../../src/cluster/client/exec-credential.ts';
import { type ClusterAccess, readKubeconfig, usualKubeconfigs } from '../../../src/cluster/client/kubeconfig.ts';
import { Certificates, FakeApi, lacking, node, service, slice, status } from './fake-api.ts';

describe.skipIf(lacking !== '')(lacking === '' ? 'a client of the API' : `a client of the API (skipped: ${lacking})`, () => {
  let pki: Certificates;
  let api: FakeApi;
  let server: string;
  beforeAll(() => {
    pki = new Certificates();
  });
  afterAll(() => pki.close());
  beforeEach(async () => {
    api = new FakeApi(pki);
    server = await api.listen();
    api.lists.set('/api/v1/services', [service('web', '10.96.0.10'), service('api', '10.96.0.11'), service('db', '10.96.0.12')]);
    api.lists.set('/apis/discovery.k8s.io/v1/endpointslices', [slice('web', ['10.244.1.2'])]);
    api.lists.set('/api/v1/nodes', [node('node1', '192.168.56.11')]);
    return () => api.close();
  });

  const access = (more: Partial<ClusterAccess> = {}): ClusterAccess => ({
    context: 'test',
    server: new URL(server),
    ca: pki.text('ca.crt'),
    insecure: false,
    ...more,
  });
  const kubeconfig = (user: object, cluster: object = {}): string => {
    const file = pki.path('config');
    const config = {
      'current-context': 'test',
      clusters: [{ name: 'c', cluster: { server, 'certificate-authority-data': pki.data('ca.crt'), ...cluster } }],
      users: [{ name: 'u', user }],
      contexts: [
        { name: 'test', context: { cluster: 'c', user: 'u' } },
        { name: 'anonymous', context: { cluster: 'c' } },
        { name: 'lost', context: { cluster: 'gone', user: 'u' } },
      ],
    };
    writeFileSync(file, JSON.stringify(config));
    return file;
  };

  test('reads Services, EndpointSlices and Nodes with nothing but GET', async () => {
    const objects = (await readCluster(access())).flatMap(page => page.objects);
    expect(objects.map(o => `${o.object.kind} ${o.object.metadata.name}`).sort()).toEqual([
      'EndpointSlice web-abc',
      'Node node1',
      'Service api',
      'Service db',
      'Service web',
    ]);
    expect(objects.flatMap(o => o.errors)).toEqual([]);
    expect(new Set(api.asked.map(a => a.method))).toEqual(new Set(['GET']));
  });

  test('a list comes in pages; one that has expired meanwhile is asked for once more, whole', async () => {
    const client = new ApiClient(access(), 2);
    const names = (pages: string[]) => pages.flatMap(p => JSON.parse(p).items.map((i: { metadata: { name: string } }) => i.metadata.name));
    expect(names(await client.list('/api/v1/services'))).toEqual(['web', 'api', 'db']);
    expect(api.asked.map(a => a.url)).toEqual(['/api/v1/services?limit=2', '/api/v1/services?limit=2&continue=2']);
    api.answer = ({ url }) => (url.includes('continue') ? status(410, 'The provided continue parameter is too old') : undefined);
    expect(names(await client.list('/api/v1/services'))).toEqual(['web', 'api', 'db']);
    expect(api.asked.at(-1)!.url).toBe('/api/v1/services');
    client.close();
  });

  test('a server below a path is asked there', async () => {
    api.lists.set('/k8s/clusters/c-1/api/v1/nodes', []);
    const client = new ApiClient(access({ server: new URL(`${server}/k8s/clusters/c-1/`) }));
    await client.list('/api/v1/nodes');
    expect(api.asked.map(a => a.url)).toEqual(['/k8s/clusters/c-1/api/v1/nodes?limit=500']);
    client.close();
  });

  test.each([
    [403, 'services is forbidden: User "reader" cannot list resource "services"', /403 Forbidden: services is forbidden: User "reader"/],
    [401, 'Unauthorized', /401 Unauthorized: Unauthorized/],
    [500, '<html>oops</html>', /500 Internal Server Error: .*oops/],
  ])('%i is told in the words of the server', async (code, message, said) => {
    api.answer = () => status(code, message);
    await expect(readCluster(access())).rejects.toMatchObject({ code: 'API', message: expect.stringMatching(said) });
  });

  test('an answer that is no JSON, and a server that is not there', async () => {
    api.answer = () => ({ status: 200, body: '<html>' });
    await expect(readCluster(access())).rejects.toThrow('the answer is not JSON');
    await expect(readCluster(access({ server: new URL('https://127.0.0.1:1') }))).rejects.toThrow(/ECONNREFUSED/);
  });

  test('a server with a certificate of somebody else is not believed, unless the kubeconfig says so', async () => {
    const { ca: _, ...strangers } = access();
    await expect(readCluster(strangers)).rejects.toThrow(/SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_VERIFY/);
    expect(api.asked).toEqual([]);
    await readCluster({ ...strangers, insecure: true });
    await expect(readCluster(access({ serverName: 'another-name' }))).rejects.toThrow(/ERR_TLS_CERT_ALTNAME_INVALID/);
    await readCluster(access({ serverName: 'kubernetes' }));
  });

  describe('a kubeconfig', () => {
    test('with a client certificate, as data and as files beside it', async () => {
      await readCluster(
        readKubeconfig(kubeconfig({ 'client-certificate-data': pki.data('client.crt'), 'client-key-data': pki.data('client.key') })),
      );
      const paths = kubeconfig(
        { 'client-certificate': 'client.crt', 'client-key': pki.path('client.key') },
        { 'certificate-authority-data': undefined, 'certificate-authority': 'ca.crt' },
      );
      await readCluster(readKubeconfig(paths));
      expect(new Set(api.asked.map(a => a.user))).toEqual(new Set(['reader']));
      expect(api.asked).toHaveLength(6);
    });

    test('with a token, a token file, a password', async () => {
      writeFileSync(pki.path('token'), 'from-a-file\n');
      for (const user of [{ token: 'secret' }, { token: 'old', tokenFile: 'token' }, { username: 'me', password: 'pw' }])
        await readCluster(readKubeconfig(kubeconfig(user)));
      expect([...new Set(api.asked.map(a => a.authorization))]).toEqual([
        'Bearer secret',
        'Bearer from-a-file',
        `Basic ${Buffer.from('me:pw').toString('base64')}`,
      ]);
    });

    test('with a program that gives a credential', async () => {
      const credential =
        'JSON.stringify({ status: { token: JSON.parse(process.env.KUBERNETES_EXEC_INFO).spec.cluster.server + process.env.MORE } })';
      const exec = {
        apiVersion: 'client.authentication.k8s.io/v1',
        command: process.execPath,
        args: ['-e', `console.log(${credential})`],
        env: [{ name: 'MORE', value: '-more' }],
        provideClusterInfo: true,
      };
      await readCluster(readKubeconfig(kubeconfig({ exec })));
      expect(api.asked[0]!.authorization).toBe(`Bearer ${server}-more`);
    });

    test.each([
      [{ command: 'false' }, /exec plugin "false": exit 1/],
      [{ command: 'no-such-plugin', installHint: 'install it' }, /exec plugin "no-such-plugin": ENOENT: install it/],
      [{ command: 'true' }, /its answer is not JSON/],
      [{ command: 'echo', args: ['{}'] }, /neither a token nor a certificate/],
      [{ command: 'true', apiVersion: 'client.authentication.k8s.io/v1alpha1' }, /apiVersion .*v1alpha1": expected one of/],
    ])('a program that gives none: %j', (exec, said) => {
      const file = kubeconfig({ exec: { apiVersion: 'client.authentication.k8s.io/v1', ...exec } });
      expect(() => withCredential(readKubeconfig(file))).toThrow(said);
    });

    test('by the name of a context', () => {
      expect(readKubeconfig(kubeconfig({ token: 'x' }), 'anonymous').authorization).toBeUndefined();
      expect(() => readKubeconfig(kubeconfig({}), 'prod')).toThrow('there is no context "prod": there are test, anonymous, lost');
      expect(() => readKubeconfig(kubeconfig({}), 'lost')).toThrow('context "lost": there is no cluster "gone"');
    });

    describe('of several files', () => {
      /** In a folder of its own. */
      const file = (folder: string, config: object): string => {
        const path = pki.path(`${folder}/config`);
        mkdirSync(pki.path(folder), { recursive: true });
        writeFileSync(path, JSON.stringify(config));
        return path;
      };
      const cluster = (name: string, host: string, more: object = {}) => ({ name, cluster: { server: `https://${host}`, ...more } });
      const context = (name: string, to: string, user: string) => ({ name, context: { cluster: to, user } });
      const first = () =>
        file('first', {
          clusters: [cluster('red', 'red.one')],
          users: [{ name: 'me', user: { tokenFile: 'token' } }],
          contexts: [context('work', 'red', 'me')],
        });
      const second = () =>
        file('second', {
          'current-context': 'home',
          clusters: [
            cluster('red', 'red.two', { 'tls-server-name': 'two' }),
            cluster('blue', 'blue.two', { 'certificate-authority': 'ca' }),
          ],
          users: [{ name: 'me', user: { username: 'two', password: 'x' } }],
          contexts: [context('home', 'blue', 'me'), context('work', 'blue', 'me')],
        });
      const third = () => file('third', { 'current-context': 'nowhere', contexts: [context('red two', 'red', '')] });
      beforeEach(() => {
        const files = [first(), second(), third()];
        writeFileSync(join(dirname(files[0]!), 'token'), 'of the first\n');
        writeFileSync(join(dirname(files[1]!), 'ca'), 'CA of the second');
      });

      test('is one: of each name the first that has it counts, whole; paths are those of its own file', () => {
        const files = [first(), second(), third()];
        const home = readKubeconfig(files);
        expect(home).toMatchObject({ context: 'home', ca: 'CA of the second', authorization: 'Bearer of the first' });
        expect(home.server.host).toBe('blue.two');
        const work = readKubeconfig(files, 'work');
        expect([work.server.host, work.serverName, work.ca]).toEqual(['red.one', undefined, undefined]);
        expect(readKubeconfig(files, 'red two')).toMatchObject({ server: new URL('https://red.one') });
        expect(() => readKubeconfig(files.toReversed())).toThrow('there is no context "nowhere": there are red two, home, work');
        expect(readKubeconfig(files.toReversed(), 'work').authorization).toBe(`Basic ${btoa('two:x')}`);
      });

      test('those that are not there are passed over, but not all of them, and not one that is no kubeconfig', () => {
        expect(readKubeconfig(['', pki.path('none'), second(), second()]).context).toBe('home');
        expect(() => readKubeconfig([pki.path('none'), pki.path('nor this')])).toThrow(
          /cannot read kubeconfig: none of .*none, .*nor this is there/,
        );
        writeFileSync(pki.path('broken'), 'clusters: 7');
        expect(() => readKubeconfig([second(), pki.path('broken')])).toThrow(/broken: clusters: /);
      });

      test('are those of KUBECONFIG, or the one at home', () => {
        expect(usualKubeconfigs({ KUBECONFIG: '/a:/b:' }, '/root')).toEqual(['/a', '/b', '']);
        expect(usualKubeconfigs({ KUBECONFIG: '' }, '/root')).toEqual(['/root/.kube/config']);
      });
    });

    test.each([
      ['a: [', /config: /],
      ['clusters: 7', /config: clusters: /],
      ['{}', /no current-context: say --context NAME: there are none/],
      [JSON.stringify({ clusters: [{ name: 'c', cluster: {} }] }), /config: clusters.0.cluster.server: /],
    ])('that is none is said with the place: %s', (text, said) => {
      writeFileSync(pki.path('config'), text);
      expect(() => readKubeconfig(pki.path('config'))).toThrow(said);
    });

    test.each([
      [{}, { server: 'ftp://x' }, /server: neither https nor http/],
      [{}, { server: 'x y' }, /server: not a URL: "x y"/],
      [{}, { 'proxy-url': 'http://proxy' }, /proxy-url is not supported/],
      [{}, { 'certificate-authority-data': 'bm8=' }, /certificate-authority-data: not PEM in base64/],
      [{ 'auth-provider': { name: 'gcp' } }, {}, /auth-provider is not supported/],
      [{ tokenFile: '/nowhere' }, {}, /cannot read tokenFile: \/nowhere: ENOENT/],
    ])('that cannot be used: %j %j', (user, cluster, said) => {
      expect(() => readKubeconfig(kubeconfig(user, cluster))).toThrow(said);
    });

    test('that is not there', () => {
      expect(() => readKubeconfig(pki.path('none'))).toThrow(/cannot read kubeconfig: .*: ENOENT/);
    });
  });
});
