/**
 * Which packet is a pass of the kernel's rule trace about? The trace shows the headers with which a packet came to its first chain: the
 * same that the interface saw by which it came in, or, of what the node itself sends, the one by which it goes out.
 */
import { ownerOf } from '../identity.ts';
import type { Ipv4Layer, Layer, TcpLayer, UdpLayer } from '../layers.ts';
import type { Sighting } from '../sighting.ts';
import type { TracedHeader, TraceLine } from '../trace-text.ts';

export interface KernelPass {
  /** Where the packet was seen that the rules are about. */
  seen: Sighting;
  /** Did it come from a wire? Then what the rules did shows at the next sighting, else at this one. */
  cameIn: boolean;
  lines: TraceLine[];
}

/** @param sightings in order of time. Passes without a packet that was captured are left out. */
export function kernelPasses(trace: readonly TraceLine[], sightings: readonly Sighting[]): KernelPass[] {
  const byHeader = sightingsByHeader(sightings);
  const taken = new Set<Sighting>();
  const passes: KernelPass[] = [];
  for (const lines of Map.groupBy(trace, l => `${l.node}|${l.packet}`).values()) {
    const [first, ...rules] = lines;
    if (first?.kind !== 'packet' || first.header === undefined) continue;
    const { header, node } = first;
    const cameIn = header.iif !== undefined;
    const ports = header.srcPort === undefined ? '' : `${header.srcPort}>${header.dstPort}${header.flags ?? ''}`;
    // Packets that look alike are taken in the order in which they were traced, and each once.
    const seen = keysOf(node, header.iif ?? header.oif ?? '', cameIn ? 'in' : 'out', header, ports)
      .flatMap(key => byHeader.get(key) ?? [])
      .find(s => !taken.has(s));
    if (seen === undefined) continue;
    taken.add(seen);
    passes.push({ seen, cameIn, lines: rules });
  }
  return passes;
}

function sightingsByHeader(sightings: readonly Sighting[]): Map<string, Sighting[]> {
  const found = new Map<string, Sighting[]>();
  for (const s of sightings) {
    const { hop, direction, tracedId } = s.frame;
    const { layers } = s.dissection;
    // An envelope is a packet of its own for the rules.
    const at = layers.findIndex(l => l.layer === 'ipv4');
    if (tracedId !== undefined || direction === undefined || at < 0) continue;
    const node = ownerOf(hop);
    for (const key of keysOf(node, hop.slice(node.length + 1), direction, layers[at] as Ipv4Layer, portsText(layers[at + 1]))) {
      const list = found.get(key);
      if (list) list.push(s);
      else found.set(key, [s]);
    }
  }
  return found;
}

/** The best first. A packet may have come in by a bridge's port that nobody listens at, and what a node sends may be translated on its way out. */
function keysOf(node: string, device: string, direction: string, h: Header, ports: string): string[] {
  const marks = `${node}|${direction}|${h.identification}|${h.ttl}|${h.totalLength}`;
  const header = `${marks}|${h.src}|${h.dst}|${ports}`;
  return [`${header}|${device}`, header, ...(direction === 'out' && h.identification !== 0 ? [marks] : [])];
}

type Header = Pick<TracedHeader, 'src' | 'dst' | 'identification' | 'ttl' | 'totalLength'>;

function portsText(layer: Layer | undefined): string {
  if (layer?.layer !== 'tcp' && layer?.layer !== 'udp') return '';
  const { srcPort, dstPort } = layer as TcpLayer | UdpLayer;
  return `${srcPort}>${dstPort}${layer.layer === 'tcp' ? layer.flags : ''}`;
}
