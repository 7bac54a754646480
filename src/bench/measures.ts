/**
 * What is measured, in which unit, and what counts as well: one line per figure of the table. `floor` must be met; `aim` is what the
 * router works towards.
 */

/** Who carries the packets. `kernelNft` is what everything is compared with. */
export const PLANES = ['router', 'routerLinear', 'kernelNft', 'kernelLegacy', 'kernelNftMaps', 'ovs'] as const;
export type PlaneName = (typeof PLANES)[number];

export const planeTitles: Record<PlaneName, string> = {
  router: 'router',
  routerLinear: 'router, no index',
  kernelNft: 'iptables-nft',
  kernelLegacy: 'iptables-legacy',
  kernelNftMaps: 'nft maps',
  ovs: 'Open vSwitch',
};

export interface Target {
  /** `ratio`: the router's figure by the kernel's with iptables-nft; `value`: the router's own figure. */
  readonly of: 'ratio' | 'value';
  readonly sense: 'at least' | 'at most';
  readonly floor: number;
  readonly aim: number;
}

export interface Measure {
  readonly id: string;
  readonly name: string;
  readonly unit: string;
  readonly target?: Target;
  /** The router's figure must be this many times that of Open vSwitch, where it is installed. */
  readonly timesOvs?: number;
}

const ratioAtLeast = (floor: number, aim: number): Target => ({ of: 'ratio', sense: 'at least', floor, aim });
const ratioAtMost = (floor: number, aim: number): Target => ({ of: 'ratio', sense: 'at most', floor, aim });
const atLeast = (floor: number, aim: number): Target => ({ of: 'value', sense: 'at least', floor, aim });
const atMost = (floor: number, aim: number): Target => ({ of: 'value', sense: 'at most', floor, aim });

const OVS = { timesOvs: 2 };

/** Numbers of Services of row k. */
export const FIRST_PACKET_AT = [10, 30, 100, 300, 1000, 3000, 10_000] as const;

export const measures = [
  { id: 'a.1', name: '64-byte UDP through DNAT, 1 flow', unit: 'packets/s', target: ratioAtLeast(1.1, 1.25), ...OVS },
  { id: 'a.1000', name: '64-byte UDP through DNAT, 1,000 flows', unit: 'packets/s', target: ratioAtLeast(1.1, 1.25), ...OVS },
  { id: 'a.lossfree', name: 'loss-free rate, 1,000 flows', unit: 'packets/s' },
  { id: 'a.lossfree.share', name: 'loss-free rate, of saturation', unit: 'share', target: atLeast(0.8, 0.9) },
  { id: 'a.tap.1', name: 'the same on TAP, 1 flow', unit: 'packets/s', target: ratioAtLeast(0.75, 1) },
  { id: 'a.tap.1000', name: 'the same on TAP, 1,000 flows', unit: 'packets/s', target: ratioAtLeast(0.75, 1) },
  { id: 'b.1', name: 'TCP, 1 stream', unit: 'Gbit/s', target: ratioAtLeast(0.8, 1), ...OVS },
  { id: 'b.8', name: 'TCP, 8 streams', unit: 'Gbit/s', target: ratioAtLeast(0.8, 1), ...OVS },
  { id: 'b.tap.1', name: 'TCP on TAP, 1 stream', unit: 'Gbit/s', target: ratioAtLeast(0.75, 0.95) },
  { id: 'b.tap.8', name: 'TCP on TAP, 8 streams', unit: 'Gbit/s', target: ratioAtLeast(0.75, 0.95) },
  { id: 'c.1', name: 'new flows, 1 Service', unit: 'flows/s', target: ratioAtLeast(0.9, 1), ...OVS },
  { id: 'c.1000', name: 'new flows, last of 1,000 Services', unit: 'flows/s' },
  { id: 'c.10000', name: 'new flows, last of 10,000 Services', unit: 'flows/s' },
  { id: 'c.kept', name: 'new flows at 10,000 Services, of those at one', unit: 'share', target: atLeast(0.9, 1) },
  { id: 'd', name: 'HTTP requests, a connection each', unit: 'requests/s', target: ratioAtLeast(0.9, 1), ...OVS },
  { id: 'e.p50', name: 'round trip, p50', unit: 'us', target: ratioAtMost(1.5, 1.2) },
  { id: 'e.p99', name: 'round trip, p99', unit: 'us', target: ratioAtMost(2, 1.5) },
  { id: 'e.p999', name: 'round trip, p99.9', unit: 'us' },
  { id: 'f.tcp', name: 'VXLAN, two nodes: TCP, 1 stream', unit: 'Gbit/s', target: ratioAtLeast(0.7, 0.9), ...OVS },
  { id: 'f.packets', name: 'VXLAN, two nodes: 64-byte UDP', unit: 'packets/s', target: ratioAtLeast(0.7, 0.9), ...OVS },
  { id: 'g.bytes', name: 'memory of a tracked flow', unit: 'bytes', target: atMost(128, 112) },
  { id: 'g.flows', name: 'new flows beside 1,000,000 tracked', unit: 'flows/s' },
  { id: 'g.kept', name: 'new flows beside 1,000,000, of an empty table', unit: 'share', target: atLeast(0.5, 0.7) },
  { id: 'h.force', name: 'one endpoint changed at 10,000 Services: in force', unit: 'ms', target: atMost(20, 5) },
  { id: 'h.pause', name: 'longest pause of traffic meanwhile', unit: 'ms', target: atMost(5, 1) },
  { id: 'i.user', name: 'user CPU per million packets', unit: 's', target: atMost(0.5, 0.3) },
  { id: 'i.system', name: 'system CPU per million packets', unit: 's' },
  { id: 'i.machine', name: 'busy CPU of the machine per million packets, sender included', unit: 's' },
  { id: 'j.packets', name: 'as a.1000, every hop captured', unit: 'packets/s' },
  { id: 'j.kept', name: 'with every hop captured, of those without', unit: 'share', target: atLeast(0.5, 0.7) },
  ...FIRST_PACKET_AT.map(count => ({
    id: `k.${count}` as const,
    name: `first packet of a connection, last of ${count.toLocaleString('en')} Services`,
    unit: 'us',
  })),
] as const satisfies readonly Measure[];

export type MeasureId = (typeof measures)[number]['id'];

export const measure = (id: MeasureId): Measure => measures.find(m => m.id === id)!;

/** Row letters, in the order of the table. */
export const rowLetters: readonly string[] = [...new Set(measures.map(m => m.id[0]!))];

/** Is the measure asked for? `words` as in `BenchOptions.rows`. */
export const wanted = (id: MeasureId, words: readonly string[]): boolean =>
  words.length === 0 || words.some(word => id === word || id.startsWith(`${word}.`));

/** The words of `words` that name nothing. */
export const unknownRows = (words: readonly string[]): string[] =>
  words.filter(word => !measures.some(m => m.id === word || m.id.startsWith(`${word}.`)));
