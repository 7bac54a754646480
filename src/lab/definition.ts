/** The form of an exercise: what `labs/NN-name/lab.ts` exports. Everything here is data; the runner gives it life. */
import type { ClusterObject } from '../cluster/objects/types.ts';
import type { Need } from './needs.ts';
import type { Expectation } from './sight.ts';
import type { ClusterDeclaration } from './topology/declaration.ts';
import type { Plane, PodNetwork } from './topology/model.ts';
import type { Trouble } from './trouble/trouble.ts';

export interface ServiceDeclaration {
  /** In the namespace `default`. */
  clusterIp: string;
  port: number;
  nodePort?: number;
  /** Its endpoints, in this order, at the pod's own port. */
  pods: readonly string[];
}

export interface Lab extends ClusterDeclaration {
  title: string;
  /** For its text and everything in it, at a reader's pace. */
  minutes?: number;
  /** Beyond what every lab needs. */
  needs?: readonly Need[];
  /** Files beside the exercise with Services and EndpointSlices, compiled into the rules of every node, by the node's own view. */
  manifests?: readonly string[];
  /** Where the exercise stands, and what stands in its manifests: filled in when it is loaded. */
  folder?: string;
  objects?: readonly ClusterObject[];
  /** Services said in short: the same as manifests. */
  services?: Readonly<Record<string, ServiceDeclaration>>;
  /** Ports of pods of an API are in hairpin mode, as flannel's CNI configuration has it. */
  hairpin?: boolean;
  /** Services of an API get the address that they ask of a load balancer (`loadBalancerIP`), without one that does anything. */
  givesLoadBalancerIps?: boolean;
  steps: readonly LabStep[];
  /** The same exercise over other pod networks (`--network`): what is different there. */
  networks?: Readonly<Partial<Record<PodNetwork, Partial<Omit<Lab, 'networks' | 'podNetwork'>>>>>;
  /** Faults that the reader is to find, in an exercise of that kind: its steps then hold in a lab that is well. */
  troubles?: readonly Trouble[];
}

export const lab = (definition: Lab): Lab => definition;

/** A packet with every field fixed. The lab fills in the MACs: the sender's own and that of its next hop. */
export type ProbePacket =
  | {
      protocol: 'tcp';
      /** Absent: the sender's own address. */
      src?: string;
      dst: string;
      srcPort: number;
      flags: string;
      seq: number;
      ack: number;
      text: string;
    }
  | { protocol: 'udp'; dst: string; srcPort: number; text: string }
  | { protocol: 'icmp'; dst: string; id: number; sequence: number }
  | { protocol: 'arp'; dst: string };

/** Who connects in a burst. */
export interface Clients {
  first?: string;
  count: number;
}

/** One step. `hint`: what helps the reader on when a check of it fails. */
export type LabStep = Action & { hint?: string };

type Action =
  | { do: 'prepare'; where: string; command: string }
  | { do: 'probe'; from: string; packet: ProbePacket }
  | { do: 'converse'; from: string; command: string; output?: RegExp; exit: number; compared: boolean }
  | { do: 'start'; from: string; command: string; compared: boolean }
  | { do: 'finish'; output?: RegExp; exit: number }
  | { do: 'serve'; where: string; port: number }
  | { do: 'load rules'; node: string; file?: string }
  | { do: 'apply'; file: string; written: boolean }
  | { do: 'withdraw'; file: string }
  | { do: 'delete'; kind: string; name: string }
  | { do: 'burst'; from: string; packet: Extract<ProbePacket, { protocol: 'tcp' }>; flows: number; clients: Clients }
  | { do: 'advance'; node: string; seconds: number }
  | { do: 'follow'; node: string; filter: string }
  | { do: 'on plane'; node: string; plane: Plane; steps: readonly LabStep[] }
  | { do: 'claim'; what: string; steps: readonly LabStep[] }
  | { do: 'expect hop'; hop: string; expected: Expectation }
  | { do: 'expect nothing'; hop: string; expected: Expectation }
  | { do: 'expect conntrack'; node: string; entry: RegExp }
  | { do: 'expect no conntrack'; node: string; entry: RegExp }
  | { do: 'expect events'; node: string; events: readonly RegExp[] }
  | { do: 'expect shares'; what: string; hops: readonly string[] }
  | { do: 'expect loyalty'; what: string; hops: readonly string[]; changed: readonly [least: number, most: number] }
  | { do: 'expect rule'; node: string; rule: RegExp; packets: number }
  | { do: 'expect output'; where: string; command: string; output: RegExp };

