/**
 * What one hop shows of one direction of one flow, without what two runs of real TCP never do alike. A hop can show a direction more than
 * once (a bridge carries the frame to the node, and the envelope from the node on): each such appearance is one observation.
 */
import { createHash } from 'node:crypto';
import type { ChecksumState, Ipv4Layer } from '../layers.ts';
import { encapsulation, type FieldValue, find, type Sighting, type Tuple } from '../sighting.ts';
import { anyOrder, type PayloadContext, type PayloadRule } from './payload.ts';
import { assemble, dataLength } from './stream.ts';

export interface Observation {
  /** Of the first frame. */
  tuple: Tuple;
  /** In the order in which they are compared; MACs and ports are compared by name. */
  fields: Map<string, FieldValue>;
  macs: { field: string; values: string[] }[];
  counts: { packets: number; pureAcks: number; segments: number; retransmissions: number; cut: number };
  replaced: { rule: PayloadRule; count: number }[];
}

/** Sightings of one hop, one direction of the flow, grouped by how they look on the wire, in order of appearance. */
export function appearances(sightings: readonly Sighting[]): Sighting[][] {
  const key = (s: Sighting): string => {
    const t = s.tuple!;
    const error = s.isError ? `${s.icmp!.type}/${s.icmp!.code} ${s.ipv4!.src}` : '';
    return `${s.frame.direction}|${encapsulation(s)}|${t.src}:${t.srcPort}>${t.dst}:${t.dstPort}|${error}`;
  };
  return [...Map.groupBy(sightings, key).values()];
}

/** @param start for TCP, sequence number of the direction's first byte */
export function observe(
  sightings: readonly Sighting[],
  start: number,
  rules: readonly PayloadRule[],
  context: PayloadContext,
): Observation {
  const first = sightings[0]!;
  const fields = new Map<string, FieldValue>();
  const o: Observation = {
    tuple: first.tuple!,
    fields,
    macs: [],
    counts: { packets: sightings.length, pureAcks: 0, segments: 0, retransmissions: 0, cut: 0 },
    replaced: [],
  };
  fields.set('encapsulation', encapsulation(first));
  fields.set('direction at the hop', first.frame.direction ?? '');
  envelopeFields(sightings, o);
  macs(
    o,
    'ethernet',
    sightings.map(s => s.ethernet),
  );
  fields.set('ipv4.src', first.ipv4!.src);
  fields.set('ipv4.dst', first.ipv4!.dst);
  const ip = (read: (layer: Ipv4Layer) => FieldValue): string => setOf(sightings.map(s => read(s.ipv4!)));
  fields.set(
    'ipv4.ttl',
    ip(h => h.ttl),
  );
  fields.set(
    'ipv4.tos',
    ip(h => h.tos),
  );
  fields.set(
    'ipv4.dontFragment',
    ip(h => h.dontFragment),
  );
  fields.set(
    'ipv4.options',
    ip(h => h.options),
  );
  fields.set(
    'ipv4.headerChecksum',
    ip(h => h.headerChecksum),
  );
  for (const s of sightings) if (s.frame.originalLength !== s.frame.bytes.length) o.counts.cut++;
  if (first.isError) errorFields(sightings, fields);
  else if (first.tcp) tcpFields(sightings, o, start, rules, context);
  else datagramFields(sightings, o, rules, context);
  return o;
}

function envelopeFields(sightings: readonly Sighting[], o: Observation): void {
  if (sightings[0]!.envelope.length === 0) return;
  const each = (read: (envelope: Sighting['envelope']) => FieldValue | undefined): string =>
    setOf(sightings.map(s => read(s.envelope) ?? ''));
  macs(
    o,
    'outer.ethernet',
    sightings.map(s => find(s.envelope, 'ethernet')),
  );
  o.fields.set(
    'outer.ipv4.src',
    each(e => find(e, 'ipv4')?.src),
  );
  o.fields.set(
    'outer.ipv4.dst',
    each(e => find(e, 'ipv4')?.dst),
  );
  o.fields.set(
    'outer.ipv4.ttl',
    each(e => find(e, 'ipv4')?.ttl),
  );
  o.fields.set(
    'outer.ipv4.tos',
    each(e => find(e, 'ipv4')?.tos),
  );
  o.fields.set(
    'outer.ipv4.dontFragment',
    each(e => find(e, 'ipv4')?.dontFragment),
  );
  o.fields.set(
    'outer.udp.dstPort',
    each(e => find(e, 'udp')?.dstPort),
  );
  o.fields.set(
    'outer.udp.checksum',
    each(e => find(e, 'udp')?.checksum),
  );
  o.fields.set(
    'vxlan.vni',
    each(e => find(e, 'vxlan')?.vni),
  );
}

