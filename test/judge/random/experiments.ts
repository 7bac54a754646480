/**
 * What Linux leaves to chance, and with which chances: `statistic --mode random`, and ports and ICMP identifiers that NAT draws. Each
 * draw is the first packet of a flow that no other flow resembles, so that draws do not depend on each other.
 */
import { u16 } from '../../../src/wire/bytes.ts';
import * as icmp from '../../../src/wire/icmp.ts';
import * as ipv4 from '../../../src/wire/ipv4.ts';
import { ruleSetOf } from '../generate/tables.ts';
import type { PacketSpec } from '../packet-spec.ts';

export interface Experiment {
  name: string;
  rules: string[];
  /** Rules with another chance: a router that runs them must be told from one that runs `rules`. */
  wrong?: { what: string; rules: string[] };
  /** What is sent for draw `n`; what the last one becomes is the draw. */
  packets(n: number): PacketSpec[];
  /** Of the frame that came out. */
  read(frame: Uint8Array): number;
  /** Chance of each cell. */
  shares: number[];
  cellOf(value: number): number;
}

/** In by link `a`, out by `b`, whose gateway stands for all of 203.0.113.0/24. */
const OWN = '10.0.2.1';
/** Hosts of link `a` from which flows come; each has a neighbour that gets in its way. */
const SENDERS = 121;
const sender = (n: number): number => 2 + 2 * (n % SENDERS);
/**
 * No two have one source: Linux gives a source that it has translated the same port again, when it was not asked for a random one
 * (`find_appropriate_src`). Nor do two have the same ends, whichever ports they have.
 */
const flow = (n: number): PacketSpec => ({
  protocol: 'udp',
  src: `10.0.1.${sender(n)}`,
  dst: `203.0.113.${2 + (n % 248)}`,
  sport: 20_000 + Math.floor(n / SENDERS),
  dport: 10_000 + Math.floor(n / 248),
});

const l4 = (frame: Uint8Array): number => 14 + ipv4.headerLength(frame, 14);
const sourcePort = (frame: Uint8Array): number => u16(frame, l4(frame));
const destinationPort = (frame: Uint8Array): number => u16(frame, l4(frame) + 2);
const lastByteOfDestination = (frame: Uint8Array): number => ipv4.dst(frame, 14) & 255;

/**
 * A port is `min` and the rest of 16 random bits divided by the size (`nf_nat_l4proto_unique_tuple`): where the size does not divide
 * 65536, the first ports come more often. One cell for each of `cells` stretches.
 */
function ports(min: number, max: number, cells: number): Pick<Experiment, 'shares' | 'cellOf'> {
  const size = max - min + 1;
  const cellOf = (port: number): number => (port < min || port > max ? -1 : Math.floor(((port - min) * cells) / size));
  const shares = Array.from({ length: cells }, () => 0);
  for (let random = 0; random < 65_536; random++) {
    shares[cellOf(min + (random % size))]! += 1 / 65_536;
  }
  return { shares, cellOf };
}

/** Each rule sets a bit of its own of the TOS with its own chance: 2^n cells, so that the choices are seen to be independent as well. */
function choices(probabilities: readonly (readonly [text: string, p: number])[]): Pick<Experiment, 'rules' | 'shares' | 'cellOf'> {
  const rules = probabilities.map(([text], i) => `-A FORWARD -m statistic --mode random ${text} -j TOS --set-tos ${bit(i)}/${bit(i)}`);
  const shares = Array.from({ length: 1 << probabilities.length }, (_, cell) =>
    probabilities.reduce((share, [, p], i) => share * ((cell >> i) & 1 ? p : 1 - p), 1),
  );
  return { rules: ruleSetOf({ mangle: rules }), shares, cellOf: tos => tos >> 2 };
}
const bit = (i: number): string => `0x${(4 << i).toString(16).padStart(2, '0')}`;
const p = (value: number): readonly [string, number] => [`--probability ${value}`, value];

/** As kube-proxy chooses among endpoints: each rule takes its share of what the rules above let through. */
function endpoints(probabilities: readonly string[]): string[] {
  const chosen = [...probabilities.map(each => `-m statistic --mode random --probability ${each} `), ''];
  return ruleSetOf({
    nat: {
      chains: ['KUBE-SVC', ...chosen.map((_, i) => `KUBE-SEP-${i}`)],
      rules: [
        '-A PREROUTING -p udp -j KUBE-SVC',
        ...chosen.map((match, i) => `-A KUBE-SVC ${match}-j KUBE-SEP-${i}`),
        ...chosen.map((_, i) => `-A KUBE-SEP-${i} -p udp -j DNAT --to-destination 10.0.2.${2 + i}`),
      ],
    },
  });
}

/** @param protocol for ranges of ports, which want one that has some */
const source = (target: string, protocol = ''): string[] =>
  ruleSetOf({ nat: [`-A POSTROUTING -o b ${protocol && `-p ${protocol} `}-j ${target}`] });
const single = (change: Partial<PacketSpec> = {}) => ({ packets: (n: number) => [{ ...flow(n), ...change }], read: sourcePort });
/** Another host has the port already: the second is drawn another one. */
const clash = (sport: number, protocol: 'udp' | 'tcp') => ({
  packets: (n: number): PacketSpec[] =>
    [0, 1].map(more => ({ ...flow(n), protocol, src: `10.0.1.${sender(n) + more}`, sport: sport + Math.floor(n / SENDERS) })),
  read: sourcePort,
});