/** Puts a pod, client or node into the state that the next step counts on, so that the exercise can be checked again and again. */
export const prepare = (where: string, command: string): LabStep => ({ do: 'prepare', where, command });

/** Frames that the lab injects with every field fixed: compared at each hop, field by field. */
export const probe = (from: string, packet: ProbePacket): LabStep => ({ do: 'probe', from, packet });

/**
 * A real program over real sockets: compared by flow.
 *
 * @param options.output what it must print @param options.exit 0 unless given
 * @param options.compared false: chance or time decides what passes the wires, so it is only checked
 */
export const converse = (from: string, command: string, options: { output?: RegExp; exit?: number; compared?: boolean } = {}): LabStep => ({
  do: 'converse',
  from,
  command,
  exit: options.exit ?? 0,
  compared: options.compared ?? true,
  ...(options.output === undefined ? {} : { output: options.output }),
});

/** A real program that goes on while the next steps run: what they see is its conversation. `finish` waits for its end. */
export const start = (from: string, command: string, options: { compared?: boolean } = {}): LabStep => ({
  do: 'start',
  from,
  command,
  compared: options.compared ?? true,
});

/** Waits for the program that was started. @param options as for `converse` */
export const finish = (options: { output?: RegExp; exit?: number } = {}): LabStep => ({
  do: 'finish',
  exit: options.exit ?? 0,
  ...(options.output === undefined ? {} : { output: options.output }),
});

/** From here to the end of the exercise a server listens there, as in a pod of `kubehop/echo`: a program of the node itself. */
export const serve = (where: string, port: number): LabStep => ({ do: 'serve', where, port });

/**
 * The node gets the rules that it began with, all counters at 0, and on top those of `file`: what the reader writes, in the exercise's
 * `start/`, in its `solution/`, or in a folder of his own. Connections that the node knows go on by what was decided for them.
 */
export const loadRules = (node: string, file?: string): LabStep => ({ do: 'load rules', node, ...(file === undefined ? {} : { file }) });

/**
 * Objects of another manifest beside the exercise come, or take the place of those with the same names, and each node's kube-proxy writes
 * its rules. What was applied stays: an exercise that can be checked again applies what it begins with first.
 *
 * With an API it is that which takes them, as `kubectl apply` would: a pod that is on its way out is waited for, and then one that comes until
 * it is ready. What controllers do about it goes on while the next steps run.
 */
export const apply = (file: string): LabStep => ({ do: 'apply', file, written: false });

/** The same with a manifest that the reader writes, in the exercise's `start/`, in its `solution/`, or in a folder of his own. */
export const applyWritten = (file: string): LabStep => ({ do: 'apply', file, written: true });

/** What stands in it goes, if it is there from an earlier check. In a lab without an API. */
export const withdrawWritten = (file: string): LabStep => ({ do: 'withdraw', file });

/** These judge what the reader has written: where one of them fails, he is told this besides what was expected and what was found. */
export const hinted = (hint: string, ...steps: LabStep[]): LabStep[] => steps.map(step => ({ ...step, hint }));

/** The API is asked to delete an object of the namespace `default`; what it takes to end goes on while the next steps run. @param kind `Pod` */
export const remove = (kind: string, name: string): LabStep => ({ do: 'delete', kind, name });

/**
 * As many connections, one after the other: the same SYN from as many source ports, counted up from the probe's. Which backend each
 * gets is chance, so it is judged by `expectShares` and not compared; the routers' trace rests meanwhile, and the journey leaves it out.
 */
export const burst = (from: string, packet: ProbePacket, flows: number): LabStep => crowd(from, packet, { rounds: flows });

/**
 * A burst of many clients: each connects once in every round, always in the same order, from an address of its own. The sender has to have
 * all of these addresses.
 *
 * @param clients.first address of the first, the others follow; absent: the sender alone, with its own
 */