function macs(o: Observation, prefix: string, headers: readonly ({ src: string; dst: string } | undefined)[]): void {
  for (const end of ['dst', 'src'] as const) {
    const values = [...new Set(headers.flatMap(h => (h ? [h[end]] : [])))].sort();
    if (values.length > 0) o.macs.push({ field: `${prefix}.${end}`, values });
  }
}

function tcpFields(
  sightings: readonly Sighting[],
  o: Observation,
  start: number,
  rules: readonly PayloadRule[],
  context: PayloadContext,
): void {
  const has = (flag: string): Sighting | undefined => sightings.find(s => s.tcp!.flags.split(',').includes(flag));
  const syn = has('SYN');
  o.fields.set('tcp.syn', syn?.tcp?.flags ?? 'none');
  if (syn) {
    o.fields.set('tcp.mss', syn.tcp!.mss ?? 'none');
    o.fields.set('tcp.sackPermitted', syn.tcp!.sackPermitted);
    o.fields.set('tcp.windowScale', syn.tcp!.windowScale !== undefined);
    o.fields.set('tcp.timestamps', syn.tcp!.tsVal !== undefined);
  }
  o.fields.set('tcp.fin', has('FIN') !== undefined);
  o.fields.set('tcp.rst', has('RST') !== undefined);
  o.fields.set('tcp.checksum', checksums(sightings.map(s => s.tcp!.checksum)));
  const stream = assemble(sightings, start);
  o.fields.set('payload.missing', stream.missing);
  o.fields.set('payload.conflictAt', stream.conflictAt);
  payloadFields(o, [stream.bytes], rules, context);
  o.counts.segments = stream.segments;
  o.counts.retransmissions = stream.retransmitted;
  for (const s of sightings) if (s.tcp!.flags === 'ACK' && dataLength(s) === 0) o.counts.pureAcks++;
}

/** UDP and ICMP queries, and protocols without ports: packet by packet. */
function datagramFields(sightings: readonly Sighting[], o: Observation, rules: readonly PayloadRule[], context: PayloadContext): void {
  o.fields.set('packets', sightings.length);
  const first = sightings[0]!;
  if (first.udp) o.fields.set('udp.checksum', checksums(sightings.map(s => s.udp!.checksum)));
  if (first.icmp) {
    o.fields.set('icmp.type', setOf(sightings.map(s => s.icmp!.type)));
    o.fields.set('icmp.sequence', setOf(sightings.map(s => s.icmp!.sequence ?? '')));
    o.fields.set('icmp.checksum', checksums(sightings.map(s => s.icmp!.checksum)));
  }
  payloadFields(
    o,
    sightings.map(s => s.payload),
    rules,
    context,
  );
}

/** How many errors come depends on the sender's pace and on rate limits; that they come, and what they say, does not. */
function errorFields(sightings: readonly Sighting[], fields: Map<string, FieldValue>): void {
  const icmp = (read: (s: Sighting) => FieldValue | undefined): string => setOf(sightings.map(s => read(s) ?? ''));
  fields.set(
    'icmp.type',
    icmp(s => s.icmp!.type),
  );
  fields.set(
    'icmp.code',
    icmp(s => s.icmp!.code),
  );
  fields.set(
    'icmp.nextHopMtu',
    icmp(s => s.icmp!.nextHopMtu),
  );
  fields.set(
    'icmp.checksum',
    icmp(s => s.icmp!.checksum),
  );
  fields.set(
    'quoted.ipv4.src',
    icmp(s => find(s.dissection.quoted, 'ipv4')?.src),
  );
  fields.set(
    'quoted.ipv4.dst',
    icmp(s => find(s.dissection.quoted, 'ipv4')?.dst),
  );
  fields.set(
    'quoted.ipv4.ttl',
    icmp(s => find(s.dissection.quoted, 'ipv4')?.ttl),
  );
}

function payloadFields(o: Observation, payloads: readonly Uint8Array[], rules: readonly PayloadRule[], context: PayloadContext): void {
  const hash = createHash('sha256');
  const compared = payloads.map(raw => {
    let payload: Buffer = Buffer.from(raw.buffer, raw.byteOffset, raw.length);
    for (const rule of rules) {
      const replaced = rule.replace(payload, context);
      if (!replaced) continue;
      payload = replaced.payload;
      o.replaced.push({ rule, count: replaced.count });
    }
    return payload;
  });
  if (anyOrder(context)) compared.sort(Buffer.compare);
  for (const payload of compared) hash.update(`${payload.length}:`).update(payload);
  const length = compared.reduce((sum, payload) => sum + payload.length, 0);
  o.fields.set('payload.length', length);
  o.fields.set('payload.hash', length === 0 ? '' : hash.digest('hex').slice(0, 12));
}

/** `unknown`, of frames that were cut, says nothing beside others. */
const checksums = (states: readonly ChecksumState[]): string => {
  const known = states.filter(s => s !== 'unknown');
  return setOf(known.length > 0 ? known : states);
};

const setOf = (values: readonly FieldValue[]): string => [...new Set(values.map(String))].sort().join(' ');
