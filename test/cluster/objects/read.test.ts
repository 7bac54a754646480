import { describe, expect, test } from 'vitest';
import { errorText } from '../../../src/cluster/objects/field-errors.ts';
import { readErrors, readObjects } from '../../../src/cluster/objects/read.ts';
import type { EndpointSlice, Service } from '../../../src/cluster/objects/types.ts';

const service = (spec: object, status = {}, name = 'web') => ({ apiVersion: 'v1', kind: 'Service', metadata: { name }, spec, status });
const slice = (rest: object) => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: { name: 'web-1', labels: { 'kubernetes.io/service-name': 'web' } },
  addressType: 'IPv4',
  ports: [{ name: 'http', port: 8080 }],
  endpoints: [],
  ...rest,
});
const complaints = (object: object): string[] => readObjects(JSON.stringify(object), 'web.json').objects[0]!.errors.map(errorText);

describe('reading', () => {
  test('YAML documents, lists and typed lists', () => {
    const text = `
kind: List
apiVersion: v1
items:
- ${JSON.stringify(service({ clusterIP: '10.96.0.10', ports: [{ port: 80 }] }))}
---
kind: EndpointSliceList
apiVersion: discovery.k8s.io/v1
items: [${JSON.stringify({ ...slice({}), apiVersion: undefined, kind: undefined })}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
---
`;
    const read = readObjects(text, 'web.yaml');
    expect(read.problems).toEqual([]);
    expect(read.objects.map(o => `${o.object.kind} ${o.document}`)).toEqual(['Service 1', 'EndpointSlice 2']);
    expect([...read.otherKinds]).toEqual([['Deployment', 1]]);
  });

  test('a document that cannot be read is said with its place, and the others are read', () => {
    const read = readObjects(`a: [1\n---\n${JSON.stringify(service({ clusterIP: 'None' }))}\n--- 7\n`, 'web.yaml');
    expect(read.problems[0]).toMatch(/^web\.yaml:\d+:\d+: /);
    expect(read.problems.at(-1)).toBe('web.yaml: document 3: expected an object with apiVersion and kind');
    expect(read.objects).toHaveLength(1);
  });

  test('the API server’s defaults', () => {
    const text = JSON.stringify(service({ type: 'NodePort', clusterIP: '10.96.0.10', sessionAffinity: 'ClientIP', ports: [{ port: 80 }] }));
    const { metadata, spec } = readObjects(text, 'f').objects[0]!.object as Service;
    expect(metadata.namespace).toBe('default');
    expect(spec).toMatchObject({
      externalTrafficPolicy: 'Cluster',
      internalTrafficPolicy: 'Cluster',
      ipFamilies: ['IPv4'],
      clusterIPs: ['10.96.0.10'],
      sessionAffinityConfig: { clientIP: { timeoutSeconds: 10_800 } },
      ports: [{ name: '', protocol: 'TCP', port: 80, targetPort: 80 }],
    });
  });

  test('a port of an EndpointSlice without number keeps none', () => {
    const read = readObjects(JSON.stringify(slice({ ports: [{}] })), 'f').objects[0]!.object as EndpointSlice;
    expect(read.ports).toEqual([{ name: '', protocol: 'TCP' }]);
  });
});

