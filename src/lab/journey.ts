/** `journey.jsonl` and `journey.pcapng` of a run: the captures of all hops joined, with names and with what the routers told. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { CapturedFrame } from '../capture/captured-frame.ts';
import { buildJourney, type Journey } from '../capture/journey/journey.ts';
import { readTrace, writeJourney } from '../capture/journey/write.ts';
import { hookNames } from '../packet/verdict.ts';
import type { Lab } from './definition.ts';
import { natEntries, pinnedMacs } from './evidence.ts';
import type { Instance } from './instance.ts';
import { gatewayAddress, UPSTREAM_LAN, UPSTREAM_OUTSIDE, vtepAddress } from './topology/addresses.ts';
import type { Topology } from './topology/model.ts';

export function writeRunJourney(folder: string, instance: Instance, frames: ReadonlyMap<string, CapturedFrame[]>): Journey {
  const trace = join(folder, 'trace.jsonl');
  const journey = buildJourney({
    hops: new Map(hopOrder(instance.topology).flatMap(hop => (frames.has(hop) ? [[hop, frames.get(hop)!] as const] : []))),
    trace: existsSync(trace) ? readTrace(trace) : [],
    ruleText: (node, counter, timeNs) => instance.plane(node).ruleText(counter, timeNs),
    names: namesOf(instance.lab, instance.topology),
    nat: natEntries(folder),
  });
  writeJourney(folder, journey, { application: 'kubehop', comment: instance.lab.title });
  return journey;
}

/** Along the way, with a router's hooks behind the interface by which packets come in. */
const hopOrder = (topology: Topology): string[] =>
  topology.hops.flatMap(hop =>
    hop.interface === 'eth0' && topology.namespaces.some(ns => ns.name === hop.namespace && ns.role === 'node')
      ? [hop.name, ...hookNames.map(hook => `${hop.namespace}/${hook.toLowerCase()}`)]
      : [hop.name],
  );

/** Addresses and MACs by the name of what has them. */
function namesOf(lab: Lab, topology: Topology): Map<string, string> {
  const names = new Map<string, string>([
    [UPSTREAM_LAN, 'upstream'],
    [UPSTREAM_OUTSIDE, 'upstream'],
    ...Object.entries(pinnedMacs(topology)),
  ]);
  for (const ns of topology.namespaces) {
    if (ns.pod !== undefined) names.set(ns.pod.address, ns.name);
    if (ns.node === undefined) continue;
    names.set(ns.node.address.split('/')[0]!, ns.name);
    names.set(gatewayAddress(ns.node.number), `${ns.name}/cni0`);
    names.set(vtepAddress(ns.node.number), `${ns.name}/flannel.1`);
  }
  for (const [name, address] of Object.entries({ ...lab.outside, ...lab.beside })) names.set(address.split('/')[0]!, name);
  for (const [name, service] of Object.entries(lab.services ?? {})) names.set(service.clusterIp, `service/${name}`);
  return names;
}
