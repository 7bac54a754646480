/** Chains that kube-proxy always has, its accounting objects, and how chains of Services are known by their names. */

export const Chain = {
  Services: 'KUBE-SERVICES',
  ExternalServices: 'KUBE-EXTERNAL-SERVICES',
  NodePorts: 'KUBE-NODEPORTS',
  Postrouting: 'KUBE-POSTROUTING',
  MarkMasq: 'KUBE-MARK-MASQ',
  Forward: 'KUBE-FORWARD',
  ProxyFirewall: 'KUBE-PROXY-FIREWALL',
  /** The kubelet has the same one; kube-proxy keeps it too. */
  Firewall: 'KUBE-FIREWALL',
  /** Empty, in tables mangle, nat and filter: where it is missing somebody has wiped the rules. */
  Canary: 'KUBE-PROXY-CANARY',
} as const;

/** Accounting objects (nfacct) and what they count. */
export const Counter = { invalidDropped: 'ct_state_invalid_dropped_pkts', localhostNodePorts: 'localhost_nps_accepted_pkts' } as const;

const SERVICE_CHAINS = ['KUBE-SVC-', 'KUBE-SVL-', 'KUBE-EXT-', 'KUBE-FW-', 'KUBE-SEP-'];

/** Chains that come and go with Services and endpoints. */
export const isServiceChain = (name: string): boolean => SERVICE_CHAINS.some(prefix => name.startsWith(prefix));
