/** What `kubehop render` prints is taken by the kernel's own tools, nft and legacy, in a network namespace of their own. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Exit, Io } from '../../../src/cli/io.ts';
import { run } from '../../../src/cli/program.ts';
import { catalog, loadLab } from '../../../src/lab/catalog.ts';
import { dialects } from '../../../src/proxy/iptables/config.ts';

const root = process.getuid?.() === 0;
const folder = mkdtempSync(join(tmpdir(), 'kubehop-render-'));
const NETNS = `render-${process.pid}`;
afterAll(() => {
  spawnSync('ip', ['netns', 'del', NETNS]);
  rmSync(folder, { recursive: true });
});

async function render(...words: string[]): Promise<string> {
  const said = { out: '', err: '' };
  const keep = (stream: 'out' | 'err') => (text: string) => {
    said[stream] += text;
  };
  const io = new Io({ out: keep('out'), err: keep('err'), outColour: false, errColour: false });
  const exit = await run(['render', '--node', 'node1', '--cluster-cidr', '10.244.0.0/16,fd00:244::/56', ...words], io);
  expect({ exit, err: said.err }).toMatchObject({ exit: Exit.Well });
  return said.out;
}

const service = (name: string, family: 4 | 6, n: number, spec: object, status: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name },
  spec: { clusterIP: family === 4 ? `10.96.0.${n}` : `fd00:96::${n}`, ...spec },
  status,
});
const slice = (of: string, family: 4 | 6, ports: object[], count = 2) => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: { name: `${of}-1`, labels: { 'kubernetes.io/service-name': of } },
  addressType: `IPv${family}`,
  ports,
  endpoints: Array.from({ length: count }, (_, i) => ({
    addresses: [family === 4 ? `10.244.${i + 1}.2` : `fd00:244:0:${i + 1}::2`],
    nodeName: `node${i + 1}`,
  })),
});
const ingress = (family: 4 | 6) => ({ loadBalancer: { ingress: [{ ip: family === 4 ? '203.0.113.200' : '2001:db8::200' }] } });

/** Every kind of Service at once. */
const everything = (f: 4 | 6): object[] => [
  {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 'node1' },
    status: { addresses: [{ type: 'InternalIP', address: f === 4 ? '192.168.56.11' : 'fd00:56::11' }] },
  },
  service('web', f, 10, {
    ports: [
      { name: 'http', port: 80, protocol: 'TCP' },
      { name: 'dns', port: 53, protocol: 'UDP' },
      { name: 'sig', port: 99, protocol: 'SCTP' },
    ],
    sessionAffinity: 'ClientIP',
    externalIPs: [f === 4 ? '198.51.100.7' : '2001:db8::7'],
  }),
  slice(
    'web',
    f,
    [
      { name: 'http', port: 8080 },
      { name: 'dns', port: 8053, protocol: 'UDP' },
      { name: 'sig', port: 8099, protocol: 'SCTP' },
    ],
    5,
  ),
  service(
    'lb',
    f,
    11,
    {
      type: 'LoadBalancer',
      ports: [{ port: 443, nodePort: 30_443 }],
      externalTrafficPolicy: 'Local',
      healthCheckNodePort: 32_000,
      loadBalancerSourceRanges: f === 4 ? ['203.0.113.0/24', '192.168.56.0/24'] : ['2001:db8::/64', 'fd00:56::/64'],
    },
    ingress(f),
  ),
  slice('lb', f, [{ port: 8443 }]),
  service('far', f, 12, {
    type: 'NodePort',
    ports: [{ port: 80, nodePort: 30_080 }],
    externalTrafficPolicy: 'Local',
    internalTrafficPolicy: 'Local',
  }),
  { ...slice('far', f, [{ port: 8080 }], 1), endpoints: [{ addresses: [f === 4 ? '10.244.9.2' : 'fd00:244:0:9::2'], nodeName: 'node9' }] },
  service('nobody', f, 13, { type: 'NodePort', ports: [{ port: 80, nodePort: 30_081 }] }),
];

// A namespace is made here, which needs root.
describe.skipIf(!root)('what render prints', () => {
  beforeAll(() => void spawnSync('ip', ['netns', 'add', NETNS]));
  const takes = (tool: string, text: string) => {
    const { status, stderr } = spawnSync('ip', ['netns', 'exec', NETNS, tool, '--test'], { input: text, encoding: 'utf8' });
    expect({ tool, status, stderr }).toEqual({ tool, status: 0, stderr: '' });
  };
  const file = (name: string, objects: object[]): string => {
    const path = join(folder, name);
    writeFileSync(path, JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }));
    return path;
  };
  const variants = ['nft', 'legacy'] as const;

  test.each(variants)('iptables-%s-restore --test takes every kind of Service, of each release, explained or not', async variant => {
    const objects = file('v4.json', everything(4));
    for (const more of [
      [],
      ['--explain'],
      ['--full'],
      ['--masquerade-all', '--no-random-fully', '--nodeport-addresses', '192.168.56.0/24'],
    ])
      takes(`iptables-${variant}-restore`, await render('--objects', objects, ...more));
    for (const release of Object.keys(dialects))
      takes(`iptables-${variant}-restore`, await render('--objects', objects, '--kubernetes', release));
  });

  test.each(variants)('ip6tables-%s-restore --test takes the same of IPv6', async variant => {
    const text = await render('--objects', file('v6.json', everything(6)), '--family', 'ipv6');
    expect(text).toContain('[fd00:244:0:1::2]:8080');
    takes(`ip6tables-${variant}-restore`, text);
  });

  test.each(variants)('iptables-%s-restore --test takes the rules of the exercises', async variant => {
    for (const { number, folder: path } of catalog())
      for (const manifest of (await loadLab(number)).manifests ?? [])
        takes(`iptables-${variant}-restore`, await render('--objects', join(path, manifest)));
  });
});
