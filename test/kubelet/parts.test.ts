import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Service } from '../../src/cluster/schema/networking.ts';
import type { ContainerSpec, Pod } from '../../src/cluster/schema/pod.ts';
import { BackOff, durationText } from '../../src/kubelet/back-off.ts';
import { ContainerLog } from '../../src/kubelet/container-log.ts';
import { ConfigError, environmentOf, expand, type Settings, serviceVariables } from '../../src/kubelet/environment.ts';
import { imageName } from '../../src/kubelet/images.ts';
import { fstabText } from '../../src/kubelet/linux/container-root.ts';
import { hostName, hostsFile, resolvConf } from '../../src/kubelet/pod-files.ts';
import { mountsOf } from '../../src/kubelet/volumes.ts';

const pod = (spec: object = {}, metadata: object = {}): Pod =>
  ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web-1', namespace: 'shop', uid: 'u-1', ...metadata },
    spec: { containers: [], ...spec },
  }) as Pod;
const service = (name: string, clusterIP: string, ports: object[]): Service =>
  ({ apiVersion: 'v1', kind: 'Service', metadata: { name, namespace: 'shop' }, spec: { clusterIP, ports } }) as Service;
const facts = { podIp: '10.244.1.2', hostIp: '192.168.56.11', nodeName: 'node1' };
const settings: Settings = {
  configMap: name => (name === 'config' ? { data: { color: 'blue', size: '7' } } : undefined),
  secret: name => (name === 'secret' ? { data: { password: Buffer.from('hidden').toString('base64') } } : undefined),
  services: () => [
    service('my-web', '10.96.0.11', [
      { name: 'http', port: 80 },
      { name: 'dns', port: 53, protocol: 'UDP' },
    ]),
  ],
};
const environment = (container: object, of = pod()) => environmentOf({ name: 'c', ...container } as ContainerSpec, of, facts, settings);

describe('the environment', () => {
  test('has variables of each Service, as Docker links had them', () => {
    expect(environment({})).toEqual({
      MY_WEB_SERVICE_HOST: '10.96.0.11',
      MY_WEB_SERVICE_PORT: '80',
      MY_WEB_SERVICE_PORT_HTTP: '80',
      MY_WEB_SERVICE_PORT_DNS: '53',
      MY_WEB_PORT: 'tcp://10.96.0.11:80',
      MY_WEB_PORT_80_TCP: 'tcp://10.96.0.11:80',
      MY_WEB_PORT_80_TCP_PROTO: 'tcp',
      MY_WEB_PORT_80_TCP_PORT: '80',
      MY_WEB_PORT_80_TCP_ADDR: '10.96.0.11',
      MY_WEB_PORT_53_UDP: 'udp://10.96.0.11:53',
      MY_WEB_PORT_53_UDP_PROTO: 'udp',
      MY_WEB_PORT_53_UDP_PORT: '53',
      MY_WEB_PORT_53_UDP_ADDR: '10.96.0.11',
    });
    expect(environment({}, pod({ enableServiceLinks: false }))).toEqual({});
    const many = Array.from({ length: 1001 }, (_, i) => service(`s-${i}`, '10.96.0.11', [{ port: 80 }]));
    expect(environmentOf({ name: 'c' } as ContainerSpec, pod(), facts, { ...settings, services: () => many })).toEqual({});
    expect(serviceVariables(service('headless', 'None', [{ port: 80 }]))).toEqual({});
  });

  test('knows the pod by the downward API, and the fields of other objects', () => {
    const from = (name: string, valueFrom: object) => ({ name, valueFrom });
    const env = [
      from('NAME', { fieldRef: { fieldPath: 'metadata.name' } }),
      from('NAMESPACE', { fieldRef: { fieldPath: 'metadata.namespace' } }),
      from('IP', { fieldRef: { fieldPath: 'status.podIP' } }),
      from('HOST', { fieldRef: { fieldPath: 'status.hostIP' } }),
      from('NODE', { fieldRef: { fieldPath: 'spec.nodeName' } }),
      from('APP', { fieldRef: { fieldPath: "metadata.labels['app']" } }),
      from('COLOR', { configMapKeyRef: { name: 'config', key: 'color' } }),
      from('PASSWORD', { secretKeyRef: { name: 'secret', key: 'password' } }),
      from('NONE', { configMapKeyRef: { name: 'config', key: 'nosuch', optional: true } }),
      { name: 'URL', value: 'http://$(IP)/$(COLOR)/$(LATER)/$$(IP)' },
      { name: 'LATER', value: 'x' },
    ];
    const envFrom = [{ prefix: 'C_', configMapRef: { name: 'config' } }, { secretRef: { name: 'nosuch', optional: true } }];
    expect(environment({ env, envFrom }, pod({ enableServiceLinks: false }, { labels: { app: 'web' } }))).toEqual({
      ...{ C_color: 'blue', C_size: '7', NAME: 'web-1', NAMESPACE: 'shop', IP: '10.244.1.2', HOST: '192.168.56.11', NODE: 'node1' },
      ...{ APP: 'web', COLOR: 'blue', PASSWORD: 'hidden', URL: 'http://10.244.1.2/blue/$(LATER)/$(IP)', LATER: 'x' },
    });
  });

  test('cannot be made of what is not there', () => {
    const complaint = (container: object): string => {
      try {
        environment(container);
      } catch (error) {
        return error instanceof ConfigError ? error.message : String(error);
      }
      return '';
    };
    expect(complaint({ env: [{ name: 'A', valueFrom: { secretKeyRef: { name: 'x', key: 'y' } } }] })).toBe('secret "x" not found');
    expect(complaint({ env: [{ name: 'A', valueFrom: { configMapKeyRef: { name: 'config', key: 'y' } } }] })).toBe(
      "couldn't find key y in ConfigMap shop/config",
    );
    expect(complaint({ envFrom: [{ configMapRef: { name: 'x' } }] })).toBe('configmap "x" not found');
  });

  test('is put into a command', () => {
    expect(expand('a $(A) $(B) $$(A) $A $', { A: '1' })).toBe('a 1 $(B) $(A) $A $');
  });
});

