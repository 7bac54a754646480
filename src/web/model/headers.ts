/** A frame's headers with the place of each field in its bytes: layouts of RFC 791, 9293, 768, 792, 826, 7348 and IEEE 802.3. */
import type { Layer } from '../../capture/layers.ts';
import type { ReportRecord } from '../report-data.ts';

export interface HeaderField {
  /** As the RFC calls it. */
  name: string;
  /** Offsets in the frame, end exclusive. */
  at: number;
  end: number;
  value: string;
}

export interface Header {
  /** `ipv4` of the packet itself, `outer.ipv4` of the envelope around it. */
  name: string;
  layer: Layer['layer'];
  at: number;
  end: number;
  fields: HeaderField[];
}

/** Offset in the header, length, and the keys of the layer that stand there. */
type Spot = readonly [at: number, length: number, name: string];

const spots: Record<Layer['layer'], readonly Spot[]> = {
  ethernet: [
    [0, 6, 'dst'],
    [6, 6, 'src'],
    [12, 2, 'type'],
  ],
  arp: [
    [6, 2, 'op'],
    [8, 6, 'sha'],
    [14, 4, 'spa'],
    [18, 6, 'tha'],
    [24, 4, 'tpa'],
  ],
  ipv4: [
    [1, 1, 'tos'],
    [2, 2, 'totalLength'],
    [4, 2, 'identification'],
    [6, 2, 'fragment'],
    [8, 1, 'ttl'],
    [9, 1, 'protocol'],
    [10, 2, 'headerChecksum'],
    [12, 4, 'src'],
    [16, 4, 'dst'],
    [20, 0, 'options'],
  ],
  tcp: [
    [0, 2, 'srcPort'],
    [2, 2, 'dstPort'],
    [4, 4, 'seq'],
    [8, 4, 'ack'],
    [12, 2, 'flags'],
    [14, 2, 'window'],
    [16, 2, 'checksum'],
    [18, 2, 'urgentPointer'],
    [20, 0, 'options'],
  ],
  udp: [
    [0, 2, 'srcPort'],
    [2, 2, 'dstPort'],
    [4, 2, 'length'],
    [6, 2, 'checksum'],
  ],
  icmp: [
    [0, 1, 'type'],
    [1, 1, 'code'],
    [2, 2, 'checksum'],
    [4, 2, 'id'],
    [6, 2, 'sequence'],
  ],
  vxlan: [[4, 3, 'vni']],
  payload: [],
};

const lengths: Record<Layer['layer'], number> = { ethernet: 14, arp: 28, ipv4: 20, tcp: 20, udp: 8, icmp: 8, vxlan: 8, payload: 0 };

export function bytesOf(record: ReportRecord): Uint8Array {
  const { bytes } = record;
  const b = new Uint8Array(bytes.length / 2);
  for (let i = 0; i < b.length; i++) b[i] = Number.parseInt(bytes.slice(2 * i, 2 * i + 2), 16);
  return b;
}

/** How many layers of the envelope stand in front of the packet itself. */
export function envelopeDepth(layers: readonly Layer[]): number {
  let depth = 0;
  for (let i = 0; i + 1 < layers.length; i++)
    if (layers[i]!.layer === 'vxlan' || (layers[i]!.layer === 'ipv4' && layers[i + 1]!.layer === 'ipv4')) depth = i + 1;
  return depth;
}

export function headersOf(record: ReportRecord, bytes: Uint8Array): Header[] {
  const depth = envelopeDepth(record.layers);
  const headers: Header[] = [];
  let at = 0;
  for (const [i, layer] of record.layers.entries()) {
    const end =
      layer.layer === 'payload' ? Math.min(bytes.length, at + layer.length) : Math.min(bytes.length, at + lengthOf(layer, bytes, at));
    const name = i < depth && layer.layer !== 'vxlan' ? `outer.${layer.layer}` : layer.layer;
    headers.push({ name, layer: layer.layer, at, end, fields: fieldsAt(layer, at, end, bytes) });
    at = end;
  }
  return headers;
}

const lengthOf = (layer: Layer, bytes: Uint8Array, at: number): number => {
  if (layer.layer === 'ipv4') return lengths.ipv4 + layer.options.length / 2;
  if (layer.layer === 'tcp') return ((bytes[at + 12] ?? 0x50) >> 4) * 4;
  return lengths[layer.layer];
};

function fieldsAt(layer: Layer, at: number, end: number, bytes: Uint8Array): HeaderField[] {
  const fields: HeaderField[] = [];
  for (const [offset, length, name] of spots[layer.layer]) {
    const field = { name, at: at + offset, end: length === 0 ? end : Math.min(end, at + offset + length) };
    const value = shownValue(layer, name, bytes.subarray(field.at, field.end));
    if (field.end > field.at && value !== undefined) fields.push({ ...field, value });
  }
  if (layer.layer === 'payload') fields.push({ name: 'length', at, end, value: `${layer.length} bytes, sha256 ${layer.hash}` });
  return fields;
}

const hex = (bytes: Uint8Array): string => [...bytes].map(b => b.toString(16).padStart(2, '0')).join('');

function shownValue(layer: Layer, name: string, bytes: Uint8Array): string | undefined {
  const values = layer as unknown as Record<string, string | number | boolean | undefined>;
  const value = values[name];
  if (/checksum$/i.test(name)) return `0x${hex(bytes)} ${value}`;
  if (layer.layer === 'ipv4' && name === 'fragment') {
    const words = [
      layer.dontFragment ? 'DF' : '',
      layer.moreFragments ? 'MF' : '',
      layer.fragmentOffset > 0 ? `at ${layer.fragmentOffset}` : '',
    ];
    return words.filter(word => word !== '').join(' ') || 'none';
  }
  if (layer.layer === 'tcp' && name === 'options') return tcpOptions(layer);
  if (layer.layer === 'ethernet' && name === 'type') return `0x${hex(bytes)}`;
  return value === undefined || value === '' ? undefined : String(value);
}

function tcpOptions(tcp: Extract<Layer, { layer: 'tcp' }>): string {
  const words = [
    tcp.mss === undefined ? '' : `mss ${tcp.mss}`,
    tcp.sackPermitted ? 'sackOK' : '',
    tcp.tsVal === undefined ? '' : `ts ${tcp.tsVal} ${tcp.tsEcr}`,
    tcp.windowScale === undefined ? '' : `wscale ${tcp.windowScale}`,
  ];
  return words.filter(word => word !== '').join(', ') || 'others';
}
