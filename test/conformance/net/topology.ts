/**
 * Networks as the scenarios write them down: hosts with addresses (`10.0.1.1/24 on veth0`), gateways and routes. Interfaces with
 * addresses of one network hear each other. `name[i]` with a count stands for as many hosts, each on a link of its own.
 */
import { maskOf, parseCidr } from '../../../src/base/address.ts';
import type { HostSpec, InterfaceSpec, RouteSpec } from './host.ts';

export interface WrittenHost {
  readonly role?: string;
  readonly addresses: readonly string[];
  readonly gateway?: string;
  /** `10.96.0.1 via 192.168.1.1`. */
  readonly routes?: readonly string[];
  readonly forwarding?: boolean;
  readonly rp_filter?: number;
  /** Open ports, `tcp/5201`; all of them where there is no list. */
  readonly listens?: readonly string[];
  /** First and last port that sockets choose. */
  readonly localPortRange?: readonly [number, number];
  /** Of `name[i]`. */
  readonly count?: number;
  /** `i for packets from veth[i], original direction only`. */
  readonly conntrackZone?: string;
}
export const WRITTEN_HOST = [
  'role',
  'addresses',
  'gateway',
  'routes',
  'forwarding',
  'rp_filter',
  'listens',
  'localPortRange',
  'count',
  'conntrackZone',
];

export interface PlacedHost {
  readonly spec: HostSpec;
  readonly written: WrittenHost;
  /** Commands of iptables that the words of the topology mean. */
  readonly rules: readonly (readonly string[])[];
}

interface Wired {
  readonly name: string;
  readonly addresses: string[];
  mtu?: number;
  readonly dummy: boolean;
  /** The link's number where each link has its own. */
  readonly link?: number;
}

/** @returns what cannot be understood, as text */
export function placeHosts(hosts: Readonly<Record<string, WrittenHost>>): PlacedHost[] | string {
  const drafts: { name: string; written: WrittenHost; interfaces: Wired[]; count: number }[] = [];
  const links = Math.max(0, ...Object.values(hosts).map(h => h.count ?? 0));
  for (const [template, written] of Object.entries(hosts)) {
    const each = template.includes('[i]') ? (written.count ?? 1) : 1;
    for (let i = 1; i <= each; i++) {
      const interfaces = readInterfaces(written.addresses, template.includes('[i]') ? i : undefined, links);
      if (typeof interfaces === 'string') return `${template}: ${interfaces}`;
      drafts.push({ name: template.replace('[i]', String(i)), written, interfaces, count: links });
    }
  }
  const segments = segmentsOf(drafts.flatMap(d => d.interfaces));
  let macs = 0;
  const placed: PlacedHost[] = [];
  for (const { name, written, interfaces, count } of drafts) {
    const made: InterfaceSpec[] = interfaces.map(i => {
      const segment = segments(i);
      return {
        name: i.name,
        mac: `02:00:00:00:${(++macs >> 8).toString(16).padStart(2, '0')}:${(macs & 255).toString(16).padStart(2, '0')}`,
        addresses: i.addresses,
        ...(i.mtu === undefined ? {} : { mtu: i.mtu }),
        ...(segment === undefined ? {} : { segment }),
      };
    });
    const routes: RouteSpec[] = written.gateway === undefined ? [] : [{ to: 'default', via: written.gateway }];
    for (const text of written.routes ?? []) {
      const m = /^(\S+)(?: via (\S+))?(?: dev (\S+))?$/.exec(text);
      if (!m) return `${name}: route "${text}"`;
      routes.push({ to: m[1]!, ...(m[2] ? { via: m[2] } : {}), ...(m[3] ? { dev: m[3] } : {}) });
    }
    const zones = zonesOf(written, interfaces, count);
    if (typeof zones === 'string') return `${name}: ${zones}`;
    placed.push({
      spec: { name, interfaces: made, routes: [...routes, ...zones.routes], sysctl: sysctlOf(written, made) },
      written,
      rules: zones.rules,
    });
  }
  return placed;
}

