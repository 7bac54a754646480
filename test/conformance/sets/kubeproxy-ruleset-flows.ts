/** kubeproxy/ruleset-flows: a rule set as kube-proxy writes it, and where single connections go. */
import { all, refuseUnknown } from '../fields.ts';
import { protocolOf } from '../net/protocol.ts';
import { type NodeSpec, type Outcome, ServiceNode } from '../net/service-node.ts';
import { defineSet, expectSame, failed, passed, unsupported, type Verdict } from '../set.ts';

export interface Flow {
  readonly id: string;
  readonly srcIP: string;
  readonly dstIP: string;
  readonly dstPort: number;
  readonly protocol: string;
  readonly expect: { readonly kind: Outcome['kind']; readonly endpoints?: readonly string[]; readonly masquerade: boolean };
}
interface Case {
  readonly id: string;
  readonly node: NodeSpec;
  readonly ruleset: readonly string[];
  readonly flows: readonly Flow[];
}

/** What kube-proxy marks with unless it is told otherwise. */
const MASQUERADE_MARK = 0x4000;
/** Connections per endpoint in which each must have been chosen: the chance to miss one of n is below n * e^-40. */
const TRIES = 40;

function check(c: Case): Verdict {
  const stranger =
    refuseUnknown('case', c, ['node', 'ruleset', 'flows']) ?? refuseUnknown('node', c.node, ['name', 'ip', 'ips', 'podCIDR']);
  if (stranger) return stranger;
  const place = new ServiceNode(c.node);
  place.node.load(`${c.ruleset.join('\n')}\n`);
  return all(c.flows.map(flow => checkFlow(place, flow, MASQUERADE_MARK)));
}

/** @param mark that makes POSTROUTING masquerade */
export function checkFlow(place: ServiceNode, flow: Flow, mark: number): Verdict {
  const stranger =
    refuseUnknown(flow.id, flow, ['srcIP', 'dstIP', 'dstPort', 'protocol', 'expect']) ??
    refuseUnknown(flow.id, flow.expect, ['kind', 'endpoints', 'masquerade']);
  if (stranger) return stranger;
  const what = protocolOf(flow.protocol);
  if (!what) return unsupported(`${flow.id}: protocol "${flow.protocol}"`);
  const left = new Set(flow.expect.endpoints ?? []);
  const tries = Math.max(1, left.size * TRIES);
  for (let i = 0; i < tries; i++) {
    const got = place.try({ what, src: flow.srcIP, dst: flow.dstIP, dport: flow.dstPort });
    const verdict = checkOne(flow, got, mark);
    if (verdict.kind !== 'passed') return { kind: verdict.kind, why: `${flow.id}: ${verdict.why}` };
    left.delete(got.destination);
  }
  if (place.network.faults.length > 0) return failed(`${flow.id}: ${place.network.faults[0]}`);
  return left.size === 0 ? passed : failed(`${flow.id}: never sent to ${[...left].join(', ')}`);
}

function checkOne({ srcIP, expect }: Flow, got: Outcome, mark: number): Verdict {
  const masqueraded = (got.mark & mark) !== 0;
  const verdict = all([expectSame('kind', expect.kind, got.kind), expectSame('masquerade', expect.masquerade, masqueraded)]);
  if (verdict.kind !== 'passed' || got.kind !== 'endpoints') return verdict;
  if (!expect.endpoints?.includes(got.destination)) return failed(`sent to ${got.destination}, expected ${expect.endpoints}`);
  if (got.sourceOnWire === undefined) return failed(`never left the node for ${got.destination}`);
  if (srcIP.startsWith('127.')) return passed;
  return masqueraded || got.sourceOnWire === srcIP ? passed : failed(`left with the source ${got.sourceOnWire}`);
}

export const rulesetFlows = defineSet<Case>('kubeproxy/ruleset-flows', check);
