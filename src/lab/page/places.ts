/** A lab's network as the page draws it: who stands where, and what hangs on what. */
import type { Place } from '../../web/report-data.ts';
import { LINKS } from '../topology/links.ts';
import type { Namespace, Topology } from '../topology/model.ts';

export function placesOf(topology: Topology): Place[] {
  return topology.namespaces.flatMap(ns => {
    if (ns.role === 'links') return [];
    // Drawn as what it is to the nodes: a host on their network.
    const role = ns.role === 'tor' ? 'client' : ns.role;
    const address = addressOf(ns, topology);
    const on = neighbourOf(ns, topology);
    return {
      name: ns.name,
      role,
      ...(address === undefined ? {} : { address }),
      ...(on === undefined ? {} : { on }),
      ...(ns.node === undefined ? {} : { bridgeNf: ns.node.bridgeNf }),
      hops: topology.hops.filter(hop => hop.namespace === ns.name).map(hop => hop.name),
    };
  });
}

function addressOf(ns: Namespace, { wires }: Topology): string | undefined {
  if (ns.role === 'upstream' || ns.role === 'switch') return undefined;
  const address = ns.pod?.address ?? ns.node?.address ?? wires.flatMap(w => w.ends).find(end => end.namespace === ns.name)?.addresses[0];
  return address?.split('/')[0];
}

/** At the other end of its wire. One on which things go wrong has a namespace of its own in between. */
function neighbourOf(ns: Namespace, topology: Topology): string | undefined {
  if (ns.pod !== undefined) return ns.pod.node;
  const ends = topology.wires.flatMap(({ ends: [a, b] }) => (a.namespace === ns.name ? [b] : b.namespace === ns.name ? [a] : []));
  const others = ends.map(end => end.namespace);
  const wanted = ns.role === 'node' ? ['switch'] : ['upstream', 'switch', 'node'];
  const roles = new Map(topology.namespaces.map(each => [each.name, each.role]));
  const direct = others.find(name => wanted.includes(roles.get(name) ?? ''));
  if (direct !== undefined || !others.includes(LINKS)) return direct;
  return ends.filter(end => end.namespace === LINKS).map(end => behindRelay(end.name, topology))[0];
}

function behindRelay(name: string, { relays, wires }: Topology): string | undefined {
  const other = relays.find(relay => relay.ends.includes(name))?.ends.find(end => end !== name);
  const wire = wires.find(({ ends }) => ends.some(end => end.namespace === LINKS && end.name === other));
  return wire?.ends.find(end => end.namespace !== LINKS)?.namespace;
}
