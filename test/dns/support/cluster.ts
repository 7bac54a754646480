/** A small cluster for the tests of names: what each Service is for stands in its name. */
import { ClusterIndex } from '../../../src/dns/cluster-index.ts';
import { Resolver, type ResolverOptions } from '../../../src/dns/resolver.ts';
import { REVERSE_V4, REVERSE_V6 } from '../../../src/dns/reverse-name.ts';

export const SERIAL = 1_700_000_000;

const http = { name: 'http', protocol: 'TCP', port: 80 };
const service = (namespace: string, name: string, spec: object) => ({ metadata: { namespace, name }, spec });
const clusterIp = (name: string, ip: string, ports: object[] = [http], namespace = 'default') =>
  service(namespace, name, { type: 'ClusterIP', clusterIP: ip, clusterIPs: [ip], ports });
const headless = (name: string) => service('default', name, { type: 'ClusterIP', clusterIP: 'None', clusterIPs: ['None'] });
const external = (name: string, externalName: string) => service('default', name, { type: 'ExternalName', externalName, ports: [http] });

type Endpoint = { addresses: string[]; hostname?: string; conditions?: { ready?: boolean } };
export const slice = (service: string, endpoints: Endpoint[], ports: object[] = [http], suffix = 'a', namespace = 'default') => ({
  metadata: { namespace, name: `${service}-${suffix}`, labels: { 'kubernetes.io/service-name': service } },
  endpoints,
  ports,
});
const ready = (address: string, hostname?: string): Endpoint => ({
  addresses: [address],
  conditions: { ready: true },
  ...(hostname === undefined ? {} : { hostname }),
});

export const services = [
  clusterIp('web', '10.96.0.11'),
  clusterIp('two-ports', '10.96.0.12', [http, { name: 'dns', protocol: 'UDP', port: 53 }]),
  clusterIp('unnamed', '10.96.0.13', [{ protocol: 'TCP', port: 8080 }]),
  clusterIp('six', 'fd00:10:96::6'),
  clusterIp('no-endpoints', '10.96.0.14'),
  clusterIp('no-address-yet', ''),
  service('default', 'dual', { type: 'NodePort', clusterIP: '10.96.0.15', clusterIPs: ['10.96.0.15', 'fd00:10:96::15'], ports: [http] }),
  headless('db'),
  headless('portless'),
  headless('empty'),
  external('outside', 'www.example.com'),
  external('to-web', 'web.default.svc.cluster.local'),
  external('to-nowhere', 'nosuch.default.svc.cluster.local'),
  external('to-outside', 'outside.default.svc.cluster.local'),
  external('loop-a', 'loop-b.default.svc.cluster.local'),
  external('loop-b', 'loop-a.default.svc.cluster.local'),
  external('itself', 'itself.default.svc.cluster.local'),
  external('address', '203.0.113.9'),
  clusterIp(
    'kube-dns',
    '10.96.0.10',
    [
      { name: 'dns', protocol: 'UDP', port: 53 },
      { name: 'dns-tcp', protocol: 'TCP', port: 53 },
    ],
    'kube-system',
  ),
];

export const slices = [
  slice('web', [ready('10.244.1.2'), ready('10.244.2.2', 'second')]),
  slice('db', [
    ready('10.244.1.3', 'db-0'),
    ready('10.244.2.3', 'db-1'),
    ready('10.244.1.4'),
    { addresses: ['10.244.2.4'], conditions: { ready: false } },
  ]),
  slice('db', [ready('fd00:10:244::5')], [http], 'six'),
  slice('portless', [ready('10.244.1.6')], []),
  slice('unnamed', [ready('10.244.1.2')], [{ protocol: 'TCP', port: 8080 }]),
  slice('kube-dns', [ready('10.244.1.10')], [{ name: 'dns', protocol: 'UDP', port: 53 }], 'a', 'kube-system'),
];

export function cluster(): ClusterIndex {
  const index = new ClusterIndex(() => SERIAL);
  index.replace('Namespace', [{ metadata: { name: 'default' } }, { metadata: { name: 'kube-system' } }]);
  index.replace('Service', services);
  index.replace('EndpointSlice', slices);
  index.replace('Pod', [{ metadata: { namespace: 'default', name: 'pod-a' }, status: { podIP: '10.244.1.2' } }]);
  return index;
}

export const resolverOf = (source = cluster(), options: Partial<ResolverOptions> = {}): Resolver =>
  new Resolver({
    source,
    zones: ['cluster.local.', REVERSE_V4, REVERSE_V6],
    fallthrough: [],
    pods: 'insecure',
    ttlSeconds: 5,
    ownAddresses: ['10.244.1.10'],
    ...options,
  });
