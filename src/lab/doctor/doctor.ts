/** The doctor: each feature that a lab needs, tried on this machine. */
import { readFileSync } from 'node:fs';
import { bridgeNetfilter } from './bridge-netfilter.ts';
import type { Check, Finding, Machine } from './check.ts';
import { connectionTracking } from './connection-tracking.ts';
import { devices } from './devices.ts';
import { foreignCalls } from './foreign-calls.ts';
import { iptablesLegacy, iptablesNft } from './iptables.ts';
import { bridge, namedNamespaces, offload, policyRouting, veth, vxlan } from './links.ts';
import { namespaces } from './namespaces.ts';
import { netdevIngress } from './netdev-ingress.ts';
import { nodeVersion } from './node-version.ts';
import { ruleTrace } from './rule-trace.ts';
import { makeSandbox } from './sandbox.ts';
import { stateDirectory } from './state-directory.ts';
import { bird, curl, tshark } from './tools.ts';
import { tun } from './tun.ts';

/** In the order in which one thing rests on the other. */
export const checks: readonly Check[] = [
  nodeVersion,
  foreignCalls,
  stateDirectory,
  namespaces,
  namedNamespaces,
  veth,
  bridge,
  bridgeNetfilter,
  vxlan,
  policyRouting,
  offload,
  tun,
  devices,
  netdevIngress,
  iptablesNft,
  iptablesLegacy,
  connectionTracking,
  ruleTrace,
  curl,
  tshark,
  bird,
];

export interface Diagnosis {
  /** Nothing that is required is missing. */
  labsCanRun: boolean;
  findings: { check: Check; finding: Finding }[];
}

/** Run every check, one after another. A sandbox that cannot be made leaves those that need it untried. */
export async function diagnose(machine: Machine = thisMachine(), list: readonly Check[] = checks): Promise<Diagnosis> {
  const findings: Diagnosis['findings'] = [];
  let closed = false;
  const watched: Machine = {
    ...machine,
    sandbox: script => {
      if (closed) throw new Untried();
      return machine.sandbox(script);
    },
  };
  for (const check of list) {
    const finding = await attempt(check, watched);
    if (check === namespaces && finding.state !== 'ok') closed = true;
    findings.push({ check, finding });
  }
  return { labsCanRun: findings.every(({ check, finding }) => !check.required || finding.state === 'ok'), findings };
}

class Untried extends Error {}

async function attempt(check: Check, machine: Machine): Promise<Finding> {
  try {
    return await check.run(machine);
  } catch (error) {
    if (error instanceof Untried) return { state: 'untried', detail: 'needs namespaces of its own, see above' };
    throw error;
  }
}

export function thisMachine(): Machine {
  const uid = process.geteuid!();
  return {
    uid,
    env: process.env,
    nodeVersion: process.versions.node,
    readLine: path => {
      try {
        return readFileSync(path, 'utf8').split('\n')[0];
      } catch {
        return undefined; // this kernel has no such switch
      }
    },
    sandbox: makeSandbox(uid),
  };
}