describe('files of a pod', () => {
  const dns = {
    address: '10.96.0.10',
    domain: 'cluster.local',
    nodeResolvConf: 'nameserver 192.168.56.1\nsearch lan\noptions timeout:1\n',
  };

  test.each<[string, object, string]>([
    ['ClusterFirst', {}, 'search shop.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\noptions ndots:5\n'],
    ['the network of the node', { hostNetwork: true }, 'search lan\nnameserver 192.168.56.1\noptions timeout:1\n'],
    [
      'ClusterFirstWithHostNet',
      { hostNetwork: true, dnsPolicy: 'ClusterFirstWithHostNet' },
      'search shop.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\noptions ndots:5\n',
    ],
    ['Default', { dnsPolicy: 'Default' }, 'search lan\nnameserver 192.168.56.1\noptions timeout:1\n'],
    [
      'None',
      {
        dnsPolicy: 'None',
        dnsConfig: { nameservers: ['203.0.113.53'], searches: ['test'], options: [{ name: 'ndots', value: '2' }, { name: 'edns0' }] },
      },
      'search test\nnameserver 203.0.113.53\noptions ndots:2 edns0\n',
    ],
    [
      'more',
      { dnsConfig: { nameservers: ['203.0.113.53'], options: [{ name: 'ndots', value: '1' }] } },
      'search shop.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\nnameserver 203.0.113.53\noptions ndots:1\n',
    ],
  ])('resolv.conf with %s', (_, spec, expected) => expect(resolvConf(pod(spec), dns)).toBe(expected));

  test('hosts, and the name of the host', () => {
    const lines = (spec: object) => hostsFile(pod(spec), '10.244.1.2', 'cluster.local').split('\n').slice(7);
    expect(lines({})).toEqual(['10.244.1.2\tweb-1', '']);
    expect(lines({ hostname: 'db-0', subdomain: 'db' })).toEqual(['10.244.1.2\tdb-0.db.shop.svc.cluster.local\tdb-0', '']);
    expect(lines({ hostAliases: [{ ip: '10.9.9.9', hostnames: ['a', 'b'] }] }).slice(-2)).toEqual(['10.9.9.9\ta\tb', '']);
    expect(hostName(pod({}, { name: `${'a'.repeat(62)}-${'b'.repeat(20)}` }))).toBe('a'.repeat(62));
  });

  test('volumes', () => {
    const volumes = [
      { name: 'config', configMap: { name: 'config', items: [{ key: 'color', path: 'sub/colour' }] } },
      { name: 'secret', secret: { secretName: 'secret', defaultMode: 0o400 } },
      { name: 'empty', emptyDir: { medium: 'Memory' } },
      { name: 'fields', downwardAPI: { items: [{ path: 'name', fieldRef: { fieldPath: 'metadata.name' } }] } },
      { name: 'host', hostPath: { path: '/lib/modules' } },
      { name: 'claim', persistentVolumeClaim: {} },
    ];
    const of = (name: string) =>
      mountsOf({ name: 'c', volumeMounts: [{ name, mountPath: '/m' }] } as ContainerSpec, pod({ volumes }), facts, settings)[0]!;
    expect(of('config')).toMatchObject({ at: '/m', readOnly: true, source: { files: { 'sub/colour': Buffer.from('blue') } } });
    expect(of('secret').source).toMatchObject({ files: { password: Buffer.from('hidden') }, mode: 0o400 });
    expect(of('empty')).toEqual({ at: '/m', readOnly: false, source: { kind: 'empty', volume: 'empty', inMemory: true } });
    expect(of('fields').source).toMatchObject({ files: { name: Buffer.from('web-1') } });
    expect(of('host')).toEqual({ at: '/m', readOnly: true, source: { kind: 'host', path: '/lib/modules' } });
    expect(() => of('claim')).toThrow('no such kind of volume here');
    expect(fstabText([{ from: '/a b', at: '/c\\d', type: 'none', options: 'bind' }], '/root')).toBe(
      '/a\\040b /root/c\\134d none bind 0 0\n',
    );
  });
});

