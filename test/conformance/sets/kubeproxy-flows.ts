/**
 * kubeproxy/flows: Services and endpoints as they change, and where single connections go. Each flow is judged on the rules themselves;
 * those of IPv4 also as packets through a router that runs them.
 */
import { parseIp } from '../../../src/base/ip.ts';
import { MemorySink } from '../../../src/proxy/iptables/memory-sink.ts';
import { all, refuseUnknown } from '../fields.ts';
import { type ConfigCase, configOf, type NodeCase, ProxyNode, type ServiceCase, type SliceCase, serviceFields } from '../net/proxy-node.ts';
import { type RuleOutcome, RuleWalk } from '../net/rule-walk.ts';
import { ServiceNode } from '../net/service-node.ts';
import { defineSet, expectSame, failed, passed, type Verdict } from '../set.ts';
import { checkFlow, type Flow } from './kubeproxy-ruleset-flows.ts';

interface Step {
  readonly addServices?: readonly ServiceCase[];
  readonly addSlices?: readonly SliceCase[];
  readonly deleteServices?: readonly string[];
  readonly deleteSlices?: readonly string[];
  readonly flows?: readonly Flow[];
  readonly expectRuleForDstInNatServices?: { readonly dstIP: string; readonly present: boolean };
}
interface Case {
  readonly id: string;
  readonly node: NodeCase;
  readonly config: ConfigCase;
  readonly steps: readonly Step[];
}

const stepFields = ['addServices', 'addSlices', 'deleteServices', 'deleteSlices', 'flows', 'expectRuleForDstInNatServices'];
const configFields = [
  'ipFamily',
  'masqueradeAll',
  'masqueradeMark',
  'localDetector',
  'localhostNodePorts',
  'nodePortAddresses',
  'conntrackTCPLiberal',
  'randomFully',
  'nfacctCounters',
  'featureLoadBalancerIPMode',
];

async function check(c: Case): Promise<Verdict> {
  const stranger =
    refuseUnknown('case', c, ['node', 'config', 'steps']) ??
    refuseUnknown('config', c.config, configFields) ??
    c.steps.map(s => refuseUnknown('step', s, stepFields)).find(v => v) ??
    c.steps.flatMap(s => (s.addServices ?? []).map(x => refuseUnknown('service', x, serviceFields))).find(v => v);
  if (stranger) return stranger;
  const config = configOf(c.node, c.config);
  const sink = new MemorySink(c.config.nfacctCounters);
  const proxy = new ProxyNode(config, sink);
  const place = c.config.ipFamily === 'IPv4' ? new ServiceNode(c.node) : undefined;
  const mark = Number(c.config.masqueradeMark);
  const walk = new RuleWalk({ state: sink.state, locals: c.node.ips.map(ip => parseIp(ip)!), podCidr: c.node.podCIDR, mark });
  const verdicts: Verdict[] = [];
  for (const step of c.steps) {
    applyStep(proxy, step);
    const { ok } = await proxy.proxier.sync();
    if (!ok) return failed(`a sync failed: ${proxy.log.at(-1)}`);
    for (const flow of step.flows ?? []) verdicts.push(checkRules(walk, flow));
    if (place !== undefined) {
      place.install(sink.ruleSet());
      for (const flow of step.flows ?? []) verdicts.push(checkFlow(place, flow, mark));
    }
    if (step.expectRuleForDstInNatServices) verdicts.push(checkDestination(sink, step.expectRuleForDstInNatServices));
  }
  return all(verdicts);
}

export function applyStep(proxy: ProxyNode, step: Step): void {
  for (const name of step.deleteServices ?? []) proxy.deleteService(name);
  for (const name of step.deleteSlices ?? []) proxy.deleteSlice(name);
  for (const service of step.addServices ?? []) proxy.addService(service);
  for (const slice of step.addSlices ?? []) proxy.addSlice(slice);
}

/** The ways that the rules leave open must be those that are expected, all of them and no other. */
function checkRules(walk: RuleWalk, { id, srcIP, dstIP, dstPort, protocol, expect }: Flow): Verdict {
  const outcomes = walk.outcomes({ protocol, src: srcIP, dst: dstIP, dport: dstPort });
  const verdict = all(
    outcomes.map((o: RuleOutcome) =>
      all([expectSame('kind', expect.kind, o.kind), expectSame('masquerade', expect.masquerade, o.masquerade)]),
    ),
  );
  const went = [...new Set(outcomes.flatMap(o => o.endpoint ?? []))].sort();
  const to = expect.kind === 'endpoints' ? expectSame('endpoints', [...(expect.endpoints ?? [])].sort(), went) : passed;
  const both = all([verdict, to]);
  return both.kind === 'passed' ? both : { kind: both.kind, why: `${id} on the rules: ${both.why}` };
}

function checkDestination(sink: MemorySink, { dstIP, present }: { dstIP: string; present: boolean }): Verdict {
  const rules = sink.state.tables.nat.get('KUBE-SERVICES') ?? [];
  const found = rules.some(r => r.parts.some(p => p.kind === 'destination' && p.network === dstIP));
  return expectSame(`rule for ${dstIP}`, present, found);
}

export const flows = defineSet<Case>('kubeproxy/flows', check);
