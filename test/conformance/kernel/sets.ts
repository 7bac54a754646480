/** Every set by name, as it is tried on the kernel: as on the router, in a way of its own, or not at all, and why. */
import { type ConformanceCase, type ConformanceFile, type ConformanceSet, unsupported, type Verdict } from '../set.ts';
import { sets } from '../sets/index.ts';
import { cleanupOnKernel, dumpOnKernel } from './kubeproxy-sets.ts';
import { constantOnKernel, rulesOnKernel } from './other-sets.ts';
import { sequenceOnKernel, trackerOnKernel, transitionOnKernel, windowOnKernel } from './tcp-sets.ts';

type How = 'as on the router' | ((c: never, file: never) => Verdict | Promise<Verdict>) | { readonly not: string };

const computed = { not: 'kube-proxy works it out by itself: no kernel has a part in it' };

const how: Readonly<Record<string, How>> = {
  'kubeproxy/flows': 'as on the router',
  'kubeproxy/ruleset-flows': 'as on the router',
  'gvisor/rules': 'as on the router',
  'gvisor/reject': 'as on the router',
  'gvisor/router-nat': 'as on the router',
  'netfilter/nat-scenarios': 'as on the router',
  'rfc/nat-behaviour': 'as on the router',
  'gvisor/tcp-tracker': trackerOnKernel,
  'netfilter/tcp-sequences': sequenceOnKernel,
  'netfilter/tcp-transitions': transitionOnKernel,
  'netfilter/tcp-window-rules': windowOnKernel,
  'netfilter/constants': constantOnKernel,
  'iptables/rules': rulesOnKernel(false),
  'iptables/rules-extra': rulesOnKernel(true),
  'kubeproxy/chain-names': computed,
  'kubeproxy/topology': computed,
  'kubeproxy/endpoints-map': computed,
  'kubeproxy/misc': computed,
  'kubeproxy/conntrack-cleanup': cleanupOnKernel,
  'kubeproxy/dumps': dumpOnKernel,
  'rfc/checksum': { not: 'arithmetic: no kernel has a part in it' },
  'rfc/vxlan': 'as on the router',
};

function onKernel(set: ConformanceSet): ConformanceSet {
  const its = how[set.name] ?? { not: 'there is no way yet to ask a kernel' };
  if (its === 'as on the router') return set;
  if (typeof its === 'object') return { name: set.name, check: () => unsupported(its.not) };
  return { name: set.name, check: its as (c: ConformanceCase, file: ConformanceFile) => Verdict | Promise<Verdict> };
}

export const kernelSets: readonly ConformanceSet[] = sets.map(onKernel);