describe('a log', () => {
  const read = async (log: ContainerLog, options: Parameters<ContainerLog['read']>[0] = {}): Promise<string> => {
    let text = '';
    for await (const line of log.read(options)) text += line;
    return text;
  };

  test('gives its lines whole, each stream of its own, however they come', () =>
    fc.assert(
      fc.asyncProperty(fc.array(fc.constantFrom('a', 'b\n', '\n', 'c\nd'), { maxLength: 30 }), async chunks => {
        const log = new ContainerLog(() => 0);
        for (const chunk of chunks) log.write('stdout', Buffer.from(chunk));
        log.close();
        expect(await read(log)).toBe(chunks.join(''));
      }),
    ));

  test('gives the last lines, those since a time, with times, and so many bytes', async () => {
    let now = 1_700_000_000_000;
    const log = new ContainerLog(() => now);
    for (const line of ['one', 'two', 'three']) {
      log.write('stdout', Buffer.from(`${line}\n`));
      now += 1000;
    }
    expect(await read(log, { tailLines: 2 })).toBe('two\nthree\n');
    expect(await read(log, { tailLines: 0 })).toBe('');
    expect(await read(log, { sinceMs: 1_700_000_002_000 })).toBe('three\n');
    expect(await read(log, { limitBytes: 6 })).toBe('one\ntw');
    expect(await read(log, { tailLines: 1, timestamps: true })).toBe('2023-11-14T22:13:22.000000000Z three\n');
    expect(log.tail(2, 8)).toBe('o\nthree\n');
  });

  test('is followed until its end, or until nobody follows any more', async () => {
    const log = new ContainerLog(() => 0);
    const all = read(log, { follow: true });
    log.write('stderr', Buffer.from('one\n'));
    await Promise.resolve();
    log.write('stdout', Buffer.from('two'));
    const stop = new AbortController();
    const until = (async () => {
      let lines = 0;
      for await (const _ of log.read({ follow: true }, stop.signal)) lines++;
      return lines;
    })();
    stop.abort();
    expect(await until).toBe(1);
    log.close();
    expect(await all).toBe('one\ntwo');
  });

  test('keeps the newest when it is much, and cuts a line without an end', async () => {
    const log = new ContainerLog(() => 0, 1000);
    for (let i = 0; i < 500; i++) log.write('stdout', Buffer.from(`line ${i}\n`));
    const lines = (await read(log)).trim().split('\n');
    expect(lines.at(-1)).toBe('line 499');
    expect(lines.length).toBeLessThan(130);
    const one = new ContainerLog(() => 0, 100_000);
    for (let i = 0; i < 100; i++) one.write('stdout', Buffer.alloc(1000, 'x'));
    expect((await read(one)).length).toBeGreaterThan(60_000);
    expect((await read(one, { tailLines: 1 })).length).toBeLessThan(18_000);
  });
});

test('the names of images', () => {
  expect(
    [
      'nginx',
      'nginx:alpine',
      'docker.io/library/nginx:1.25',
      'registry.k8s.io/coredns/coredns:v1.11',
      'localhost:5000/a/b@sha256:00',
      'kubehop/echo',
    ].map(imageName),
  ).toEqual([...['nginx', 'nginx', 'nginx', 'coredns/coredns', 'a/b', 'kubehop/echo']]);
});

test('back-off doubles up to five minutes, and begins anew after a long run', () => {
  const backOff = new BackOff();
  expect([0, 1, 2, 3, 4, 5, 6, 7].map(() => backOff.next(0) / 1000)).toEqual([0, 10, 20, 40, 80, 160, 300, 300]);
  expect([backOff.next(600_000), backOff.next(0)]).toEqual([0, 10_000]);
  expect([durationText(10_000), durationText(80_000), durationText(300_000)]).toEqual(['10s', '1m20s', '5m0s']);
});
