/** What the kube-proxies of a lab read when they start, of `config.conf` in the ConfigMap `kube-system/kube-proxy`. */
import { parse } from 'yaml';
import { parseNetwork } from '../../base/ip.ts';
import { ConfigMaps } from '../../cluster/resources/index.ts';
import type { Store } from '../../cluster/store/store.ts';
import type { ProxyConfig } from '../../proxy/iptables/config.ts';

/** @throws Error in kube-proxy's words for what it would not start with */
export function readProxyConfiguration(store: Store): Partial<ProxyConfig> {
  const text = (store.find(ConfigMaps, 'kube-system', 'kube-proxy') as { data?: Record<string, string> } | undefined)?.data?.[
    'config.conf'
  ];
  const { nodePortAddresses = null, iptables = null } = (parse(text ?? '') ?? {}) as {
    nodePortAddresses?: string[] | null;
    iptables?: { localhostNodePorts?: boolean; masqueradeAll?: boolean } | null;
  };
  for (const [i, cidr] of (nodePortAddresses ?? []).entries())
    if (parseNetwork(cidr) === undefined)
      throw new Error(`KubeProxyConfiguration.NodePortAddresses[${i}]: Invalid value: "${cidr}": must be a valid CIDR`);
  return {
    nodePortAddresses: nodePortAddresses ?? [],
    ...(iptables?.localhostNodePorts === undefined ? {} : { localhostNodePorts: iptables.localhostNodePorts }),
    ...(iptables?.masqueradeAll === undefined ? {} : { masqueradeAll: iptables.masqueradeAll }),
  };
}
