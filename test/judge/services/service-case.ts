/** A case of Services: rendered rules, their clients, and in the midst of it other endpoints, with stale entries of UDP taken away. */
import type { Service } from '../../../src/cluster/objects/types.ts';
import type { Case, Step } from '../case.ts';
import type { Chooser } from '../generate/choose.ts';
import { advance, type Flow } from '../generate/traffic.ts';
import { type Cluster, changed, nodeAddresses, randomCluster, randomConfig } from './cluster.ts';
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
  steps.push({ kind: 'load', rules: renderedRules(after, config) }, ...staleEntries(before, after, flows));
  traffic(c, after, flows, steps, STEPS);
  return { rules: renderedRules(before, config), steps };
}

function traffic(c: Chooser, cluster: Cluster, flows: Flow[], steps: Step[], length: number): void {
  while (steps.length < length) {
    if (flows.length === 0 || c.oneIn(3)) flows.push(serviceFlow(c, cluster));
    advance(c, c.of(flows), steps);
  }
}

/**
 * What kube-proxy asks of conntrack when an endpoint of a UDP port is no more: entries by every address of the Service. Only what was
 * asked for is looked for: each time conntrack(8) walks the whole table, and while it does, timeouts of the kernel's side alone go by.
 */
function staleEntries(before: Cluster, after: Cluster, flows: readonly Flow[]): Step[] {
  const there = new Set(after.slices.flatMap(s => s.endpoints.flatMap(e => e.addresses.map(a => `${s.metadata.name} ${a}`))));
  const asked = new Set(flows.filter(f => f.protocol === 'udp' && f.first >= 0).map(f => `${f.dst}:${f.dport}`));
  return before.slices.flatMap(slice => {
    const service = before.services.find(s => `${s.metadata.name}-1` === slice.metadata.name);
    const gone = slice.endpoints.flatMap(e => e.addresses).filter(a => !there.has(`${slice.metadata.name} ${a}`));
    const frontends = service ? frontendsOf(service).filter(([dst, port]) => asked.has(`${dst}:${port}`)) : [];
    return [...new Set(gone)].flatMap(endpoint => frontends.map(frontend => forget(...frontend, endpoint)));
  });
}

/** Addresses and ports at which a Service is asked over UDP. */
function frontendsOf({ spec, status }: Service): [address: string, port: number][] {
  const addresses = [spec.clusterIP, ...(spec.externalIPs ?? []), ...status.loadBalancer.ingress.flatMap(i => i.ip ?? [])];
  return spec.ports
    .filter(p => p.protocol === 'UDP')
    .flatMap(p => [
      ...addresses.map((address): [string, number] => [address, p.port]),
      ...nodeAddresses.map((address): [string, number] => [address, p.nodePort ?? 0]),
    ]);
}

const forget = (address: string, port: number, endpoint: string): Step => ({
  kind: 'conntrack',
  args: ['-D', '-p', 'udp', '--orig-dst', address, '--orig-port-dst', String(port), '--reply-src', endpoint],
});
