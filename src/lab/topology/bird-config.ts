/**
 * What BIRD (version 2) is told: the design of Calico's confd templates, for the little that a lab has. Pure.
 *
 * Differs from Calico: next hops are looked up in a table `ways` of its own and not in the main one, since a plain BIRD does not know Calico's
 * `krt_tunnel`, by which a route is sent into `tunl0`; and waiting times are short.
 */
import { formatCidr, parseCidr } from '../../base/address.ts';
import type { Neighbour, Speaker, Way } from './model.ts';
import { AS_NUMBER } from './speakers.ts';

export const birdConfig = (speaker: Speaker): string =>
  [
    'log stderr { warning, error, fatal, bug, auth };',
    `router id ${speaker.address};`,
    '',
    '# How a next hop is reached.',
    'ipv4 table ways;',
    '',
    'protocol device {',
    '  scan time 2;',
    '}',
    '',
    ...(speaker.block === undefined ? torLines(speaker) : nodeLines(speaker, speaker.block)),
    '',
  ].join('\n');

function nodeLines(speaker: Speaker, block: string): string[] {
  return [
    '# The node has taken this block. A pod of it has a route of its own; what is for nobody ends here.',
    'protocol static own {',
    '  ipv4;',
    `  route ${block} blackhole;`,
    '}',
    '',
    ...waysLines(speaker.ways),
    '# Routes that others have written are learned: the pods of this node.',
    'protocol kernel {',
    '  learn;',
    '  persist;',
    '  scan time 2;',
    '  metric 0;',
    '  merge paths on;',
    '  ipv4 {',
    '    import all;',
    '    export where source ~ [ RTS_STATIC, RTS_BGP ];',
    '  };',
    '}',
    '',
    '# The block, and nothing beneath it.',
    'filter own_block {',
    `  if net = ${block} then accept;`,
    '  reject;',
    '}',
    '',
    ...speaker.neighbours.flatMap(each => session(each, ['export filter own_block;'])),
  ];
}

function torLines(speaker: Speaker): string[] {
  return [
    ...waysLines(speaker.ways),
    'protocol direct {',
    '  ipv4;',
    '  interface "eth*";',
    '}',
    '',
    'protocol kernel {',
    '  persist;',
    '  scan time 2;',
    '  metric 0;',
    '  merge paths on;',
    '  ipv4 {',
    '    import none;',
    '    export where source = RTS_BGP;',
    '  };',
    '}',
    '',
    ...speaker.neighbours.flatMap(each => session(each, reflected(speaker, each), ['rr client;'])),
  ];
}

/** What a client is told: other networks and what is on them by this router, what is on its own network by who told it. */
function reflected(speaker: Speaker, client: Neighbour): string[] {
  const own = speaker.networks.find(network => network.startsWith(`${client.source}/`))!;
  return [
    'export filter {',
    `  if source = RTS_DEVICE then { if net = ${networkOf(own)} then reject; accept; }`,
    '  if source != RTS_BGP then reject;',
    `  if ! (bgp_next_hop ~ ${networkOf(own)}) then bgp_next_hop = ${client.source};`,
    '  accept;',
    '};',
  ];
}

const networkOf = (text: string): string => {
  const { address, mask, prefix } = parseCidr(text);
  return formatCidr({ address: address & mask, prefix });
};

function session({ session: name, address, source }: Neighbour, channel: readonly string[], more: readonly string[] = []): string[] {
  return [
    `protocol bgp ${name} {`,
    `  local ${source} as ${AS_NUMBER};`,
    `  neighbor ${address} as ${AS_NUMBER};`,
    '  multihop;',
    ...more.map(line => `  ${line}`),
    '  graceful restart on;',
    '  connect delay time 1;',
    '  connect retry time 2;',
    '  error wait time 1, 5;',
    '  ipv4 {',
    '    igp table ways;',
    '    import all;',
    ...channel.map(line => `    ${line}`),
    '  };',
    '}',
    '',
  ];
}

/** A next hop behind a device that has no address of its own, or in a tunnel, is believed to be there (`onlink`). */
function waysLines(ways: readonly Way[]): string[] {
  const networks = ways.filter(way => way.via === undefined);
  const hosts = ways.filter(way => way.via !== undefined);
  return [
    ...(networks.length === 0
      ? []
      : [
          'protocol direct near {',
          '  ipv4 { table ways; };',
          `  interface ${[...new Set(networks.map(way => `"${way.dev}"`))].join(', ')};`,
          '}',
          '',
        ]),
    ...(hosts.length === 0
      ? []
      : [
          'protocol static far {',
          '  ipv4 { table ways; };',
          ...hosts.map(({ to, via, dev }) => `  route ${to} via ${via}%${dev} onlink;`),
          '}',
          '',
        ]),
  ];
}
