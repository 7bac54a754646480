/** Every set by name: a new one is a new file and one word here. */
import type { ConformanceSet } from '../set.ts';
import { gvisorReject } from './gvisor-reject.ts';
import { gvisorRouterNat } from './gvisor-router-nat.ts';
import { gvisorRules } from './gvisor-rules.ts';
import { tcpTracker } from './gvisor-tcp-tracker.ts';
import { iptablesRules, iptablesRulesExtra } from './iptables-rules.ts';
import { chainNames } from './kubeproxy-chain-names.ts';
import { conntrackCleanup } from './kubeproxy-conntrack-cleanup.ts';
import { dumps } from './kubeproxy-dumps.ts';
import { endpointsMap } from './kubeproxy-endpoints-map.ts';
import { flows } from './kubeproxy-flows.ts';
import { misc } from './kubeproxy-misc.ts';
import { rulesetFlows } from './kubeproxy-ruleset-flows.ts';
import { topology } from './kubeproxy-topology.ts';
import { constants } from './netfilter-constants.ts';
import { natScenarios } from './netfilter-nat-scenarios.ts';
import { tcpSequences } from './netfilter-tcp-sequences.ts';
import { tcpTransitions } from './netfilter-tcp-transitions.ts';
import { tcpWindowRules } from './netfilter-tcp-window-rules.ts';
import { rfcChecksum } from './rfc-checksum.ts';
import { natBehaviour } from './rfc-nat-behaviour.ts';
import { rfcVxlan } from './rfc-vxlan.ts';

export const sets: readonly ConformanceSet[] = [
  iptablesRules,
  iptablesRulesExtra,
  chainNames,
  rulesetFlows,
  flows,
  dumps,
  topology,
  endpointsMap,
  conntrackCleanup,
  misc,
  rfcChecksum,
  rfcVxlan,
  gvisorReject,
  gvisorRules,
  gvisorRouterNat,
  tcpTracker,
  tcpSequences,
  tcpTransitions,
  tcpWindowRules,
  constants,
  natBehaviour,
  natScenarios,
];
