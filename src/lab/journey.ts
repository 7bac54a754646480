/** `journey.jsonl` and `journey.pcapng` of a run: the captures of all hops joined, with names and with what the routers told. */
import { appendFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CapturedFrame } from '../capture/captured-frame.ts';
import { buildJourney, type Journey } from '../capture/journey/journey.ts';
import { readTrace, writeJourney } from '../capture/journey/write.ts';
import { machine } from '../capture/machine.ts';
import type { ReadInterface } from '../capture/pcapng/reader.ts';
import type { RuleName, TraceLine } from '../capture/trace-text.ts';
import { hookNames } from '../packet/verdict.ts';
import type { Lab } from './definition.ts';
import { natEntries, pinnedMacs, sectionsOf } from './evidence.ts';
import type { Instance } from './instance.ts';
import { labObjects } from './rules/declared.ts';
import { RuleBook } from './rules/rule-book.ts';
import { gatewayAddress, UPSTREAM_LAN, UPSTREAM_OUTSIDE, vtepAddress } from './topology/addresses.ts';
import { IPIP } from './topology/calico.ts';
import type { Topology } from './topology/model.ts';

/** What the captures do not hold. */
export interface RunTrace {
  interfaces: ReadonlyMap<string, ReadInterface>;
  /** What kernel nodes told of their rules. */
  lines: readonly TraceLine[];
  untold: Readonly<Record<string, string>>;
}

export function writeRunJourney(
  folder: string,
  instance: Instance,
  frames: ReadonlyMap<string, CapturedFrame[]>,
  { interfaces, lines, untold }: RunTrace,
): Journey {
  const path = join(folder, 'trace.jsonl');
  appendFileSync(path, lines.map(line => `${JSON.stringify(line)}\n`).join(''));
  const books = rulesOf(folder, instance);
  const journey = buildJourney({
    hops: new Map(hopOrder(instance.topology).flatMap(hop => (frames.has(hop) ? [[hop, frames.get(hop)!] as const] : []))),
    trace: readTrace(path).map(line => withNumber(line, books)),
    ruleOf: (node, counter, timeNs) => instance.plane(node).ruleName(counter, timeNs),
    about: (node, rule) => about(books.get(node) ?? [], rule),
    names: namesOf(instance.lab, instance.topology),
    nat: natEntries(folder),
    rulesUntold: untold,
  });
  writeJourney(folder, journey, { section: { ...machine(), comment: instance.lab.title }, interfaces });
  return journey;
}

/** Of each node: the rules that it has had, which know their origin, and those that it has at the end. */
function rulesOf(folder: string, instance: Instance): Map<string, RuleBook[]> {
  const last = sectionsOf(readFileSync(join(folder, 'rules.txt'), 'utf8'), instance.lab.nodes);
  const books = (node: string) => [...instance.proxies.explainedRules(node), last.get(node) ?? ''].map(text => new RuleBook(text));
  return new Map(instance.lab.nodes.map(node => [node, books(node)]));
}

/** The kernel's trace names a rule by its words. */
function withNumber(line: TraceLine, books: ReadonlyMap<string, RuleBook[]>): TraceLine {
  if (line.rule === undefined || line.event === 'policy') return line;
  const { table, chain, text } = line.rule;
  const number = (books.get(line.node) ?? []).map(book => book.number(table, chain, text)).findLast(n => n > 0) ?? 0;
  return { ...line, rule: { ...line.rule, number } };
}

function about(books: readonly RuleBook[], rule: RuleName): { origin?: string; endpoint?: { nth: number; of: number } } {
  const origin = books.map(book => book.origin(rule)).find(found => found !== undefined);
  const endpoint = books.map(book => book.endpoint(rule)).findLast(found => found !== undefined);
  return { ...(origin === undefined ? {} : { origin }), ...(endpoint === undefined ? {} : { endpoint }) };
}

/** Along the way, with a router's hooks behind the interface by which packets come in. */
const hopOrder = (topology: Topology): string[] =>
  topology.hops.flatMap(hop =>
    hop.interface === 'eth0' && topology.namespaces.some(ns => ns.name === hop.namespace && ns.role === 'node')
      ? [hop.name, ...hookNames.map(hook => `${hop.namespace}/${hook.toLowerCase()}`)]
      : [hop.name],
  );

/** Addresses and MACs by the name of what has them. */
export function namesOf(lab: Lab, topology: Topology): Map<string, string> {
  const names = new Map<string, string>([
    [UPSTREAM_LAN, 'upstream'],
    [UPSTREAM_OUTSIDE, 'upstream'],
    ...Object.entries(pinnedMacs(topology)),
  ]);
  for (const ns of topology.namespaces) {
    for (const network of ns.speaker?.networks ?? []) names.set(network.split('/')[0]!, ns.name);
    if (ns.pod !== undefined) names.set(ns.pod.address, ns.name);
    if (ns.node === undefined) continue;
    names.set(ns.node.address.split('/')[0]!, ns.name);
    if (ns.node.bridge) names.set(gatewayAddress(ns.node.number), `${ns.name}/cni0`);
    if (ns.node.tunnel) names.set(vtepAddress(ns.node.number), `${ns.name}/flannel.1`);
    if (ns.node.calico?.ipip !== undefined) names.set(ns.node.calico.ipip.address, `${ns.name}/${IPIP.device}`);
  }
  for (const [name, address] of Object.entries({ ...lab.outside, ...lab.beside })) names.set(address.split('/')[0]!, name);
  for (const o of labObjects(lab)) if (o.kind === 'Service') names.set(o.spec.clusterIP, `service/${o.metadata.name}`);
  return names;
}
