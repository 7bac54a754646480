/** A case of Services: rendered rules, their clients, and in the midst of it other endpoints, with stale entries of UDP taken away. */
import type { Service } from '../../../src/cluster/objects/types.ts';
import type { Case, Step } from '../case.ts';
import type { Chooser } from '../generate/choose.ts';
import { advance, type Flow } from '../generate/traffic.ts';
import { type Cluster, changed, randomCluster, randomConfig } from './cluster.ts';
import { renderedRules } from './rendered.ts';
import { serviceFlow } from './traffic.ts';

const STEPS = 100;

export function serviceCase(c: Chooser, name: string): Case {
  const config = randomConfig(c);
  const before = randomCluster(c, name);
  const steps: Step[] = [];
  const flows: Flow[] = [];
  traffic(c, before, flows, steps, STEPS / 2);
  const after = changed(c, before);
  steps.push({ kind: 'load', rules: renderedRules(after, config) }, ...staleEntries(before, after));
  traffic(c, after, flows, steps, STEPS);
  return { rules: renderedRules(before, config), steps };
}

function traffic(c: Chooser, cluster: Cluster, flows: Flow[], steps: Step[], length: number): void {
  while (steps.length < length) {
    if (flows.length === 0 || c.oneIn(3)) flows.push(serviceFlow(c, cluster));
    advance(c, c.of(flows), steps);
  }
}

/** What kube-proxy asks of conntrack when an endpoint of a UDP port is no more: entries by every address of the Service. */
function staleEntries(before: Cluster, after: Cluster): Step[] {
  const there = new Set(after.slices.flatMap(s => s.endpoints.flatMap(e => e.addresses.map(a => `${s.metadata.name} ${a}`))));
  return before.slices.flatMap(slice => {
    const service = before.services.find(s => `${s.metadata.name}-1` === slice.metadata.name);
    const gone = slice.endpoints.flatMap(e => e.addresses).filter(a => !there.has(`${slice.metadata.name} ${a}`));
    return service ? gone.flatMap(endpoint => frontendsOf(service).map(where => forget(where, endpoint))) : [];
  });
}

/** In words of conntrack(8). */
const frontendsOf = ({ spec, status }: Service): string[][] => [
  ...[spec.clusterIP, ...(spec.externalIPs ?? []), ...status.loadBalancer.ingress.flatMap(i => i.ip ?? [])]
    .filter(address => address !== 'None')
    .map(address => ['--orig-dst', address]),
  ...spec.ports.flatMap(p => (p.protocol === 'UDP' && p.nodePort ? [['--dport', String(p.nodePort)]] : [])),
];

const forget = (where: readonly string[], endpoint: string): Step => ({
  kind: 'conntrack',
  args: ['-D', '-p', 'udp', ...where, '--reply-src', endpoint],
});
