/** The routes of a node as BIRD would write them, where there is no BIRD: from what it would hear of its neighbours. Pure. */
import { inCidr, parseCidr, parseIpv4 } from '../../base/address.ts';
import type { Command } from './command.ts';
import type { Neighbour, Speaker } from './model.ts';

/** iproute2 says `proto bird` (`/etc/iproute2/rt_protos`). */
const PROTOCOL = 'proto 12';

export function staticWays(namespace: string, speaker: Speaker): Command[] {
  const own = speaker.block === undefined ? [] : [`route replace blackhole ${speaker.block} ${PROTOCOL}`];
  return [{ tool: 'ip', namespace, lines: [...own, ...speaker.neighbours.flatMap(each => wayTo(speaker, each))] }];
}

/** To those who have left. */
export function withoutWays(namespace: string, before: Speaker, now: Speaker): Command[] {
  const gone = before.neighbours.filter(({ block }) => block !== undefined && !now.neighbours.some(each => each.block === block));
  return gone.length === 0 ? [] : [{ tool: 'ip', namespace, lines: gone.map(({ block }) => `route del ${block} ${PROTOCOL}`) }];
}

/** By the way that is nearest to its address. */
function wayTo({ ways }: Speaker, { block, address }: Neighbour): string[] {
  const fitting = ways.map(way => ({ ...way, network: parseCidr(way.to) })).filter(({ network }) => inCidr(parseIpv4(address), network));
  const way = fitting.sort((a, b) => b.network.prefix - a.network.prefix)[0];
  if (block === undefined || way === undefined) return [];
  return [`route replace ${block} via ${way.via ?? address} dev ${way.dev}${way.via === undefined ? '' : ' onlink'} ${PROTOCOL}`];
}
