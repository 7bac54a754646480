/**
 * A frame that a hop saw, taken apart: the packet that travels, and the envelope it is in at this hop (VXLAN, IPIP). A packet keeps
 * its names, `ipv4.ttl`, wherever it is; what is around it is called `outer.ipv4.ttl`.
 */
import type { CapturedFrame } from './captured-frame.ts';
import {
  type Dissection,
  dissect,
  type EthernetLayer,
  type IcmpLayer,
  type Ipv4Layer,
  type Layer,
  type TcpLayer,
  type UdpLayer,
} from './layers.ts';

/** One end sends to another: as it stands at one hop. For ICMP queries both ports are the identifier. */
export interface Tuple {
  protocol: number;
  src: string;
  srcPort: number;
  dst: string;
  dstPort: number;
}

export type FieldValue = string | number | boolean;

export interface Sighting {
  frame: CapturedFrame;
  dissection: Dissection;
  /** From the outside in; empty without encapsulation. Its last layer is VXLAN's or the outer IPv4 header. */
  envelope: Layer[];
  /** The packet itself. With VXLAN it starts with the inner Ethernet header. */
  packet: Layer[];
  ethernet: EthernetLayer | undefined;
  ipv4: Ipv4Layer | undefined;
  tcp: TcpLayer | undefined;
  udp: UdpLayer | undefined;
  icmp: IcmpLayer | undefined;
  /** The innermost payload. */
  payload: Uint8Array;
  tuple: Tuple | undefined;
  /** Is it an ICMP error? `tuple` is then that of the packet it is about, turned round: it travels against it. */
  isError: boolean;
}

export function sight(frame: CapturedFrame): Sighting {
  const dissection = dissect(frame.bytes, frame.linkType);
  const { layers } = dissection;
  let start = 0;
  for (let i = 0; i + 1 < layers.length; i++) {
    if (layers[i]!.layer === 'vxlan' || (layers[i]!.layer === 'ipv4' && layers[i + 1]!.layer === 'ipv4')) start = i + 1;
  }
  const packet = layers.slice(start);
  const ipv4 = find(packet, 'ipv4');
  const icmp = find(packet, 'icmp');
  const isError = dissection.quoted.length > 0;
  const tuple = isError ? tupleOf(dissection.quoted) : tupleOf(packet);
  return {
    frame,
    dissection,
    envelope: layers.slice(0, start),
    packet,
    ethernet: find(packet, 'ethernet'),
    ipv4,
    tcp: find(packet, 'tcp'),
    udp: find(packet, 'udp'),
    icmp,
    payload: frame.bytes.subarray(dissection.payloadAt, dissection.payloadEnd),
    tuple: tuple && isError ? reverse(tuple) : tuple,
    isError,
  };
}

export const find = <L extends Layer['layer']>(layers: readonly Layer[], name: L): Extract<Layer, { layer: L }> | undefined =>
  layers.find((l): l is Extract<Layer, { layer: L }> => l.layer === name);

export const reverse = (t: Tuple): Tuple => ({ protocol: t.protocol, src: t.dst, srcPort: t.dstPort, dst: t.src, dstPort: t.srcPort });

function tupleOf(layers: readonly Layer[]): Tuple | undefined {
  const ip = find(layers, 'ipv4');
  if (ip?.fragmentOffset !== 0) return undefined;
  const l4 = find(layers, 'tcp') ?? find(layers, 'udp');
  const { protocol, src, dst } = ip;
  if (l4) return { protocol, src, srcPort: l4.srcPort, dst, dstPort: l4.dstPort };
  const id = find(layers, 'icmp')?.id;
  if (id !== undefined) return { protocol, src, srcPort: id, dst, dstPort: id };
  return { protocol, src, srcPort: 0, dst, dstPort: 0 };
}

const protocolWords = new Map([
  [1, 'icmp'],
  [2, 'igmp'],
  [4, 'ipip'],
  [6, 'tcp'],
  [17, 'udp'],
  [47, 'gre'],
  [132, 'sctp'],
]);
export const protocolWord = (protocol: number): string => protocolWords.get(protocol) ?? `protocol ${protocol}`;

/** `tcp 203.0.113.9:40000 > 192.168.56.11:30080` */
export const tupleText = (t: Tuple): string => `${protocolWord(t.protocol)} ${t.src}:${t.srcPort} > ${t.dst}:${t.dstPort}`;

/** `none`, `vxlan`, `ipip`. */
export const encapsulation = (s: Sighting): string =>
  s.envelope.length === 0 ? 'none' : s.envelope.some(l => l.layer === 'vxlan') ? 'vxlan' : 'ipip';

/** Every field of a frame by its name, envelope first, in the order in which the headers stand. */
export function fieldsOf(s: Sighting): Map<string, FieldValue> {
  const fields = new Map<string, FieldValue>([['encapsulation', encapsulation(s)]]);
  for (const l of s.envelope) put(fields, l.layer === 'vxlan' ? '' : 'outer.', l);
  for (const l of s.packet) put(fields, '', l);
  for (const l of s.dissection.quoted) put(fields, 'quoted.', l);
  if (s.frame.originalLength !== s.frame.bytes.length) fields.set('cut', s.frame.bytes.length);
  return fields;
}

function put(fields: Map<string, FieldValue>, prefix: string, layer: Layer): void {
  const values = layer as unknown as Record<string, FieldValue>;
  for (const key in values) if (key !== 'layer') fields.set(fieldName(prefix + layer.layer, key), values[key]!);
}

/** Names are put together once and not for each frame. */
const fieldNames = new Map<string, Map<string, string>>();
function fieldName(layer: string, key: string): string {
  const names = fieldNames.get(layer) ?? new Map<string, string>();
  const known = names.get(key);
  if (known !== undefined) return known;
  fieldNames.set(layer, names.set(key, `${layer}.${key}`));
  return `${layer}.${key}`;
}
