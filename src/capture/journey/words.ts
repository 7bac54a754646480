/** A hop of a journey in plain words: what has changed since the hop before. */
import { encapsulation, type FieldValue, fieldsOf, find, type Sighting } from '../sighting.ts';
import type { Rewrite } from './record.ts';

/** Fields that no reader wants to see as a change: they follow from others. */
const derived = /(^|\.)(ipv4\.(totalLength|headerChecksum)|(tcp|udp|icmp)\.checksum|payload\.|ethernet\.type)|^cut$/;

/**
 * Fields of the packet that differ, and of the envelope when there is one on both sides.
 *
 * @param link the last sighting before with an Ethernet header: a hook shows none
 */
export function rewritesBetween(before: Sighting, link: Sighting | undefined, now: Sighting): Rewrite[] {
  const a = fieldsOf(before);
  if (link && now.ethernet) for (const [field, value] of fieldsOf(link)) if (field.startsWith('ethernet.')) a.set(field, value);
  const b = fieldsOf(now);
  const sameEnvelope = encapsulation(before) === encapsulation(now);
  const rewrites: Rewrite[] = [];
  for (const field of new Set([...a.keys(), ...b.keys()])) {
    if (derived.test(field) || (!sameEnvelope && /^(outer|vxlan)\./.test(field))) continue;
    const from = a.get(field) ?? null;
    const to = b.get(field) ?? null;
    // That a hook shows no Ethernet header is not a change.
    if ((from === null || to === null) && /ethernet\./.test(field)) continue;
    if (from !== to) rewrites.push({ field, from, to });
  }
  return rewrites;
}

export type Names = ReadonlyMap<string, string>;
const named = (address: FieldValue | null, names: Names): string => {
  const name = names.get(String(address));
  return name === undefined ? String(address) : `${address} (${name})`;
};

/** @param names IPv4 addresses and MACs to names */
export function rewriteWords(rewrites: readonly Rewrite[], now: Sighting, names: Names): string[] {
  const words: string[] = [];
  const change = new Map(rewrites.map(r => [r.field, r]));
  for (const end of ['dst', 'src'] as const) {
    const address = change.get(`ipv4.${end}`);
    const port = change.get(`tcp.${end}Port`) ?? change.get(`udp.${end}Port`);
    if (!address && !port) continue;
    const old = endpoint(now, end, address?.from, port?.from, names);
    words.push(`${end === 'dst' ? 'destination' : 'source'} ${old} becomes ${endpoint(now, end, undefined, undefined, names)}`);
  }
  const ttl = change.get('ipv4.ttl');
  if (ttl) words.push(`TTL ${ttl.from} becomes ${ttl.to}`);
  if (change.has('encapsulation')) words.push(envelopeWords(now, names));
  const mac = change.get('ethernet.dst') ?? change.get('outer.ethernet.dst');
  if (mac) words.push(`next hop's MAC is ${named(mac.to, names)}`);
  for (const [field, r] of change) {
    if (/^(ipv4\.(src|dst|ttl)|(tcp|udp)\.(src|dst)Port|encapsulation|(outer\.)?ethernet\.)/.test(field)) continue;
    words.push(`${field} ${r.from ?? 'nothing'} becomes ${r.to ?? 'nothing'}`);
  }
  return words;
}

function endpoint(
  s: Sighting,
  end: 'src' | 'dst',
  address: FieldValue | null | undefined,
  port: FieldValue | null | undefined,
  names: Names,
): string {
  const ports = s.tcp ?? s.udp;
  const p = port ?? ports?.[`${end}Port`];
  return `${named(address ?? s.ipv4![end], names)}${p === undefined ? '' : `:${p}`}`;
}

function envelopeWords(s: Sighting, names: Names): string {
  const outer = find(s.envelope, 'ipv4');
  if (!outer) return 'taken out of the envelope';
  const vni = find(s.envelope, 'vxlan')?.vni;
  return `put into ${vni === undefined ? 'IPIP' : `VXLAN ${vni}`} from ${named(outer.src, names)} to ${named(outer.dst, names)}`;
}

/** `192.168.56.11:30080 -> 10.244.2.2:8080`; undefined when that end is as it was. */
export function endpointChange(end: 'src' | 'dst', before: Sighting, now: Sighting): string | undefined {
  if (!before.ipv4 || !now.ipv4) return undefined;
  const nobody: Names = new Map();
  const from = endpoint(before, end, undefined, undefined, nobody);
  const to = endpoint(now, end, undefined, undefined, nobody);
  return from === to ? undefined : `${from} -> ${to}`;
}