export const experiments: readonly Experiment[] = [
  {
    name: 'statistic: six rules, each with its probability',
    ...choices([p(0.5), p(0.25), p(0.1), p(0.9), [`! ${p(0.3)[0]}`, 0.7], p(0.02)]),
    wrong: { what: '0.33 for 0.5', rules: choices([p(0.33), p(0.25), p(0.1), p(0.9), [`! ${p(0.3)[0]}`, 0.7], p(0.02)]).rules },
    packets: n => [flow(n)],
    read: frame => ipv4.tos(frame, 14),
  },
  {
    name: 'statistic: one of five endpoints',
    rules: endpoints(['0.20000000019', '0.25000000000', '0.33333333349', '0.50000000000']),
    wrong: {
      what: 'the shares of four endpoints',
      rules: endpoints(['0.25000000000', '0.33333333349', '0.50000000000', '0.50000000000']),
    },
    packets: n => [flow(n)],
    read: lastByteOfDestination,
    shares: [0.2, 0.2, 0.2, 0.2, 0.2],
    cellOf: last => last - 2,
  },
  { name: 'clash below 512', rules: source('MASQUERADE'), ...clash(100, 'udp'), ...ports(1, 511, 16) },
  { name: 'clash from 512 to 1023', rules: source('MASQUERADE'), ...clash(700, 'tcp'), ...ports(600, 1023, 16) },
  { name: 'clash from 512 to 599, of SNAT', rules: source(`SNAT --to-source ${OWN}`), ...clash(550, 'udp'), ...ports(600, 1023, 16) },
  { name: 'clash above 1023', rules: source('MASQUERADE'), ...clash(20_000, 'udp'), ...ports(1024, 65_535, 63) },
  { name: 'MASQUERADE --random below 512', rules: source('MASQUERADE --random'), ...single({ sport: 53 }), ...ports(1, 511, 16) },
  { name: 'MASQUERADE --random', rules: source('MASQUERADE --random'), ...single(), ...ports(1024, 65_535, 63) },
  {
    name: 'MASQUERADE --random-fully',
    rules: source('MASQUERADE --random-fully'),
    wrong: { what: 'half of the ports', rules: source('MASQUERADE --to-ports 1024-33279 --random-fully', 'tcp') },
    ...single({ protocol: 'tcp' }),
    ...ports(1024, 65_535, 63),
  },
  {
    name: 'MASQUERADE --to-ports',
    rules: source('MASQUERADE --to-ports 30000-30099', 'udp'),
    ...single(),
    ...ports(30_000, 30_099, 20),
  },
  {
    name: 'SNAT to a range of ports',
    rules: source(`SNAT --to-source ${OWN}:2000-8999`, 'udp'),
    ...single(),
    ...ports(2000, 8999, 35),
  },
  {
    name: 'SNAT to a range of ports, --random-fully',
    rules: source(`SNAT --to-source ${OWN}:600-699 --random-fully`, 'tcp'),
    ...single({ protocol: 'tcp', sport: 650 }),
    ...ports(600, 699, 20),
  },
  {
    name: 'DNAT to a range of ports, --random',
    rules: ruleSetOf({ nat: ['-A PREROUTING -p udp -j DNAT --to-destination 10.0.2.2:8000-8049 --random'] }),
    packets: n => [flow(n)],
    read: destinationPort,
    ...ports(8000, 8049, 25),
  },
  {
    name: 'identifier of an ICMP query, --random',
    rules: source('MASQUERADE --random'),
    ...single({ protocol: 'icmp', type: 8, rest: 0x0101_0001 }),
    read: frame => icmp.id(frame, l4(frame)),
    ...ports(0, 65_535, 64),
  },
];

/** Nothing is drawn here: the values of all draws are known. */
export interface ExactExperiment {
  name: string;
  rules: string[];
  packets(n: number): PacketSpec[];
  read(frame: Uint8Array): number;
  expected(n: number): number;
}

const nth = (every: number, packet: number, set: number): string =>
  `-A FORWARD -m statistic --mode nth --every ${every} --packet ${packet} -j TOS --set-tos ${bit(set)}/${bit(set)}`;
const nths = [
  [2, 0],
  [3, 0],
  [3, 1],
  [7, 6],
  [1, 0],
] as const;

export const exactExperiments: readonly ExactExperiment[] = [
  {
    name: 'statistic --mode nth',
    rules: ruleSetOf({ mangle: nths.map(([every, packet], i) => nth(every, packet, i)) }),
    packets: n => [flow(n)],
    read: frame => ipv4.tos(frame, 14),
    // `--packet p`: the p-th of each `every`, counted from 0.
    expected: n => nths.reduce((tos, [every, packet], i) => tos | (n % every === packet ? 4 << i : 0), 0),
  },
  {
    name: 'a free port is kept',
    rules: source('MASQUERADE'),
    packets: n => [{ ...flow(n), sport: 1 + ((n * 131) % 65_535) }],
    read: sourcePort,
    expected: n => 1 + ((n * 131) % 65_535),
  },
  {
    name: 'a free port of the range is kept',
    rules: source(`SNAT --to-source ${OWN}:2000-8999`, 'udp'),
    packets: n => [{ ...flow(n), sport: 2000 + (n % 7000) }],
    read: sourcePort,
    expected: n => 2000 + (n % 7000),
  },
  {
    name: 'DNAT to a range of ports takes the first',
    rules: ruleSetOf({ nat: ['-A PREROUTING -p udp -j DNAT --to-destination 10.0.2.2:8000-8049'] }),
    packets: n => [flow(n)],
    read: destinationPort,
    expected: () => 8000,
  },
];
