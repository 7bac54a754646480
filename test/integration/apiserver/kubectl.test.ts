import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { writeKubeconfig } from '../../../src/apiserver/kubeconfig.ts';
import { Authority } from '../../../src/apiserver/tls/certificate.ts';
import { Deployments, Events, Services } from '../../../src/cluster/resources/index.ts';
import { Lab } from './kubectl-lab.ts';
import { type Kubectl, kubectls, type Ran, run } from './kubectls.ts';

const MANIFESTS = join(import.meta.dirname, '../../fixtures/manifests');
const manifest = (name: string): string => join(MANIFESTS, `${name}.yaml`);
const found = kubectls();

test('there is a kubectl, and an old one', () => {
  expect(found.map(({ minor }) => minor)).not.toEqual([]);
});

describe.each(found)('kubectl 1.$minor', ({ path, minor }: Kubectl) => {
  let lab: Lab;
  beforeEach(async () => {
    lab = await new Lab().start();
  });
  afterEach(() => lab.stop());

  const kubectl = (...args: string[]): Promise<Ran> => run(path, args, lab.env);
  /** What it prints when it succeeds. */
  const says = async (...args: string[]): Promise<string> => {
    const { code, out, err } = await kubectl(...args);
    if (code !== 0) throw new Error(`kubectl ${args.join(' ')}: ${err}`);
    return out;
  };
  const applied = (...names: string[]): Promise<string> => says('apply', ...names.flatMap(name => ['-f', manifest(name)]));

  test('apply, again, changed, and delete', async () => {
    expect(await applied('nodeport-demo')).toBe('deployment.apps/web-nodeport-demo created\nservice/web-nodeport-svc created\n');
    expect(await applied('nodeport-demo')).toBe('deployment.apps/web-nodeport-demo unchanged\nservice/web-nodeport-svc unchanged\n');
    const changed = join(lab.folder, 'changed.yaml');
    writeFileSync(
      changed,
      readFileSync(manifest('nodeport-demo'), 'utf8').replace('replicas: 2', 'replicas: 3').replace('nginx:alpine', 'nginx:1.27'),
    );
    const diff = await kubectl('diff', '-f', changed);
    expect(diff).toMatchObject({ code: 1, out: expect.stringMatching(/^-\s+replicas: 2\n\+\s+replicas: 3$/m) });
    expect(await says('apply', '-f', changed)).toContain('deployment.apps/web-nodeport-demo configured');
    expect((await kubectl('diff', '-f', changed)).code).toBe(0);
    expect(lab.store.get(Deployments, 'default', 'web-nodeport-demo').spec).toMatchObject({
      replicas: 3,
      template: { spec: { containers: [{ image: 'nginx:1.27' }] } },
    });
    expect(await says('delete', '-f', changed)).toContain('service "web-nodeport-svc" deleted');
    expect(lab.store.count(Services)).toBe(0);
  });

  test('every whole manifest, as printed', async () => {
    for (const name of readdirSync(MANIFESTS).filter(file => file.endsWith('.yaml')))
      expect(await says('apply', '-f', join(MANIFESTS, name))).toMatch(/ (created|configured|unchanged)\n/);
    expect(await says('get', 'svc', '-o', 'name')).toBe(
      ['backend-service', 'external-db', 'my-db', 'my-service', 'nginx-svc', 'web-nodeport-svc', 'web-service']
        .map(name => `service/${name}\n`)
        .join(''),
    );
    expect(await says('get', 'endpointslices')).toMatch(/^my-service-xxxx +IPv4 +8080 +10\.42\.1\.23,10\.42\.2\.45 +\d+s$/m);
  });

  test('apply --server-side, its conflicts, and who may force them', async () => {
    await says('apply', '--server-side', '--field-manager=one', '-f', manifest('web-service-nodeport'));
    expect(await says('apply', '--server-side', '--field-manager=one', '-f', manifest('web-service-nodeport'))).toBe(
      'service/web-service serverside-applied\n',
    );
    const other = await kubectl('apply', '--server-side', '--field-manager=two', '-f', manifest('web-service-loadbalancer'));
    expect(other.code).not.toBe(0);
    expect(other.err).toContain('conflict with "one": .spec.type');
    await says('apply', '--server-side', '--field-manager=two', '--force-conflicts', '-f', manifest('web-service-loadbalancer'));
    expect(lab.store.get(Services, 'default', 'web-service').spec?.type).toBe('LoadBalancer');
  });

  test('get: wide, json, yaml, jsonpath, columns, selectors', async () => {
    await applied('nodeport-demo', 'web-service-loadbalancer', 'external-db');
    const table = await says('get', 'svc,deploy', '-o', 'wide');
    expect(table).toMatch(/NAME +TYPE +CLUSTER-IP +EXTERNAL-IP +PORT\(S\) +AGE +SELECTOR/);
    expect(table).toMatch(/service\/web-nodeport-svc +NodePort +<none> +<none> +80:30080\/TCP +\d+s +app=web-nodeport/);
    expect(table).toMatch(/service\/web-service +LoadBalancer +<none> +<pending> +80\/TCP/);
    expect(table).toMatch(/service\/external-db +ExternalName +<none> +db\.external\.com +<none>/);
    expect(table).toMatch(/deployment\.apps\/web-nodeport-demo +2\/2 +2 +2 +\d+s +nginx +nginx:alpine +app=web-nodeport/);
    expect(JSON.parse(await says('get', 'svc', 'web-service', '-o', 'json'))).toMatchObject({
      kind: 'Service',
      spec: { allocateLoadBalancerNodePorts: true },
    });
    expect(await says('get', 'svc', 'web-service', '-o', 'yaml')).toContain('  sessionAffinity: None\n');
    expect(await says('get', 'svc', '-o', 'jsonpath={.items[?(@.spec.type=="NodePort")].spec.ports[0].nodePort}')).toBe('30080');
    expect(
      await says('get', 'svc', '-o', 'custom-columns=N:.metadata.name', '--no-headers', '--field-selector', 'metadata.name=external-db'),
    ).toBe('external-db\n');
    expect(await says('get', 'deploy', '-l', 'app=web-nodeport', '-o', 'name', '-A')).toBe('deployment.apps/web-nodeport-demo\n');
    expect(await says('get', 'svc', '--chunk-size=1', '--sort-by=.metadata.name', '-o', 'name')).toBe(
      'service/external-db\nservice/web-nodeport-svc\nservice/web-service\n',
    );
    expect((await kubectl('get', 'svc', 'none')).err).toContain('Error from server (NotFound): services "none" not found');
    expect((await kubectl('get', 'pods')).err).toContain('No resources found in default namespace.');
  });

  test('get -w', async () => {
    const child = spawn(path, ['get', 'svc', '-w', '--output-watch-events', '--no-headers'], { env: { ...process.env, ...lab.env } });
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const ended = new Promise<void>(resolve => void child.on('close', () => resolve()));
    // The watch is open when the server says so: then nothing is missed.
    while (lab.server.watches === 0) await new Promise(resolve => setTimeout(resolve, 20));
    await applied('backend-service');
    expect((await lines.next()).value).toMatch(/^ADDED +backend-service +ClusterIP/);
    await says('delete', 'svc', 'backend-service');
    expect((await lines.next()).value).toMatch(/^DELETED +backend-service/);
    child.kill();
    await ended;
  });

  test('patch, edit, label, annotate, scale, expose, set image, replace', async () => {
    await applied('nodeport-demo');
    expect(await says('patch', 'svc', 'web-nodeport-svc', '-p', '{"spec":{"externalTrafficPolicy":"Local"}}')).toBe(
      'service/web-nodeport-svc patched\n',
    );
    await says(
      'patch',
      'svc',
      'web-nodeport-svc',
      '--type=json',
      '-p',
      '[{"op":"replace","path":"/spec/ports/0/targetPort","value":8080}]',
    );
    await says('patch', 'svc', 'web-nodeport-svc', '--type=merge', '-p', '{"metadata":{"labels":{"merged":"yes"}}}');
    expect(
      (await run(path, ['edit', 'svc', 'web-nodeport-svc'], { ...lab.env, KUBE_EDITOR: 'sed -i "s/nodePort: 30080/nodePort: 30081/"' }))
        .out,
    ).toBe('service/web-nodeport-svc edited\n');
    expect(await says('label', 'svc', 'web-nodeport-svc', 'tier=front')).toBe('service/web-nodeport-svc labeled\n');
    expect((await kubectl('label', 'svc', 'web-nodeport-svc', 'tier=back')).code).toBe(1);
    await says('label', 'svc', 'web-nodeport-svc', 'tier-');
    expect(await says('annotate', 'svc', 'web-nodeport-svc', 'note=a b')).toMatch(/annotate/);
    expect(lab.store.get(Services, 'default', 'web-nodeport-svc')).toMatchObject({
      metadata: { labels: { merged: 'yes' }, annotations: { note: 'a b' } },
      spec: { externalTrafficPolicy: 'Local', ports: [{ nodePort: 30_081, targetPort: 8080 }] },
    });
    expect(await says('scale', 'deploy', 'web-nodeport-demo', '--replicas=5')).toBe('deployment.apps/web-nodeport-demo scaled\n');
    expect((await kubectl('scale', 'deploy', 'web-nodeport-demo', '--current-replicas=4', '--replicas=1')).code).toBe(1);
    expect(await says('expose', 'deploy', 'web-nodeport-demo', '--name=second', '--port=81', '--target-port=80')).toBe(
      'service/second exposed\n',
    );
    expect(await says('set', 'image', 'deploy/web-nodeport-demo', 'nginx=nginx:1.27')).toContain('image updated');
    expect(await says('rollout', 'status', 'deploy/web-nodeport-demo', '--timeout=20s')).toContain('successfully rolled out');
    expect(await says('rollout', 'restart', 'deploy/web-nodeport-demo')).toContain('restarted');
    expect(lab.store.get(Deployments, 'default', 'web-nodeport-demo').spec).toMatchObject({
      replicas: 5,
      template: { metadata: { annotations: { 'kubectl.kubernetes.io/restartedAt': expect.any(String) } } },
    });
    expect(await says('replace', '-f', manifest('nodeport-demo'))).toContain('service/web-nodeport-svc replaced');
  });

  test('describe, events, explain, api-resources, version', async () => {
    await applied('nodeport-demo');
    const { uid } = lab.store.get(Services, 'default', 'web-nodeport-svc').metadata;
    const now = new Date().toISOString();
    lab.store.create(Events, {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: 'web.1', namespace: 'default' },
      involvedObject: { kind: 'Service', name: 'web-nodeport-svc', namespace: 'default', uid: uid! },
      type: 'Warning',
      reason: 'Tried',
      message: 'it was tried',
      source: { component: 'lab' },
      firstTimestamp: now,
      lastTimestamp: now,
      count: 1,
    });
    const described = await says('describe', 'svc', 'web-nodeport-svc');
    expect(described).toMatch(/^Type: +NodePort$/m);
    expect(described).toMatch(/^NodePort: +<unset> +30080\/TCP$/m);
    expect(described).toMatch(/Warning +Tried +\S+ +lab +it was tried/);
    expect(await says('describe', 'deploy', 'web-nodeport-demo')).toMatch(/Replicas: +2 desired \| 2 updated \| 2 total \| 2 available/);
    expect(await says('get', 'events')).toMatch(/^\S+ +Warning +Tried +service\/web-nodeport-svc +it was tried$/m);
    expect(await says('explain', 'svc.spec')).toMatch(/externalTrafficPolicy\s+<string>/);
    expect(await says('explain', 'deployment.spec.template.spec.containers', '--recursive')).toMatch(/containerPort\s+<integer>/);
    const resources = await says('api-resources');
    for (const [name, kind] of [
      ['services', 'Service'],
      ['deployments', 'Deployment'],
      ['endpointslices', 'EndpointSlice'],
    ])
      expect(resources).toMatch(new RegExp(`^${name} .* ${kind}`, 'm'));
    expect(await says('version', ...(minor < 28 ? ['--short'] : []))).toMatch(/Server Version: v1\.33\.0/);
    expect(await says('get', '--raw', '/readyz')).toBe('ok');
  });

  test('run, wait, logs, create, delete, auth of nobody else', async () => {
    expect(await says('run', 'web', '--image=nginx', '--port=80', '--labels=app=web')).toBe('pod/web created\n');
    expect(await says('wait', '--for=condition=ready', 'pod/web', '--timeout=20s')).toBe('pod/web condition met\n');
    expect(await says('logs', 'web')).toBe('web all\n');
    expect(await says('logs', '-l', 'app=web', '--tail=5')).toBe('web 5\n');
    expect(await says('get', 'pod', 'web', '--no-headers')).toMatch(/^web +0\/1 +Running +0 +\d+s\n$/);
    expect(await says('create', 'configmap', 'settings', '--from-literal=a=b')).toBe('configmap/settings created\n');
    expect(await says('create', 'secret', 'generic', 'hidden', '--from-literal=a=b')).toBe('secret/hidden created\n');
    expect(await says('create', 'ns', 'shop')).toBe('namespace/shop created\n');
    expect(await says('create', 'deployment', 'web', '--image=nginx', '-n', 'shop', '--dry-run=server', '-o', 'name')).toBe(
      'deployment.apps/web\n',
    );
    expect(await says('create', 'service', 'nodeport', 'np', '--tcp=80:8080', '--node-port=30099', '-n', 'shop')).toBe(
      'service/np created\n',
    );
    expect(await says('delete', 'ns', 'shop')).toBe('namespace "shop" deleted\n');
    expect(await says('delete', 'pod', 'web', '--grace-period=0', '--force')).toContain('pod "web" force deleted');
    expect(await says('delete', 'cm,secret', '--all')).toContain('"settings" deleted');
    expect((await kubectl('get', 'svc', '--token=wrong')).err).toMatch(/Unauthorized|must be logged in/);
  });

  test('exec, attach, logs -f: over WebSocket; older clients are told what to do', async () => {
    await says('run', 'web', '--image=nginx');
    expect(await says('logs', '-f', 'web')).toBe('web all\nand more\n');
    const ran = await kubectl('exec', 'web', '--', 'sh', '-c', 'echo out; echo err >&2; exit 3');
    if (minor < 30) {
      expect(ran.err).toContain('kubehop exec web');
      return;
    }
    expect(ran).toMatchObject({ code: 3, out: 'out\n', err: expect.stringContaining('err\n') });
    expect(await run(path, ['exec', '-i', 'web', '--', 'sort'], lab.env, 'b\na\n')).toMatchObject({ code: 0, out: 'a\nb\n' });
    const much = await kubectl('exec', 'web', '--', 'head', '-c', '20000000', '/dev/zero');
    expect([much.code, much.out.length]).toEqual([0, 20_000_000]);
    expect(await run(path, ['attach', '-i', 'web', '-q'], lab.env, 'typed\n')).toMatchObject({ code: 0, out: 'attached\ntyped\n' });
    expect((await kubectl('exec', 'web', '-c', 'none', '--', 'true')).err).toContain('container none');
    expect((await kubectl('exec', 'web', '--', '/none')).err).toContain('spawn /none ENOENT');
    expect((await kubectl('exec', 'other', '--', 'true')).err).toContain('pods "other" not found');
  });

  test('port-forward: several connections at once, much data, and a port where nobody listens', async () => {
    const inside = createServer((request, response) => {
      if (request.url === '/much') response.end(Buffer.alloc(5_000_000, 0x61));
      else request.pipe(response);
    });
    await new Promise<void>(resolve => void inside.listen(0, '127.0.0.1', resolve));
    await says('run', 'web', '--image=nginx');
    const { port } = inside.address() as AddressInfo;
    if (minor < 31) {
      // Older ones speak SPDY without a WebSocket around it.
      expect(await kubectl('port-forward', 'pod/web', `:${port}`)).toMatchObject({
        code: 1,
        err: expect.stringContaining('use kubectl 1.31 or later'),
      });
      await new Promise(resolve => inside.close(resolve));
      return;
    }
    const child = spawn(path, ['port-forward', 'pod/web', `:${port}`, ':1'], { env: { ...process.env, ...lab.env } });
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const ended = new Promise<void>(resolve => void child.on('close', () => resolve()));
    const local: string[] = [];
    while (local.length < 2) {
      const m = /^Forwarding from (127\.0\.0\.1:\d+)/.exec(String((await lines.next()).value));
      if (m !== null) local.push(m[1]!);
    }
    const bodies = await Promise.all(
      ['one', 'two', 'three'].map(async body => (await fetch(`http://${local[0]}/`, { method: 'POST', body })).text()),
    );
    expect(bodies).toEqual(['one', 'two', 'three']);
    expect((await (await fetch(`http://${local[0]}/much`)).text()).length).toBe(5_000_000);
    const said = once(child.stderr, 'data');
    await expect(fetch(`http://${local[1]}/`)).rejects.toThrow();
    expect(String(await said)).toContain('ECONNREFUSED');
    child.kill();
    await ended;
    inside.closeAllConnections();
    await new Promise(resolve => inside.close(resolve));
  });

  test('what is wrong is said in the words of Kubernetes', async () => {
    const bad = join(lab.folder, 'bad.yaml');
    writeFileSync(bad, readFileSync(manifest('web-service-nodeport'), 'utf8').replace('port: 80\n', 'port: 70000\n'));
    expect((await kubectl('apply', '-f', bad)).err).toContain(
      'spec.ports[0].port: Invalid value: 70000: must be between 1 and 65535, inclusive',
    );
    writeFileSync(bad, readFileSync(manifest('web-service-nodeport'), 'utf8').replace('selector:', 'selectr:'));
    const refused = await kubectl('apply', '-f', bad);
    expect(refused.code).toBe(1);
    expect(refused.err).toMatch(minor < 25 ? /unknown field "selectr"/ : /strict decoding error: unknown field "spec\.selectr"/);
    if (minor >= 25) expect((await kubectl('apply', '--validate=warn', '-f', bad)).err).toContain('Warning: unknown field "spec.selectr"');
    expect(await says('apply', '--validate=false', '-f', bad)).toMatch(/service\/web-service/);
  });
});

describe('a lab that is not there', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'kubehop-other-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));
  test('another lab is not spoken to: its certificate is of another authority', async () => {
    const lab = await new Lab().start();
    const config = join(folder, 'config');
    writeKubeconfig(config, { name: 'lab', server: lab.server.url, ca: new Authority('other', Date.now()).certificate, token: 'sesame' });
    const { code, err } = await run(found.at(-1)!.path, ['get', 'svc'], { KUBECONFIG: config, HOME: folder });
    expect([code, err]).toEqual([1, expect.stringMatching(/certificate/)]);
    await lab.stop();
  });
});
