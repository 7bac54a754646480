/**
 * The way between the node's own sockets and the router, for a description with a TUN. Every packet that a process of this namespace
 * sends goes to the TUN, also when it is meant for one of the node's own addresses or 127.0.0.1: rule 10 sends what has `iif lo` to a
 * table of its own, and the kernel's `local` table moves from rule 0 to rule 100, behind it. That table mirrors the router's routes with
 * their preferred source, so that sockets choose the address that they would choose on a kernel node. What the router writes back is
 * for the socket: the TUN accepts local and loop-back sources and checks no way back.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { formatCidr, formatIpv4, maskOf, parseCidr } from '../base/address.ts';
import { LabError } from '../base/errors.ts';
import { insideNetns } from '../os/netns.ts';
import type { RouterDescription } from './description.ts';

const TABLE = 10;

export interface SocketsPath {
  /** The same as `close`, as shell lines for a guardian. */
  readonly undo: readonly string[];
  close(): void;
}

/** @returns undefined when the description has no TUN. @throws LabError DEVICE with the command that failed */
export function openSocketsPath(d: RouterDescription, netns: string | undefined): SocketsPath | undefined {
  const tun = d.ports.find(p => p.kind === 'tun');
  if (!tun) return undefined;
  const dev = tun.interface ?? tun.name;
  const inside = <T>(work: () => T): T => (netns === undefined ? work() : insideNetns(netns, work));
  const before = inside(() => {
    // An earlier router may have been killed here: its rules are taken back before ours are made.
    if (isMoved()) batch(undoCommands, true);
    const saved = sysctls(dev).map(([name]) => [name, readFileSync(name, 'utf8').trim()] as const);
    for (const [name, value] of sysctls(dev)) writeFileSync(name, value);
    batch([...addressCommands(d, dev, 'replace'), ...routeCommands(d, dev), ...ruleCommands]);
    return saved;
  });
  const kept = before.filter(([name]) => !name.includes(`/${dev}/`));
  return {
    undo: [...undoCommands.map(line => `ip ${line}`), ...kept.map(([name, value]) => `echo ${value} > ${name}`)],
    close: () => {
      // The TUN is gone by now, and with it its routes; rules and sysctls are what is left to put back.
      inside(() => {
        batch(undoCommands, true);
        for (const [name, value] of kept) writeFileSync(name, value);
      });
    },
  };
}

const sysctls = (dev: string): [name: string, value: string][] => {
  const of = (key: string): string => `/proc/sys/net/ipv4/conf/${dev}/${key}`;
  return [
    [of('accept_local'), '1'],
    [of('route_localnet'), '1'],
    [of('rp_filter'), '0'],
    // rp_filter and forwarding are the larger of this and the interface's.
    ['/proc/sys/net/ipv4/conf/all/rp_filter', '0'],
  ];
};

/** Does the kernel's `local` table stand behind rule 0 no more? */
const isMoved = (): boolean => !execFileSync('ip', ['rule'], { encoding: 'utf8', timeout: 10_000 }).startsWith('0:');

const ruleCommands = [`rule add pref 10 iif lo lookup ${TABLE}`, 'rule add pref 100 lookup local', 'rule del pref 0'];
const undoCommands = ['rule add pref 0 lookup local', 'rule del pref 100', 'rule del pref 10', `route flush table ${TABLE}`];

/** The node's addresses stand on the TUN as /32, so that the kernel takes what the router writes for them. */
function addressCommands(d: RouterDescription, dev: string, verb: 'replace' | 'del'): string[] {
  return nodeAddresses(d).map(address => `address ${verb} ${formatIpv4(address)}/32 dev ${dev}`);
}

function nodeAddresses(d: RouterDescription): number[] {
  const all = [...d.ports, ...d.vxlan, ...d.ipip].flatMap(p => p.addresses.map(a => parseCidr(a).address));
  return [...new Set(all)];
}

/** What a kernel node would reach by `lo`, with its MTU of 65536: a socket offers this MSS there. */
const LOOPBACK_MSS = 65_495;

/** The router's routes, each with the source that the router would prefer. */
function routeCommands(d: RouterDescription, dev: string): string[] {
  const lines: string[] = [];
  const add = (to: string, src: number | undefined, more = '') =>
    lines.push(`route replace ${to} dev ${dev}${src === undefined ? '' : ` src ${formatIpv4(src)}`} table ${TABLE}${more}`);
  add('127.0.0.0/8', (127 << 24) | 1, ` advmss ${LOOPBACK_MSS}`);
  for (const own of nodeAddresses(d)) add(formatIpv4(own), own, ` advmss ${LOOPBACK_MSS}`);
  for (const port of [...d.ports, ...d.vxlan, ...d.ipip])
    for (const text of port.addresses) {
      const a = parseCidr(text);
      if (a.prefix < 32) add(formatCidr({ address: a.address & maskOf(a.prefix), prefix: a.prefix }), a.address);
    }
  for (const v of d.vxlan) for (const peer of v.peers) add(peer.subnet, firstAddress(d, v.name));
  // A socket's packet has no mark before the router's OUTPUT gives it one.
  for (const r of d.routes)
    if (r.type === 'unicast' && r.mark === undefined) add(r.to, r.src === undefined ? sourceOf(d, r) : parseCidr(r.src).address);
  return lines;
}

function sourceOf(d: RouterDescription, r: RouterDescription['routes'][number]): number | undefined {
  if (r.dev !== undefined && r.via === undefined) return firstAddress(d, r.dev);
  const via = parseCidr(r.via ?? '0.0.0.0').address;
  for (const port of [...d.ports, ...d.vxlan, ...d.ipip])
    for (const text of port.addresses) {
      const a = parseCidr(text);
      if (((a.address ^ via) & maskOf(a.prefix)) === 0) return a.address;
    }
  return r.dev === undefined ? undefined : firstAddress(d, r.dev);
}

function firstAddress(d: RouterDescription, name: string): number | undefined {
  const text = [...d.ports, ...d.vxlan, ...d.ipip].find(p => p.name === name)?.addresses[0];
  return text === undefined ? undefined : parseCidr(text).address;
}

/** `-force` for undoing: what is gone already is no reason to leave the rest. */
function batch(lines: readonly string[], force = false): void {
  try {
    execFileSync('ip', [...(force ? ['-force'] : []), '-batch', '-'], {
      input: `${lines.join('\n')}\n`,
      stdio: ['pipe', 'ignore', 'pipe'],
      timeout: 10_000,
    });
  } catch (cause) {
    if (force) return;
    const said = (cause as { stderr?: Buffer }).stderr?.toString().trim() ?? '';
    throw new LabError('DEVICE', `ip -batch for the node's own sockets: ${said || String(cause)}`, { cause });
  }
}
