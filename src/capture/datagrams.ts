/**
 * Fragments put together again (RFC 791, 3.2), hop by hop: all fragments of a datagram are the packet that it is, wherever it is whole.
 * A datagram of which a hop has not seen all is left as it is.
 */
import { type Ipv4Layer, type Layer, layerLength } from './layers.ts';
import { LinkType } from './pcapng/format.ts';
import { type Sighting, sight } from './sighting.ts';

interface Fragment {
  sighting: Sighting;
  /** IPv4 header, and where its payload is in the frame. */
  header: Ipv4Layer;
  headerAt: number;
  at: number;
  end: number;
}

/** @param sightings in order of time @returns for each fragment of a datagram that was seen whole, that datagram as a packet */
export function wholeDatagrams(sightings: readonly Sighting[]): Map<Sighting, Sighting> {
  const waiting = new Map<string, Fragment[]>();
  const whole = new Map<Sighting, Sighting>();
  for (const s of sightings) {
    const fragment = fragmentOf(s);
    if (fragment === undefined) continue;
    const key = keyOf(s, fragment.header);
    const pieces = [...(waiting.get(key) ?? []), fragment];
    waiting.set(key, pieces);
    const bytes = assembled(pieces);
    if (bytes === undefined) continue;
    const datagram = sight({ ...s.frame, linkType: LinkType.Raw, bytes, originalLength: bytes.length });
    for (const piece of pieces) whole.set(piece.sighting, datagram);
    waiting.delete(key);
  }
  return whole;
}

/** The outermost header that is a fragment's: of the packet, or of the envelope around it. */
function fragmentOf(s: Sighting): Fragment | undefined {
  let at = 0;
  for (const layer of s.dissection.layers) {
    const next = at + layerLength(layer);
    if (layer.layer === 'ipv4' && (layer.moreFragments || layer.fragmentOffset > 0)) {
      const end = at + layer.totalLength;
      return end > s.frame.bytes.length ? undefined : { sighting: s, header: layer, headerAt: at, at: next, end };
    }
    at = next;
  }
  return undefined;
}

/** What fragments of one datagram have in common at one place. */
const keyOf = (s: Sighting, h: Ipv4Layer): string =>
  [s.frame.hop, s.frame.direction, macs(s.dissection.layers, h), h.src, h.dst, h.protocol, h.identification, h.ttl].join('|');
const macs = (layers: readonly Layer[], until: Layer): string =>
  layers
    .slice(0, layers.indexOf(until))
    .flatMap(l => (l.layer === 'ethernet' ? [l.src, l.dst] : []))
    .join();

/** @returns the datagram behind one header, undefined as long as something is missing */
function assembled(pieces: readonly Fragment[]): Uint8Array | undefined {
  const sorted = [...pieces].sort((a, b) => a.header.fragmentOffset - b.header.fragmentOffset);
  let length = 0;
  for (const { header, at, end } of sorted) {
    if (header.fragmentOffset > length) return undefined;
    length = Math.max(length, header.fragmentOffset + end - at);
  }
  const first = sorted[0]!;
  if (sorted.at(-1)!.header.moreFragments || first.header.fragmentOffset !== 0) return undefined;
  const headerLength = first.at - first.headerAt;
  const bytes = new Uint8Array(headerLength + length);
  bytes.set(first.sighting.frame.bytes.subarray(first.headerAt, first.at));
  for (const { sighting, header, at, end } of sorted)
    bytes.set(sighting.frame.bytes.subarray(at, end), headerLength + header.fragmentOffset);
  new DataView(bytes.buffer).setUint16(2, bytes.length);
  new DataView(bytes.buffer).setUint16(6, 0); // flags and offset
  return bytes;
}
