/** Where a capture listens for a hop of the topology, and what it calls the place. */
import type { InterfaceHop } from '../capture/capture.ts';
import { LinkType } from '../capture/pcapng/format.ts';
import { netnsPath } from './shell.ts';
import { IPIP } from './topology/calico.ts';
import type { Hop, Topology } from './topology/model.ts';

export const interfaceHop = (topology: Topology, hop: Hop): InterfaceHop => ({
  name: hop.name,
  description: hopDescription(topology, hop),
  netns: netnsPath(hop.namespace),
  interface: hop.interface,
  promiscuous: true,
  linkType: linkTypeOf(hop),
});

/** What passes tunl0 begins with its IP header. */
export const linkTypeOf = (hop: Hop): number => (hop.interface === IPIP.device ? LinkType.Raw : LinkType.Ethernet);

export function hopDescription({ namespaces }: Topology, { namespace, interface: device, logical }: Hop): string {
  const found = namespaces.find(ns => ns.name === namespace);
  const by = logical ? ', told by the router' : '';
  switch (found?.role) {
    case 'node':
      if (device === 'cni0') return `${namespace}: the bridge of its pods${by}`;
      if (device.startsWith('cali')) return `${namespace}: its end of a pod's wire`;
      if (device.startsWith('flannel') || device === IPIP.device)
        return `${namespace}: before the envelope is put on, and after it is taken off${by}`;
      return `${namespace}: its interface on the node network${by}`;
    case 'pod':
      return `pod ${namespace} on ${found.pod!.node}`;
    case 'tor':
      return `${namespace}: the router on top of the rack, ${device}`;
    case 'switch':
      return 'the node network: the bridge that joins nodes and upstream';
    case 'upstream':
      return `the router between outside and the node network, ${device}`;
    default:
      return `${namespace}, ${device}`;
  }
}