export const crowd = (
  from: string,
  packet: ProbePacket,
  { first, clients = 1, rounds }: { first?: string; clients?: number; rounds: number },
): LabStep => {
  if (packet.protocol !== 'tcp') throw new TypeError('a burst is made of TCP segments');
  return { do: 'burst', from, packet, flows: clients * rounds, clients: { count: clients, ...(first !== undefined && { first }) } };
};

/**
 * Each connection of the last burst came to one of these hops, in shares that kube-proxy's random rules give and in an order that each
 * new draw gives. @param what names them: a Service @param hops of the backends, in the order of the rules
 */
export const expectShares = (what: string, hops: readonly string[]): LabStep => ({ do: 'expect shares', what, hops });

/**
 * How many clients of the last crowd came to another backend than in the round before, at least once. @param what names a Service
 * @param hops of the backends @param changed least and most
 */
export const expectLoyalty = (what: string, hops: readonly string[], changed: readonly [least: number, most: number]): LabStep => ({
  do: 'expect loyalty',
  what,
  hops,
  changed,
});

/** The clock of a userspace node jumps. A kernel has no such clock: say with `onPlane` what it does instead. */
export const advance = (node: string, seconds: number): LabStep => ({ do: 'advance', node, seconds });

/** Steps for one data plane only: where the other cannot do it. No probes and no conversations, or the runs cannot be compared. */
export const onPlane = (node: string, plane: Plane, ...steps: LabStep[]): LabStep => ({ do: 'on plane', node, plane, steps });

/** All checks of these steps are one. @param what it says, in words */
export const claim = (what: string, ...steps: LabStep[]): LabStep => ({ do: 'claim', what, steps });

/** The node's `conntrack -E` runs from here on. @param filter `-p tcp --orig-port-src 40001` */
export const follow = (node: string, filter: string): LabStep => ({ do: 'follow', node, filter });

/** The events since `follow`: as many, in this order. */
export const expectEvents = (node: string, events: readonly RegExp[]): LabStep => ({ do: 'expect events', node, events });

/** At least one packet at the hop, since the last probe or conversation began, shows all of this. */
export const expectHop = (hop: string, expected: Expectation): LabStep => ({ do: 'expect hop', hop, expected });

/** No packet of the whole run shows all of this at the hop. */
export const expectNothing = (hop: string, expected: Expectation): LabStep => ({ do: 'expect nothing', hop, expected });

/** A line of the node's `conntrack -L`. */
export const expectConntrack = (node: string, entry: RegExp): LabStep => ({ do: 'expect conntrack', node, entry });

/** No line of it: because there was none, or because it has expired. */
export const expectNoConntrack = (node: string, entry: RegExp): LabStep => ({ do: 'expect no conntrack', node, entry });

/** A rule of the node's `iptables-save -c` that has counted so many packets. */
export const expectRule = (node: string, rule: RegExp, packets: number): LabStep => ({ do: 'expect rule', node, rule, packets });

/** What a command in a pod, client or node prints: `ip neighbour`, `ss -tln`. Not part of the comparison. */
export const expectOutput = (where: string, command: string, output: RegExp): LabStep => ({ do: 'expect output', where, command, output });

/** @param dst `192.168.56.11:30080` */
export const tcpSyn = (dst: string, options: { srcPort?: number; seq?: number } = {}): ProbePacket =>
  tcp(dst, { flags: 'SYN', srcPort: options.srcPort ?? 40_001, seq: options.seq ?? 1_000_000 });

/** Any segment. @param options.flags `SYN,ACK`, `ACK`, `PSH,ACK`, `FIN,ACK`, `RST` @param options.text its data */
export const tcp = (dst: string, options: { flags: string; srcPort: number; seq: number; ack?: number; text?: string }): ProbePacket => ({
  protocol: 'tcp',
  dst,
  ack: 0,
  text: '',
  ...options,
});

export const udpDatagram = (dst: string, text: string, srcPort = 40_001): ProbePacket => ({ protocol: 'udp', dst, srcPort, text });
export const ping = (dst: string, options: { id?: number; sequence?: number } = {}): ProbePacket => ({
  protocol: 'icmp',
  dst,
  id: options.id ?? 7,
  sequence: options.sequence ?? 1,
});
/** Who has this address? */
export const whoHas = (dst: string): ProbePacket => ({ protocol: 'arp', dst });
