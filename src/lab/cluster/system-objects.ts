/** What every lab with an API has from the start: names, kube-proxy and flannel as the documents query them. */
import { CLUSTER_CIDR, SERVICE_CIDR, VXLAN } from '../topology/addresses.ts';
import type { PodNetwork } from '../topology/model.ts';
import { KUBERNETES_VERSION } from './node-objects.ts';

export const DNS_ADDRESS = '10.96.0.10';
export const API_SERVICE_ADDRESS = '10.96.0.1';

const TOLERATES_ALL = [{ operator: 'Exists' }];
type Manifest = {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace: string; labels?: Record<string, string> };
} & Record<string, unknown>;

/** @param api where pods reach the API server @param namesOn node of the name server */
export function systemObjects(podNetwork: PodNetwork, api: { address: string; port: number }, namesOn?: string): Manifest[] {
  return [...kubernetesService(api), ...kubeProxy(), ...coreDns(namesOn), ...flannel(podNetwork)];
}

function kubernetesService({ address, port }: { address: string; port: number }): Manifest[] {
  const metadata = { name: 'kubernetes', namespace: 'default', labels: { component: 'apiserver', provider: 'kubernetes' } };
  const labels = { 'kubernetes.io/service-name': 'kubernetes' };
  return [
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata,
      spec: { type: 'ClusterIP', clusterIP: API_SERVICE_ADDRESS, ports: [{ name: 'https', protocol: 'TCP', port: 443, targetPort: port }] },
    },
    {
      apiVersion: 'v1',
      kind: 'Endpoints',
      metadata: { name: 'kubernetes', namespace: 'default' },
      subsets: [{ addresses: [{ ip: address }], ports: [{ name: 'https', port, protocol: 'TCP' }] }],
    },
    {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name: 'kubernetes', namespace: 'default', labels },
      addressType: 'IPv4',
      endpoints: [{ addresses: [address], conditions: { ready: true } }],
      ports: [{ name: 'https', port, protocol: 'TCP' }],
    },
  ];
}

function daemonSet(name: string, namespace: string, labels: Record<string, string>, container: Record<string, unknown>): Manifest {
  return {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: { name, namespace, labels },
    spec: {
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: { hostNetwork: true, priorityClassName: 'system-node-critical', tolerations: TOLERATES_ALL, containers: [container] },
      },
    },
  };
}

function kubeProxy(): Manifest[] {
  const config = [
    'apiVersion: kubeproxy.config.k8s.io/v1alpha1',
    'kind: KubeProxyConfiguration',
    `clusterCIDR: ${CLUSTER_CIDR}`,
    'conntrack:',
    '  maxPerCore: null',
    '  min: null',
    'iptables:',
    '  localhostNodePorts: true',
    '  masqueradeAll: false',
    '  masqueradeBit: 14',
    '  minSyncPeriod: 1s',
    '  syncPeriod: 30s',
    'metricsBindAddress: 127.0.0.1:10249',
    'mode: iptables',
    'nodePortAddresses: null',
    '',
  ].join('\n');
  return [
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'kube-proxy', namespace: 'kube-system', labels: { app: 'kube-proxy' } },
      data: { 'config.conf': config },
    },
    daemonSet(
      'kube-proxy',
      'kube-system',
      { 'k8s-app': 'kube-proxy' },
      {
        name: 'kube-proxy',
        image: `registry.k8s.io/kube-proxy:${KUBERNETES_VERSION}`,
        command: ['/usr/local/bin/kube-proxy', '--config=/var/lib/kube-proxy/config.conf', '--hostname-override=$(NODE_NAME)'],
        env: [{ name: 'NODE_NAME', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } }],
      },
    ),
  ];
}

function coreDns(namesOn: string | undefined): Manifest[] {
  const labels = { 'k8s-app': 'kube-dns' };
  const corefile = [
    '.:53 {',
    '    errors',
    '    health',
    '    ready',
    '    kubernetes cluster.local in-addr.arpa ip6.arpa {',
    '       pods insecure',
    '       ttl 5',
    '    }',
    '    loadbalance',
    '    log',
    '}',
    '',
  ].join('\n');
  return [
    { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'coredns', namespace: 'kube-system' }, data: { Corefile: corefile } },
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'coredns', namespace: 'kube-system', labels },
      spec: {
        replicas: 1,
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: {
            tolerations: TOLERATES_ALL,
            dnsPolicy: 'Default',
            ...(namesOn === undefined ? {} : { nodeSelector: { 'kubernetes.io/hostname': namesOn } }),
            volumes: [{ name: 'config-volume', configMap: { name: 'coredns', items: [{ key: 'Corefile', path: 'Corefile' }] } }],
            containers: [
              {
                name: 'coredns',
                image: 'registry.k8s.io/coredns/coredns:v1.12.1',
                args: ['-conf', '/etc/coredns/Corefile'],
                volumeMounts: [{ name: 'config-volume', mountPath: '/etc/coredns', readOnly: true }],
                ports: [
                  { name: 'dns', containerPort: 53, protocol: 'UDP' },
                  { name: 'dns-tcp', containerPort: 53, protocol: 'TCP' },
                ],
              },
            ],
          },
        },
      },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'kube-dns', namespace: 'kube-system', labels: { ...labels, 'kubernetes.io/name': 'CoreDNS' } },
      spec: {
        clusterIP: DNS_ADDRESS,
        selector: labels,
        ports: [
          { name: 'dns', port: 53, protocol: 'UDP', targetPort: 53 },
          { name: 'dns-tcp', port: 53, protocol: 'TCP', targetPort: 53 },
        ],
      },
    },
  ];
}

function flannel(podNetwork: PodNetwork): Manifest[] {
  const backend = podNetwork === 'flannel-host-gw' ? { Type: 'host-gw' } : { Type: 'vxlan', VNI: VXLAN.vni, Port: VXLAN.port };
  const labels = { app: 'flannel', 'k8s-app': 'flannel' };
  return [
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'kube-flannel-cfg', namespace: 'kube-flannel', labels },
      data: { 'net-conf.json': `${JSON.stringify({ Network: CLUSTER_CIDR, EnableNFTables: false, Backend: backend }, null, 2)}\n` },
    },
    daemonSet('kube-flannel-ds', 'kube-flannel', labels, {
      name: 'kube-flannel',
      image: 'ghcr.io/flannel-io/flannel:v0.27.4',
      command: ['/opt/bin/flanneld', '--ip-masq', '--kube-subnet-mgr'],
    }),
  ];
}

/** `--service-cluster-ip-range`. */
export const SERVICE_RANGE = SERVICE_CIDR;
