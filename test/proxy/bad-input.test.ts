/** Objects as they come from files and clusters, with whatever may be wrong in them: nothing crashes, nothing else is lost, what is left out is said. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type ReadObjects, readErrors, readObjects } from '../../src/cluster/objects/read.ts';
import { restoreText } from '../../src/proxy/iptables/restore.ts';
import { type Rendered, renderRules } from '../../src/proxy/render.ts';
import { nodeConfig } from '../lab/proxy/plane.ts';

const service = (name: string, clusterIP: string, spec: object = {}, metadata: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: 'default', ...metadata },
  spec: { clusterIP, ports: [{ name: 'http', port: 80 }], ...spec },
});
const slice = (of: string, addresses: readonly unknown[], more: object = {}, name = `${of}-1`) => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: { name, labels: { 'kubernetes.io/service-name': of } },
  addressType: 'IPv4',
  ports: [{ name: 'http', port: 8080 }],
  endpoints: addresses.map(a => ({ addresses: [a] })),
  ...more,
});

/** As `kubehop render` takes them: a Service that is not valid is left out, of a slice only what cannot be used. */
function rendered(objects: readonly object[]): { read: ReadObjects; rules: Rendered; text: string; said: string[] } {
  const read = readObjects(JSON.stringify({ kind: 'List', items: objects }), 'all.json');
  const usable = read.objects.filter(o => o.errors.length === 0 || o.object.kind === 'EndpointSlice').map(o => o.object);
  const rules = renderRules(usable, nodeConfig);
  return { read, rules, text: restoreText(rules.restore), said: [...read.problems, ...read.objects.flatMap(readErrors), ...rules.log] };
}
const targets = (text: string): string[] => [...text.matchAll(/--to-destination (\S+)/g)].map(m => m[1]!).sort();
/** Lines that speak of one Service. */
const linesOf = (name: string, text: string): string[] => text.split('\n').filter(line => line.includes(`"default/${name}`));

describe('of one Service', () => {
  test('an endpoint that is there twice, in one slice and in two, has one rule', () => {
    const ending = { addresses: ['10.244.1.3'], conditions: { ready: false, serving: true, terminating: true } };
    const { text, said } = rendered([
      service('web', '10.96.0.10'),
      slice('web', ['10.244.1.2', '10.244.1.2']),
      slice('web', [], { endpoints: [{ addresses: ['10.244.1.2'] }, { addresses: ['10.244.1.3'] }] }, 'web-2'),
      slice('web', [], { endpoints: [ending] }, 'web-3'), // the pod that ends has given its address to a new one
    ]);
    expect(targets(text)).toEqual(['10.244.1.2:8080', '10.244.1.3:8080']);
    expect(said).toEqual([]);
  });

  test('malformed addresses, another family, no address: the others of the slice count', () => {
    const { text, said } = rendered([
      service('web', '10.96.0.10'),
      slice('web', ['10.244.1.2', '10.244.1', 'fd00::2', '10.244.1.2/24', '', 7, null, '0x7f000001', '10.244.1.3']),
      slice('web', ['fd00::3'], { addressType: 'IPv6' }, 'web-6'),
    ]);
    expect(targets(text)).toEqual(['10.244.1.2:8080', '10.244.1.3:8080']);
    for (const i of [1, 2, 3, 4, 7]) {
      expect(said).toContainEqual(expect.stringMatching(new RegExp(`is invalid: endpoints\\[${i}\\]\\.addresses\\[0\\]: Invalid value: `)));
      expect(said).toContainEqual(expect.stringMatching(new RegExp(`web-1: endpoints\\[${i}\\]: not an IPv4 address: .*: left out`)));
    }
    expect(said).toContainEqual(expect.stringMatching(/endpoints\[5\]\.addresses\[0\]: Invalid value: 7: must be a string/));
    expect(said).toContain('EndpointSlice default/web-1: endpoints[5]: no address: left out');
  });

  test('a slice for a Service that nobody knows, and one that names none', () => {
    const { text, said } = rendered([
      service('web', '10.96.0.10'),
      slice('web', ['10.244.1.2']),
      slice('ghost', ['10.244.1.9']),
      { ...slice('web', ['10.244.1.8']), metadata: { name: 'nameless' } },
    ]);
    expect(targets(text)).toEqual(['10.244.1.2:8080']);
    expect(said).toEqual([
      'EndpointSlice default/ghost-1: there is no Service default/ghost: left out',
      'EndpointSlice default/nameless: no label kubernetes.io/service-name: left out',
    ]);
  });

  test('ports without names in conflict, in the Service and in the slice', () => {
    const unnamed = (port: number) => ({ port, protocol: 'TCP' });
    const { text, said } = rendered([
      service('bad', '10.96.0.10', { ports: [unnamed(80), unnamed(81)] }),
      service('web', '10.96.0.11', { ports: [unnamed(80)] }),
      slice('web', ['10.244.1.2'], { ports: [unnamed(8080), unnamed(8081)] }),
    ]);
    expect(linesOf('bad', text)).toEqual([]);
    expect(said).toContain('all.json: Service "bad" is invalid: spec.ports[0].name: Required value');
    expect(said).toContain('all.json: EndpointSlice "web-1" is invalid: ports[1].name: Duplicate value: ""');
    expect(said).toContain('EndpointSlice default/web-1: ports 8080 and 8081 have the same name "" and protocol TCP');
    expect(targets(text)).toEqual(['10.244.1.2:8080', '10.244.1.2:8081']);
  });

  test('a Service without ports, or without any address, has no rules and takes nobody with it', () => {
    const { text, said } = rendered([
      service('empty', '10.96.0.10', { ports: [] }),
      service('pending', ''),
      service('web', '10.96.0.12'),
      slice('web', ['10.244.1.2']),
    ]);
    expect(said).toEqual([
      'all.json: Service "empty" is invalid: spec.ports: Required value',
      'Service default/pending: no spec.clusterIP, which the API server would give it: left out',
    ]);
    expect(targets(text)).toEqual(['10.244.1.2:8080']);
  });
});

