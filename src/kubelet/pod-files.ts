/** Files that a kubelet puts into every container (k/k `pkg/kubelet/network/dns/dns.go`, `pkg/kubelet/kubelet_pods.go`). Pure. */
import type { Pod } from '../cluster/schema/pod.ts';

export interface DnsSettings {
  /** Of the cluster's name server. */
  readonly address: string;
  /** `cluster.local` */
  readonly domain: string;
  /** The node's own resolv.conf, for pods that ask for it. */
  readonly nodeResolvConf: string;
}

/** What resolv.conf(5) of glibc before 2.26 took, and what Kubernetes keeps. */
const MOST_SERVERS = 3;

/** @returns the text of /etc/resolv.conf */
export function resolvConf(pod: Pod, dns: DnsSettings): string {
  const { dnsPolicy = 'ClusterFirst', dnsConfig = {}, hostNetwork = false } = pod.spec ?? {};
  const clusterFirst = dnsPolicy === 'ClusterFirstWithHostNet' || (dnsPolicy === 'ClusterFirst' && !hostNetwork);
  const base = clusterFirst
    ? {
        servers: [dns.address],
        searches: [`${pod.metadata.namespace}.svc.${dns.domain}`, `svc.${dns.domain}`, dns.domain],
        options: ['ndots:5'],
      }
    : dnsPolicy === 'None'
      ? { servers: [], searches: [], options: [] }
      : readResolvConf(dns.nodeResolvConf);
  const wanted = (dnsConfig.options ?? []).map(({ name = '', value }) => (value === undefined ? name : `${name}:${value}`));
  const named = new Set(wanted.map(option => option.split(':')[0]));
  const servers = [...new Set([...base.servers, ...(dnsConfig.nameservers ?? [])])].slice(0, MOST_SERVERS);
  const searches = [...new Set([...base.searches, ...(dnsConfig.searches ?? [])])];
  const options = [...base.options.filter(option => !named.has(option.split(':')[0])), ...wanted];
  const lines = [
    searches.length > 0 ? `search ${searches.join(' ')}` : '',
    ...servers.map(server => `nameserver ${server}`),
    options.length > 0 ? `options ${options.join(' ')}` : '',
  ];
  return lines.flatMap(line => (line === '' ? [] : `${line}\n`)).join('');
}

function readResolvConf(text: string): { servers: string[]; searches: string[]; options: string[] } {
  const found = { servers: [] as string[], searches: [] as string[], options: [] as string[] };
  for (const line of text.split('\n')) {
    const [word, ...rest] = line.trim().split(/\s+/);
    if (word === 'nameserver') found.servers.push(rest[0]!);
    else if (word === 'search' || word === 'domain') found.searches = rest;
    else if (word === 'options') found.options.push(...rest);
  }
  return found;
}

/** The name by which the pod knows itself. */
export const hostName = ({ metadata, spec }: Pod): string => (spec?.hostname || metadata.name!).slice(0, 63).replace(/[-.]+$/, '');

/** @returns the text of /etc/hosts */
export function hostsFile(pod: Pod, address: string, domain: string): string {
  const { subdomain = '', hostAliases = [] } = pod.spec ?? {};
  const own = subdomain === '' ? hostName(pod) : `${hostName(pod)}.${subdomain}.${pod.metadata.namespace}.svc.${domain}\t${hostName(pod)}`;
  const lines = [
    '# Kubernetes-managed hosts file.',
    '127.0.0.1\tlocalhost',
    '::1\tlocalhost ip6-localhost ip6-loopback',
    'fe00::0\tip6-localnet',
    'fe00::0\tip6-mcastprefix',
    'fe00::1\tip6-allnodes',
    'fe00::2\tip6-allrouters',
    `${address}\t${own}`,
  ];
  const aliases = hostAliases.map(({ ip, hostnames = [] }) => `${ip}\t${hostnames.join('\t')}`);
  if (aliases.length > 0) lines.push('', '# Entries added by HostAliases.', ...aliases);
  return `${lines.join('\n')}\n`;
}
