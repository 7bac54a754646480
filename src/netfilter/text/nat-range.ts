/** Ranges of addresses and ports to which NAT rewrites (`libxt_NAT`). */
import { formatIpv4, type Ipv4 } from '../../base/address.ts';
import type { AddressRange, Range } from '../ruleset.ts';
import { systemNames } from './names.ts';
import { scanEnd, scanUnsigned } from './numbers.ts';
import { MAX_U16 } from './values.ts';
import type { Words } from './words.ts';

/** tcp, udp, sctp, dccp, icmp: what has a port or an id. */
const withPorts = [6, 17, 132, 33, 1];

export interface NatPorts {
  readonly ports: Range;
  /** `/base` behind a range; 0 = none. */
  readonly basePort: number;
}

/** `80`, `http`, `1000-2000`, `1000-2000/500`; and `80/500`, which iptables-save writes for `80-80/500` and iptables itself cannot read. */
export function readNatPorts(text: string, words: Words, shifted: boolean): NatPorts {
  if (!withPorts.includes(words.protocol)) words.fail('ports want one of -p tcp, udp, sctp, dccp, icmp before them');
  const low = scanUnsigned(text);
  if (!(low <= MAX_U16)) {
    const named = systemNames.servicePort(text) ?? words.bad('a port 0..65535, a range low-high or the name of a service');
    return { ports: { low: named, high: named }, basePort: 0 };
  }
  if (scanEnd === text.length) return { ports: { low, high: low }, basePort: 0 };
  let high = low;
  if (text[scanEnd] === '-') {
    high = scanUnsigned(text, scanEnd + 1);
    if (!(high <= MAX_U16) || high < low) words.bad('a range of ports whose first is not above its last');
    if (scanEnd === text.length) return { ports: { low, high }, basePort: 0 };
  } else if (text[scanEnd] !== '/') {
    words.bad('ports written as low-high');
  }
  if (text[scanEnd] !== '/' || !shifted) words.bad('nothing behind the range of ports');
  const base = text.slice(scanEnd + 1);
  let basePort = scanUnsigned(base);
  if (!(basePort >= 1 && basePort <= MAX_U16) || scanEnd !== base.length)
    basePort = systemNames.servicePort(base) ?? words.bad('a base port 1..65535');
  return { ports: { low, high }, basePort };
}

export interface NatTo extends Partial<NatPorts> {
  readonly addresses?: AddressRange;
}

/** `10.0.0.1`, `10.0.0.1-10.0.0.9:80-90`, `:8080`. */
export function readNatTo(word: string, words: Words, shifted: boolean): NatTo {
  const colon = word.indexOf(':');
  const ports = colon < 0 ? undefined : readNatPorts(word.slice(colon + 1), words, shifted);
  if (colon === 0) return { ...ports };
  const part = colon < 0 ? word : word.slice(0, colon);
  const dash = part.indexOf('-');
  const low = strict(dash < 0 ? part : part.slice(0, dash), words);
  const high = dash < 0 ? low : strict(part.slice(dash + 1), words);
  return { addresses: { low, high }, ...ports };
}

/** inet_pton(3): four decimal octets and nothing else. */
function strict(text: string, words: Words): Ipv4 {
  let v = 0;
  const octets = text.split('.');
  for (const octet of octets) {
    if (!/^(0|[1-9]\d{0,2})$/.test(octet) || Number(octet) > 255) return words.bad('IPv4 addresses written as 10.0.0.1');
    v = (v << 8) | Number(octet);
  }
  return octets.length === 4 ? v : words.bad('IPv4 addresses written as 10.0.0.1');
}

export function printNatPorts(ports: Range | undefined, basePort = 0): string {
  if (ports === undefined) return '';
  const range = ports.low === ports.high ? `${ports.low}` : `${ports.low}-${ports.high}`;
  return basePort === 0 ? range : `${range}/${basePort}`;
}

export function printNatTo(to: { addresses?: AddressRange; ports?: Range; basePort?: number }): string {
  const a = to.addresses;
  const addresses = a === undefined ? '' : a.low === a.high ? formatIpv4(a.low) : `${formatIpv4(a.low)}-${formatIpv4(a.high)}`;
  return to.ports === undefined ? addresses : `${addresses}:${printNatPorts(to.ports, to.basePort)}`;
}

export const natFlags = (t: { random?: boolean; randomFully?: boolean; persistent?: boolean }, p: string): string =>
  (t.random ? ` ${p}random` : '') + (t.randomFully ? ` ${p}random-fully` : '') + (t.persistent ? ` ${p}persistent` : '');
