/**
 * The way between the node's own sockets and the router, for a description with a TUN. Every packet that a process of this namespace
 * sends goes to the TUN, also when it is meant for one of the node's own addresses or 127.0.0.1: rule 10 sends what has `iif lo` to a
 * table of its own, and the kernel's `local` table moves from rule 0 to rule 100, behind it. That table mirrors the router's routes with
 * their preferred source, so that sockets choose the address that they would choose on a kernel node. What the router writes back is
 * for the socket: the TUN accepts local and loop-back sources and checks no way back.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { LabError } from '../base/errors.ts';
import { insideNetns } from '../os/netns.ts';
import type { RouterDescription } from './description.ts';
import type { MirroredRoute } from './route-mirror.ts';
import { daemonAddresses, ROUTER_PROTOCOL, routeCommands, SOCKETS_TABLE, socketAddresses } from './socket-routes.ts';

export interface SocketsPath {
  /** The same as `close`, as shell lines for a guardian. */
  readonly undo: readonly string[];
  /** The table follows: routes of the description and mirrored ones. @throws LabError DEVICE with what could not be set; the rest is */
  follow(d: RouterDescription, mirrored: readonly MirroredRoute[]): Promise<void>;
  close(): void;
}

/** @returns undefined when the description has no TUN. @throws LabError DEVICE with the command that failed */
export function openSocketsPath(d: RouterDescription, netns: string | undefined): SocketsPath | undefined {
  const tun = d.ports.find(p => p.kind === 'tun');
  if (!tun) return undefined;
  const dev = tun.interface ?? tun.name;
  const inside = <T>(work: () => T): T => (netns === undefined ? work() : insideNetns(netns, work));
  let inForce = routeCommands(d, []);
  const shown = inside(() => daemonAddresses(d).filter(({ dev: port, address }) => !hasAddress(port, address)));
  const undo = [
    ...undoCommands,
    ...shown.map(({ dev: port, address }) => `address del ${address} dev ${port}`),
    ...(d.mirror ? [...refuseCommands('del'), `route flush table ${d.mirror.table} proto ${ROUTER_PROTOCOL}`] : []),
  ];
  const before = inside(() => {
    // An earlier router may have been killed here: its rules are taken back before ours are made.
    if (isMoved()) batch(undo, true);
    const saved = sysctls(dev).map(([name]) => [name, readFileSync(name, 'utf8').trim()] as const);
    for (const [name, value] of sysctls(dev)) writeFileSync(name, value);
    const addresses = socketAddresses(d).map(address => `address replace ${address} dev ${dev}`);
    for (const { dev: port, address } of shown) addresses.push(`address add ${address} dev ${port}`);
    batch([...addresses, ...changes(new Map(), inForce, dev), ...ruleCommands, ...(d.mirror ? refuseCommands('add') : [])]);
    return saved;
  });
  let last = Promise.resolve();
  let isOpen = true;
  const kept = before.filter(([name]) => !name.includes(`/${dev}/`));
  return {
    undo: [...undo.map(line => `ip ${line}`), ...kept.map(([name, value]) => `echo ${value} > ${name}`)],
    follow: (description, mirrored) => {
      const wanted = routeCommands(description, mirrored);
      const lines = changes(inForce, wanted, dev);
      inForce = wanted;
      if (lines.length === 0) return last;
      const change = async (): Promise<void> => {
        try {
          await batchLater(lines, inside);
        } catch (error) {
          if (isOpen) throw error; // the TUN goes with the router, and its routes with the TUN
        }
      };
      // One that failed has been told, and those behind it go on.
      last = last.then(change, change);
      return last;
    },
    close: () => {
      isOpen = false;
      // The TUN is gone by now, and with it its routes; rules and sysctls are what is left to put back.
      inside(() => {
        batch(undo, true);
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

const ruleCommands = [`rule add pref 10 iif lo lookup ${SOCKETS_TABLE}`, 'rule add pref 100 lookup local', 'rule del pref 0'];
const undoCommands = ['rule add pref 0 lookup local', 'rule del pref 100', 'rule del pref 10', `route flush table ${SOCKETS_TABLE}`];

/**
 * What a socket wants to send where its table knows no way goes nowhere: what a routing daemon keeps behind it is for the router. The kernel asks
 * without a protocol whether a next hop can be reached, and is told.
 */
const refuseCommands = (verb: 'add' | 'del'): string[] =>
  ['tcp', 'udp', 'icmp'].map(protocol => `rule ${verb} pref 101 iif lo ipproto ${protocol} unreachable`);

const hasAddress = (dev: string, address: string): boolean =>
  execFileSync('ip', ['-o', '-4', 'address', 'show', 'dev', dev], { encoding: 'utf8', timeout: 10_000 }).includes(` ${address} `);

/** From one set of routes to another: what is gone, then what is new or different. */
function changes(from: ReadonlyMap<string, string>, to: ReadonlyMap<string, string>, dev: string): string[] {
  const lines: string[] = [];
  for (const key of from.keys()) if (!to.has(key)) lines.push(`route del ${key}`);
  for (const [key, words] of to) if (from.get(key) !== words) lines.push(`route replace ${words.replace('DEV', dev)}`);
  return lines;
}

/** Without waiting for it: a daemon's routes come while everything else goes on. A line that fails does not keep the others from being read. */
async function batchLater(lines: readonly string[], inside: <T>(work: () => T) => T): Promise<void> {
  const child = inside(() => spawn('ip', ['-force', '-batch', '-'], { stdio: ['pipe', 'ignore', 'pipe'] }));
  let said = '';
  child.stderr.on('data', text => {
    said += text;
  });
  child.stdin.on('error', () => {}); // it has ended before it had read all: its status tells
  child.stdin.end(`${lines.join('\n')}\n`);
  const [status] = await once(child, 'close');
  if (status !== 0) throw new LabError('DEVICE', `ip -batch for the node's own sockets: ${said.trim()}`);
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
