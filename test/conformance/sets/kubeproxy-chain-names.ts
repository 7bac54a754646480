/** kubeproxy/chain-names: the hash in the names of kube-proxy's chains. */
import { endpointChain, type ServiceChainKind, serviceChain } from '../../../src/proxy/iptables/chain-names.ts';
import { defineSet, expectSame } from '../set.ts';

interface Case {
  readonly id: string;
  readonly kind: ServiceChainKind | 'SEP';
  readonly servicePort: string;
  readonly protocol: string;
  readonly endpoint?: string;
  readonly chain: string;
}

export const chainNames = defineSet<Case>('kubeproxy/chain-names', c => {
  const got = c.kind === 'SEP' ? endpointChain(c.servicePort, c.protocol, c.endpoint!) : serviceChain(c.kind, c.servicePort, c.protocol);
  return expectSame('chain', c.chain, got);
});