describe('validation in Kubernetes’ words', () => {
  test.each([
    [
      { clusterIP: '10.96.0.10', ports: [{ port: 70_000 }] },
      'spec.ports[0].port: Invalid value: 70000: must be between 1 and 65535, inclusive',
    ],
    [{ clusterIP: '10.96.0.10', ports: [] }, 'spec.ports: Required value'],
    [{ clusterIP: '10.96.0.10', ports: [{ port: '80' }] }, 'spec.ports[0].port: Invalid value: "80": must be an integer'],
    [
      { clusterIP: '10.96.0.10', ports: [{ port: 80, protocol: 'ICMP' }] },
      'spec.ports[0].protocol: Unsupported value: "ICMP": supported values: "SCTP", "TCP", "UDP"',
    ],
    [
      {
        clusterIP: '10.96.0.10',
        ports: [
          { port: 80, name: 'a' },
          { port: 81, name: 'a' },
        ],
      },
      'spec.ports[1].name: Duplicate value: "a"',
    ],
    [{ clusterIP: '10.96.0.10', ports: [{ port: 80 }, { port: 81, name: 'a' }] }, 'spec.ports[0].name: Required value'],
    [
      { type: 'Node', ports: [{ port: 80 }] },
      'spec.type: Unsupported value: "Node": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"',
    ],
    [
      { clusterIP: '10.96.0.10', ports: [{ port: 80, nodePort: 30_080 }] },
      "spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'",
    ],
    [
      { clusterIP: '10.96.0.300', ports: [{ port: 80 }] },
      'spec.clusterIPs[0]: Invalid value: "10.96.0.300": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
    ],
    [
      {
        clusterIP: '10.96.0.10',
        ports: [{ port: 80 }],
        sessionAffinity: 'ClientIP',
        sessionAffinityConfig: { clientIP: { timeoutSeconds: 0 } },
      },
      'spec.sessionAffinityConfig.clientIP.timeoutSeconds: Invalid value: 0: must be greater than 0 and less than 86400',
    ],
    [
      { clusterIP: '10.96.0.10', ports: [{ port: 80 }], loadBalancerSourceRanges: ['10.0.0.0/8'] },
      "spec.loadBalancerSourceRanges: Forbidden: may only be used when `type` is 'LoadBalancer'",
    ],
    [
      { clusterIP: '10.96.0.10', ports: [{ port: 80 }], externalIPs: ['127.0.0.1'] },
      'spec.externalIPs[0]: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)',
    ],
    [
      { clusterIP: '10.96.0.10', ports: [{ port: 80 }], externalTrafficPolicy: 'Local' },
      'spec.externalTrafficPolicy: Invalid value: "Local": may only be set for externally-accessible services',
    ],
  ])('a Service with %j', (spec, complaint) => {
    expect(complaints(service(spec))).toEqual([complaint]);
  });

  test('a headless Service needs no port', () => expect(complaints(service({ clusterIP: 'None' }))).toEqual([]));

  test('every cause is said', () => {
    const bad = service({ clusterIP: 'x', ports: [{ port: 0 }, { port: -1, name: 'A' }] }, {}, 'Web');
    const all = readErrors(readObjects(JSON.stringify(bad), 'web.json').objects[0]!);
    expect(all.length).toBeGreaterThanOrEqual(6);
    for (const line of all) expect(line).toMatch(/^web\.json: Service "Web" is invalid: (metadata|spec)\./);
  });

  test.each([
    [{ endpoints: [{ addresses: [] }] }, 'endpoints[0].addresses: Required value: must contain at least 1 address'],
    [
      { endpoints: [{ addresses: ['10.0.0.300'] }] },
      'endpoints[0].addresses[0]: Invalid value: "10.0.0.300": must be a valid IPv4 address',
    ],
    [{ endpoints: [{ addresses: ['fd00::1'] }] }, 'endpoints[0].addresses[0]: Invalid value: "fd00::1": must be a valid IPv4 address'],
    [{ ports: [{ port: 1 }, { port: 2 }] }, 'ports[1].name: Duplicate value: ""'],
    [{ addressType: 'X' }, 'addressType: Unsupported value: "X": supported values: "FQDN", "IPv4", "IPv6"'],
  ])('an EndpointSlice with %j', (rest, complaint) => expect(complaints(slice(rest))).toEqual([complaint]));

  test('values of any shape are complaints, never exceptions', () => {
    for (const value of [null, 1, 'x', [], [[]], { a: 1 }])
      for (const field of ['metadata', 'spec', 'status'])
        expect(() => complaints({ ...service({ ports: [] }), [field]: value })).not.toThrow();
    expect(complaints(slice({ endpoints: [null, 3, { addresses: 'x', conditions: 4, hints: [] }], ports: 'x' })).length).toBeGreaterThan(3);
  });
});