test('100,000 objects, one in ten of them broken: every good one has its rules, every bad one is named', { timeout: 60_000 }, () => {
  const SERVICES = 50_000;
  const address = (i: number, base: string) => `${base}.${(i >> 8) & 255}.${i & 255}`;
  const broken = [
    (i: number) => service(`s${i}`, 'not-an-address'),
    (i: number) => service(`s${i}`, address(i, '10.96'), { ports: [] }),
    (i: number) => service(`s${i}`, address(i, '10.96'), { ports: [{ port: 0 }] }),
    (i: number) => service(`s${i}`, address(i, '10.96'), { type: 'Cluster' }),
    (i: number) => service(`s${i}`, address(i, '10.96'), {}, { name: 'Not A Name' }),
  ];
  const objects: object[] = [];
  for (let i = 0; i < SERVICES; i++) {
    objects.push(i % 10 === 0 ? broken[(i / 10) % broken.length]!(i) : service(`s${i}`, address(i, '10.96')));
    objects.push(slice(`s${i}`, i % 10 === 1 ? ['nowhere', address(i, '10.244')] : [address(i, '10.244')]));
  }
  expect(objects).toHaveLength(100_000);
  const { rules, said } = rendered(objects);
  const good = SERVICES * 0.9;
  expect(rules.ports.size).toBe(good);
  const { nat } = rules.restore;
  expect(nat.rules.filter(rule => rule.target?.kind === 'DNAT')).toHaveLength(good);
  const count = (words: RegExp) => said.filter(line => words.test(line)).length;
  expect(new Set(said.flatMap(line => /Service "(s\d+|Not A Name)" is invalid/.exec(line)?.[1] ?? [])).size).toBe(SERVICES * 0.08 + 1);
  expect(count(/endpoints\[0\]: not an IPv4 address: "nowhere": left out$/)).toBe(SERVICES * 0.1);
  expect(count(/there is no Service default\/s\d+: left out$/)).toBe(SERVICES * 0.1);
});

describe('whatever a field holds', () => {
  const web = [service('web', '10.96.0.10'), slice('web', ['10.244.1.2'])];
  const expected = linesOf('web', rendered(web).text);
  const fields = ['metadata', 'spec', 'status', 'addressType', 'ports', 'endpoints', 'kind', 'apiVersion'];
  const inSpec = [
    'clusterIP',
    'clusterIPs',
    'ports',
    'type',
    'externalIPs',
    'sessionAffinity',
    'sessionAffinityConfig',
    'loadBalancerSourceRanges',
  ];

  test('of an object, the rules of the others are the same', () => {
    const object = fc.constantFrom<object>(service('other', '10.96.0.20'), slice('other', ['10.244.1.9']));
    const change = fc.oneof(
      fc.tuple(fc.constantFrom(...fields), fc.anything()).map(([field, value]) => (o: object) => ({ ...o, [field]: value })),
      fc.tuple(fc.constantFrom(...inSpec), fc.anything()).map(([field, value]) => (o: object) => ({
        ...o,
        spec: { ...(o as { spec?: object }).spec, [field]: value },
      })),
    );
    fc.assert(
      fc.property(object, fc.array(change, { minLength: 1, maxLength: 4 }), (start, changes) => {
        const spoilt = changes.reduce((o, f) => f(o), start);
        let json: string | undefined;
        try {
          json = JSON.stringify(spoilt);
        } catch {
          return; // no file could hold it
        }
        const { text } = rendered([...web, JSON.parse(json) as object]);
        expect(linesOf('web', text)).toEqual(expected);
      }),
      { numRuns: 500 },
    );
  });
});
