/** What decides how rules look, beside Services and endpoints: the command line of kube-proxy, its node, and its release. */

import { LabError } from '../../base/errors.ts';
import type { IpAddress, IpFamily } from '../../base/ip.ts';
import type { NodeTopology } from '../endpoint-choice.ts';
import { NodePortAddresses } from '../node-port-addresses.ts';
import type { Part } from './rule.ts';

/** How pods of the cluster are told from everybody else (`--detect-local-mode`). */
export type LocalDetector =
  | { readonly kind: 'none' }
  | { readonly kind: 'cidr'; readonly cidr: string }
  | { readonly kind: 'bridge'; readonly name: string }
  | { readonly kind: 'interfacePrefix'; readonly prefix: string };

/** @returns undefined where there is no detector */
export function localPart(detector: LocalDetector, not: boolean): Part | undefined {
  switch (detector.kind) {
    case 'none':
      return undefined;
    case 'cidr':
      return { kind: 'source', network: detector.cidr, not };
    case 'bridge':
      return { kind: 'inInterface', name: detector.name, not };
    case 'interfacePrefix':
      return { kind: 'inInterface', name: `${detector.prefix}+`, not };
    default: {
      const never: never = detector;
      return never;
    }
  }
}

/** What a release of kube-proxy does differently from others. */
export interface Dialect {
  /** Counts what is dropped as INVALID. */
  readonly countsInvalid: boolean;
  /** Counts connections to node ports by 127.0.0.1, with a rule of their own. */
  readonly countsLocalhost: boolean;
  /** Feature PreferSameTrafficDistribution: hints for nodes. */
  readonly nodeHints: boolean;
  /** Hints count only with the annotation `service.kubernetes.io/topology-mode: Auto`. */
  readonly hintsNeedAnnotation: boolean;
  /** Stale UDP entries are known by address and port of the endpoint; before, by the address alone. */
  readonly staleByPort: boolean;
}

const v1_30: Dialect = { countsInvalid: false, countsLocalhost: false, nodeHints: false, hintsNeedAnnotation: true, staleByPort: false };
const v1_31: Dialect = { ...v1_30, countsInvalid: true, hintsNeedAnnotation: false };
const v1_32: Dialect = { ...v1_31, countsLocalhost: true };
const v1_34: Dialect = { ...v1_32, nodeHints: true, staleByPort: true };

/** By minor release. */
export const dialects = {
  '1.30': v1_30,
  '1.31': v1_31,
  '1.32': v1_32,
  '1.33': v1_32,
  '1.34': v1_34,
  '1.35': v1_34,
  '1.36': v1_34,
} as const satisfies Record<string, Dialect>;
export type KubernetesVersion = keyof typeof dialects;
export const DEFAULT_VERSION: KubernetesVersion = '1.34';

/** @param text `1.34`, `v1.34.2` @throws LabError BAD_INPUT */
export function dialectOf(text: string): Dialect {
  const minor = /^v?(1\.\d+)(\.\d+)?$/.exec(text)?.[1];
  const dialect = minor === undefined ? undefined : (dialects as Record<string, Dialect>)[minor];
  if (dialect === undefined)
    throw new LabError('BAD_INPUT', `no rules of Kubernetes "${text}" are known: there are ${Object.keys(dialects).join(', ')}`);
  return dialect;
}

export interface ProxyConfig {
  readonly family: IpFamily;
  readonly nodeName: string;
  /** The node's main address; source ranges that hold it let the node itself through. */
  readonly nodeIp: IpAddress | undefined;
  /** Value of the node's zone label. */
  readonly zone: string;
  /** Every address of the node, 127.0.0.1 or ::1 among them. */
  readonly localIps: readonly IpAddress[];
  readonly masqueradeAll: boolean;
  /** As it is written: kube-proxy writes `0x00004000` for bit 14. */
  readonly masqueradeMark: string;
  readonly localDetector: LocalDetector;
  readonly localhostNodePorts: boolean;
  /** `--nodeport-addresses`; empty: every address. */
  readonly nodePortAddresses: readonly string[];
  /** `nf_conntrack_tcp_be_liberal` is set: no rule drops INVALID packets. */
  readonly conntrackTcpLiberal: boolean;
  /** iptables knows MASQUERADE --random-fully. */
  readonly randomFully: boolean;
  readonly loadBalancerIPMode: boolean;
  readonly dialect: Dialect;
}

export const DEFAULT_MASQUERADE_BIT = 14;

/** As kube-proxy writes a mark. */
export const markText = (bit: number): string => `0x${(2 ** bit).toString(16).padStart(8, '0')}`;

/** What compiling asks for, worked out once. */
export interface CompileEnvironment extends ProxyConfig {
  readonly nodePorts: NodePortAddresses;
  /** Node ports answer at 127.0.0.1: wanted, and not taken away by nodePortAddresses. */
  readonly localhost: boolean;
  readonly topology: NodeTopology;
  readonly ifLocal: Part | undefined;
  readonly ifNotLocal: Part | undefined;
  /** Accounting objects that exist. */
  readonly counters: ReadonlySet<string>;
  /** More than a thousand endpoints: rules of endpoints have no comments. */
  readonly large: boolean;
}

export function environmentOf(config: ProxyConfig, counters: ReadonlySet<string>, large: boolean): CompileEnvironment {
  const nodePorts = new NodePortAddresses(config.family, config.nodePortAddresses);
  const { nodeName, zone, dialect, localDetector } = config;
  return {
    ...config,
    nodePorts,
    localhost: config.localhostNodePorts && nodePorts.containsIpv4Loopback,
    topology: { nodeName, zone, nodeHints: dialect.nodeHints, hintsNeedAnnotation: dialect.hintsNeedAnnotation },
    ifLocal: localPart(localDetector, false),
    ifNotLocal: localPart(localDetector, true),
    counters,
    large,
  };
}