/** @param own number of the host among many alike: its interface is on that link */
function readInterfaces(addresses: readonly string[], own: number | undefined, links: number): Wired[] | string {
  const found = new Map<string, Wired>();
  for (const text of addresses) {
    const m = /^([\d.]+\/\d+)(?: on (each )?(dummy )?([^\s,]+))?(?: mtu (\d+))?(?: \(all the same\))?$/.exec(text);
    if (!m) return `address "${text}"`;
    const [, cidr, each, dummy, device, mtu] = m;
    if (cidr!.startsWith('127.')) continue;
    const numbers = each ? Array.from({ length: links }, (_, i) => i + 1) : [own];
    for (const link of numbers) {
      const name = (device ?? 'eth0').replace('[i]', String(link));
      const wired = found.get(name) ?? { name, addresses: [], dummy: dummy !== undefined, ...(link === undefined ? {} : { link }) };
      wired.addresses.push(cidr!);
      if (mtu !== undefined) wired.mtu = Number(mtu);
      found.set(name, wired);
    }
  }
  return [...found.values()];
}

/** Interfaces that share a network, directly or through another, are one segment. */
function segmentsOf(all: readonly Wired[]): (i: Wired) => string | undefined {
  const keys = (i: Wired): string[] =>
    i.addresses.map(text => {
      const { address, prefix } = parseCidr(text);
      return `${i.link ?? ''} ${address & maskOf(prefix)}/${prefix}`;
    });
  const parent = new Map<string, string>();
  const root = (key: string): string => (parent.has(key) ? root(parent.get(key)!) : key);
  for (const i of all) {
    if (i.dummy) continue;
    const [first, ...others] = keys(i);
    for (const key of others) if (root(key) !== root(first!)) parent.set(root(key), root(first!));
  }
  return i => (i.dummy ? undefined : root(keys(i)[0]!));
}

/** Zones by interface: packets of each link are tracked in its own, and answers find the link by the mark that their connection keeps. */
function zonesOf(written: WrittenHost, interfaces: readonly Wired[], links: number): { rules: string[][]; routes: RouteSpec[] } | string {
  if (written.conntrackZone === undefined) return { rules: [], routes: [] };
  const m = /^i for packets from (\S+)\[i\], original direction only$/.exec(written.conntrackZone);
  if (!m) return `conntrackZone "${written.conntrackZone}"`;
  const rules: string[][] = [];
  const routes: RouteSpec[] = [];
  for (let i = 1; i <= links; i++) {
    const device = `${m[1]}${i}`;
    const wired = interfaces.find(each => each.name === device);
    if (!wired) return `there is no interface ${device}`;
    rules.push(['-t', 'raw', '-A', 'PREROUTING', '-i', device, '-j', 'CT', '--zone-orig', String(i)]);
    rules.push(['-t', 'mangle', '-A', 'PREROUTING', '-i', device, '-j', 'CONNMARK', '--set-mark', String(i)]);
    const { address, prefix } = parseCidr(wired.addresses[0]!);
    const network = address & maskOf(prefix);
    routes.push({ to: `${[24, 16, 8, 0].map(n => (network >>> n) & 255).join('.')}/${prefix}`, dev: device, mark: i });
  }
  for (const other of interfaces) {
    if (other.link === undefined) rules.push(['-t', 'mangle', '-A', 'PREROUTING', '-i', other.name, '-j', 'CONNMARK', '--restore-mark']);
  }
  return { rules, routes };
}

function sysctlOf(written: WrittenHost, interfaces: readonly InterfaceSpec[]): Record<string, number> {
  const forwards = written.forwarding ?? (written.role === 'router' || interfaces.filter(i => i.segment !== undefined).length > 1);
  const rp = written.rp_filter ?? 0;
  return {
    'net.ipv4.ip_forward': forwards ? 1 : 0,
    ...Object.fromEntries(interfaces.map(i => [`net.ipv4.conf.${i.name}.rp_filter`, rp])),
  };
}
