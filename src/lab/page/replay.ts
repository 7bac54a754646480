/**
 * The connection tables of a run's nodes while it ran: what each packet of the journey does to them. conntrack(8) tells only the end; what
 * was there at each step follows from the packets, in their order, and from the kernel's table of TCP's states.
 */
import type { Layer } from '../../capture/layers.ts';
import { nextState, packetClass, TcpState, tcpStateNames } from '../../conntrack/tcp/states.ts';
import { envelopeDepth } from '../../web/model/headers.ts';
import type { Ends, Place, ReportRecord, TrackedEntry } from '../../web/report-data.ts';

interface Tracked extends TrackedEntry {
  tcp: number;
}

interface Tuple extends Ends {
  protocol: string;
  flags: number;
}

/**
 * Writes `tracked` into the records that make or change an entry.
 *
 * @param records in order of time
 * @param macs who has which MAC: `node1/eth0`
 */
export function replayTables(records: readonly ReportRecord[], nodes: readonly Place[], macs: Readonly<Record<string, string>>): void {
  const tables = new Map(nodes.map(node => [node.name, new NodeTable(node.name)]));
  const bridging = new Set(nodes.filter(node => node.bridgeNf).map(node => node.name));
  for (const record of records) {
    const [node, port] = record.hop.split('/') as [string, string | undefined];
    const bridged = isBridged(record, node, macs);
    if (bridged && (port === 'eth0' || !bridging.has(node))) continue;
    const changed = tables.get(node)?.see(record) ?? [];
    if (changed.length > 0) record.tracked = changed.map(({ tcp: _, ...entry }) => ({ ...entry, seen: [...entry.seen] }));
  }
}

/** Does the frame pass the node's interface from one that is not the node's to another that is not? IP has no part in it then. */
function isBridged({ layers: [link], direction }: ReportRecord, node: string, macs: Readonly<Record<string, string>>): boolean {
  if (link?.layer !== 'ethernet' || direction === undefined) return false;
  const owner = macs[direction === 'in' ? link.dst : link.src];
  return owner !== undefined && !owner.startsWith(`${node}/`);
}

interface Inside {
  entry: Tracked;
  reply: boolean;
  /** Is it the envelope's entry? */
  enveloped: boolean;
}

/** One node's. */
class NodeTable {
  readonly #node: string;
  readonly #entries = new Map<string, Tracked>();
  /** Packets that are inside, by number: the entry that they belong to, and in which direction. */
  readonly #inside = new Map<number, Inside>();
  #last = 0;

  constructor(node: string) {
    this.#node = node;
  }

  /** @returns the entries that are not as they were */
  see(record: ReportRecord): Tracked[] {
    const hook = record.direction === undefined;
    const enveloped = envelopeDepth(record.layers) > 0;
    const tuple = tupleOf(record.layers);
    if (tuple === undefined || record.quoted !== undefined) return [];
    const inside = this.#inside.get(record.packet);
    // Behind prerouting and input of the envelope the packet itself comes in by the tunnel's interface.
    const enters = !hook && record.direction === 'in';
    if (enters || inside === undefined || inside.enveloped !== enveloped) return this.#enter(record, tuple, !hook && !enters);
    return this.#pass(inside, record, tuple, !hook || /-> confirmed/.test(record.rules ?? ''));
  }

  #enter(record: ReportRecord, tuple: Tuple, leaves: boolean): Tracked[] {
    const before = this.#inside.get(record.packet);
    const delivered = before !== undefined && !before.entry.confirmed ? [before.entry] : [];
    for (const entry of delivered) entry.confirmed = true;
    const [key, answer] = [keyOf(tuple), keyOf(turned(tuple))];
    let entry = this.#entries.get(key);
    const reply = entry !== undefined && keyOf({ ...entry.original, protocol: entry.protocol }) !== key;
    if (entry === undefined) {
      const { protocol, flags: _, ...original } = tuple;
      const { src, dst, srcPort, dstPort } = original;
      const back = { src: dst, srcPort: dstPort, dst: src, dstPort: srcPort };
      entry = { id: ++this.#last, node: this.#node, protocol, original, reply: back, state: '', confirmed: leaves, seen: [0, 0], tcp: 0 };
      this.#entries.set(key, entry);
      if (!this.#entries.has(answer)) this.#entries.set(answer, entry);
    }
    entry.seen[reply ? 1 : 0]++;
    advance(entry, tuple, reply);
    if (reply) entry.confirmed = true;
    this.#inside.set(record.packet, { entry, reply, enveloped: envelopeDepth(record.layers) > 0 });
    return delivered.includes(entry) ? delivered : [...delivered, entry];
  }

  /** Further on in the node: what is translated shows, and the last hook lets it into the table. */
  #pass({ entry, reply }: Inside, record: ReportRecord, tuple: Tuple, confirms: boolean): Tracked[] {
    const { flags: _, protocol, ...back } = turned(tuple);
    const translated = !reply && keyOf({ ...entry.reply, protocol }) !== keyOf({ ...back, protocol });
    const confirmed = confirms && !entry.confirmed && record.dropped === undefined;
    if (translated) {
      entry.reply = back;
      this.#entries.set(keyOf({ ...back, protocol }), entry);
    }
    if (confirmed) entry.confirmed = true;
    return translated || confirmed ? [entry] : [];
  }
}

function advance(entry: Tracked, tuple: Tuple, reply: boolean): void {
  if (entry.protocol !== 'tcp') return;
  const next = nextState(reply ? 1 : 0, packetClass(tuple.flags), entry.tcp);
  if (next !== TcpState.Invalid && next !== TcpState.Ignore) entry.tcp = next;
  entry.state = tcpStateNames[entry.tcp] ?? '';
}

const turned = (t: Tuple): Tuple => ({ ...t, src: t.dst, srcPort: t.dstPort, dst: t.src, dstPort: t.srcPort });
const keyOf = (t: Ends & { protocol: string }): string => `${t.protocol} ${t.src}:${t.srcPort} ${t.dst}:${t.dstPort}`;

const flagBits = ['FIN', 'SYN', 'RST', 'PSH', 'ACK', 'URG'] as const;

/** Of what the node's own connection tracking sees: the envelope while there is one. */
function tupleOf(layers: readonly Layer[]): Tuple | undefined {
  const at = layers.findIndex(l => l.layer === 'ipv4');
  const [ip, l4] = [layers[at], layers[at + 1]];
  if (ip?.layer !== 'ipv4' || ip.fragmentOffset !== 0) return undefined;
  const { src, dst } = ip;
  if (l4?.layer === 'tcp') {
    const flags = flagBits.reduce((sum, word, bit) => sum + (l4.flags.split(',').includes(word) ? 1 << bit : 0), 0);
    return { protocol: 'tcp', src, srcPort: l4.srcPort, dst, dstPort: l4.dstPort, flags };
  }
  if (l4?.layer === 'udp') return { protocol: 'udp', src, srcPort: l4.srcPort, dst, dstPort: l4.dstPort, flags: 0 };
  if (l4?.layer === 'icmp' && l4.id !== undefined) return { protocol: 'icmp', src, srcPort: l4.id, dst, dstPort: l4.id, flags: 0 };
  return undefined;
}
