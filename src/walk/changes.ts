/** What a target has changed: the packet's state before and after, compared. */
import type { Conntrack } from '../conntrack/conntrack.ts';
import type { Target } from '../netfilter/ruleset.ts';
import type { Packet } from '../packet/packet.ts';
import { u16 } from '../wire/bytes.ts';
import * as ipv4 from '../wire/ipv4.ts';
import * as tcp from '../wire/tcp.ts';
import { endpointText, hasPorts, type Unknowns } from './fields.ts';
import type { Change } from './story.ts';

export interface Snapshot {
  readonly mark: number;
  readonly ctMark: number | undefined;
  readonly ttl: number;
  readonly tos: number;
  readonly mss: number | undefined;
  readonly priority: number;
  readonly traced: boolean;
  readonly untracked: boolean;
  readonly zone: number;
  /** What the flow's packets will look like, as bound so far. */
  readonly flow: { src: number; dst: number; srcPort: number | undefined; dstPort: number | undefined } | undefined;
}

export function snapshot(p: Packet, conntrack: Conntrack): Snapshot {
  const b = p.bytes;
  const isTcp = ipv4.protocol(b, p.l3) === ipv4.Protocol.Tcp && p.end - p.l4 >= tcp.HEADER_LEN;
  const mss = isTcp && tcp.check(b, p.l4, p.end) === 0 ? tcp.findOption(b, p.l4, tcp.Option.Mss) : -1;
  const ports = hasPorts(ipv4.protocol(b, p.l3));
  return {
    mark: p.mark >>> 0,
    ctMark: p.ct < 0 ? undefined : conntrack.mark(p.ct),
    ttl: ipv4.ttl(b, p.l3),
    tos: ipv4.tos(b, p.l3),
    mss: mss < 0 ? undefined : u16(b, mss + 2),
    priority: p.priority,
    traced: p.traced,
    untracked: p.untracked,
    zone: p.zone,
    flow:
      p.ct < 0
        ? undefined
        : {
            src: conntrack.replyDst(p.ct),
            dst: conntrack.replySrc(p.ct),
            srcPort: ports ? conntrack.replyDstPort(p.ct) : undefined,
            dstPort: ports ? conntrack.replySrcPort(p.ct) : undefined,
          },
  };
}

const hex = (v: number): string => `0x${v.toString(16)}`;

export function changesOf(
  target: Target | undefined,
  before: Snapshot,
  after: Snapshot,
  unknowns: Unknowns,
  because: string | undefined,
): Change[] {
  const changes: Change[] = [];
  const changed = (what: string, from: number | undefined, to: number | undefined, words: (v: number) => string = String): void => {
    if (from !== to) changes.push({ what, ...(from !== undefined && { from: words(from) }), to: to === undefined ? 'none' : words(to) });
  };
  changed('mark', before.mark, after.mark, hex);
  if (before.ctMark !== undefined) changed('connection mark', before.ctMark, after.ctMark, hex);
  changed('TTL', before.ttl, after.ttl);
  changed('TOS', before.tos, after.tos, hex);
  changed('MSS', before.mss, after.mss);
  changed('priority', before.priority, after.priority, hex);
  changed('zone', before.zone & 0xffff, after.zone & 0xffff);
  if (after.traced && !before.traced) changes.push({ what: 'trace', to: 'on' });
  if (after.untracked && !before.untracked) changes.push({ what: 'conntrack', to: 'leaves it alone' });
  changes.push(...translations(before, after, unknowns, because));
  if (changes.length === 0) changes.push(...unchanged(target, after).map(c => ({ ...c, ...(because !== undefined && { because }) })));
  return changes;
}

function translations({ flow: from }: Snapshot, { flow: to }: Snapshot, unknowns: Unknowns, because: string | undefined): Change[] {
  if (!from || !to) return [];
  const changes: Change[] = [];
  const why = because === undefined ? {} : { because };
  if (from.dst !== to.dst || from.dstPort !== to.dstPort)
    changes.push({
      what: 'destination',
      from: endpointText(unknowns.endpoint(from.dst, from.dstPort)),
      to: endpointText(unknowns.endpoint(to.dst, to.dstPort)),
      ...why,
    });
  if (from.src !== to.src || from.srcPort !== to.srcPort)
    changes.push({
      what: 'source',
      from: endpointText(unknowns.endpoint(from.src, from.srcPort)),
      to: endpointText(unknowns.endpoint(to.src, to.srcPort)),
      ...why,
    });
  return changes;
}

/** A target that changed nothing is worth a word. */
function unchanged(target: Target | undefined, after: Snapshot): Change[] {
  switch (target?.kind) {
    case 'MARK':
      return [{ what: 'mark', to: `stays ${hex(after.mark)}` }];
    case 'LOG':
    case 'NFLOG':
      return [{ what: 'log', to: JSON.stringify(target.prefix) }];
    case 'DNAT':
    case 'REDIRECT':
      return [{ what: 'destination', to: 'stays as it is' }];
    case 'SNAT':
    case 'MASQUERADE':
      return [{ what: 'source', to: 'stays as it is' }];
    default:
      return [];
  }
}
