/**
 * Linux as a host of a network in memory: a namespace of its own, whose wires end here. What its rules have done is seen by a packet log
 * behind each hook. What is delivered to it is taken from the end of INPUT, behind everything else, and given to the stack of the cases;
 * what that sends goes out by a raw socket. So the kernel does what a router does, and the sockets are the same as the router's.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { parseIpv4 } from '../../../src/base/address.ts';
import { LabError } from '../../../src/base/errors.ts';
import type { EntryView } from '../../../src/conntrack/text/view.ts';
import { PacketSocket } from '../../../src/device/packet-socket.ts';
import type { RuleSet } from '../../../src/netfilter/ruleset.ts';
import { readRuleSet } from '../../../src/netfilter/text/read.ts';
import { saveTable } from '../../../src/netfilter/text/write.ts';
import { AF_INET, close, ifNameToIndex, SOCK_RAW, sendto } from '../../../src/os/libc.ts';
import { arena } from '../../../src/os/memory.ts';
import { insideNetns, openNetns } from '../../../src/os/netns.ts';
import { openSocket } from '../../../src/os/socket.ts';
import { Packet } from '../../../src/packet/packet.ts';
import { Hook, Verdict } from '../../../src/packet/verdict.ts';
import * as checksum from '../../../src/wire/checksum.ts';
import { Ctnetlink } from '../../judge/ctnetlink.ts';
import { ip } from '../../router/frames.ts';
import type { HostSpec, Out } from '../net/host.ts';
import { NotHere } from '../net/plane.ts';
import type { HookSight, RuledHost } from '../net/ruled-host.ts';
import { sightOf } from '../net/sight.ts';
import { Stack } from '../net/stack.ts';
import { PacketLog } from './log.ts';

const IPPROTO_RAW = 255;
/** "Use for experimentation and testing" (RFC 3692). */
const BARRIER = 253;
const BARRIER_LINK = 'barrier';
const BARRIER_MAC = '02:00:00:00:fe:01';
const LOST_MS = 10_000;
/** A wire that has just been made may take no frame yet: then once more. */
const AGAIN_MS = 50;
/** Longer than this nothing is waited for really: the timeouts of connections are made shorter instead. */
const REALLY_MS = 10_000;
let worlds = 0;
let wires = 0;

/** Behind NAT (-100, 100), filters (0) and confirmation, which is at the last number there is: who came first stands behind. */
const tables = (sockets: boolean): string => `table ip conformance {
  chain barrier { type filter hook prerouting priority -500; ip protocol ${BARRIER} log group 0 drop; }
  chain pre { type filter hook prerouting priority -90; log group 0; }
  chain in { type filter hook input priority 2147483647; log group 0; ${sockets ? 'drop;' : ''} }
  chain forward { type filter hook forward priority 300; log group 0; }
  chain out { type filter hook output priority 300; log group 0; }
  chain post { type filter hook postrouting priority 300; log group 0; }
}
`;

const chains = ['pre', 'in', 'forward', 'out', 'post'] as const;
const states = ['NEW', 'ESTABLISHED', 'RELATED', 'INVALID', 'UNTRACKED'] as const;
/**
 * The same with the state of each packet's connection. To ask for it turns conntrack on, so it is asked for when rules do so already. The
 * chains stay, and with them their place behind conntrack's own hooks.
 */
const withStates = (sockets: boolean): string =>
  chains
    .flatMap(chain => [
      `flush chain ip conformance ${chain}`,
      ...states.map(state => `add rule ip conformance ${chain} ct state ${state.toLowerCase()} log group 0 prefix "${state}"`),
      ...(chain === 'in' && sockets ? [`add rule ip conformance ${chain} drop`] : []),
    ])
    .join('\n');
const TRACKING = /conntrack|connmark|\bstate\b|\bnat\b|\bCT\b|CONNMARK/;

export class KernelHost implements RuledHost {
  readonly name: string;
  readonly spec: HostSpec;
  readonly stack = new Stack();
  hooks: HookSight[] = [];
  complaints: string[] = [];
  readonly #sockets: boolean;
  readonly #netns = `host${++worlds}`;
  readonly #fd: number;
  readonly #wires = new Map<string, PacketSocket>();
  readonly #barrier: PacketSocket;
  readonly #log: PacketLog;
  readonly #raw: number;
  readonly #conntrack: Ctnetlink;
  readonly #batch = Array.from({ length: 64 }, () => new Packet());
  readonly #memory = arena(1 << 17);
  readonly #p = new Packet();
  readonly #sources = new Map<string, string>();
  /** What came to its sockets and was not given to them yet. */
  readonly #delivered: Uint8Array[] = [];
  #barriers = 0;
  #tracks = false;
  #lo = 1;

  constructor(spec: HostSpec, { sockets = true }: { sockets?: boolean } = {}) {
    this.name = spec.name;
    this.spec = spec;
    this.#sockets = sockets;
    tool('ip', ['netns', 'add', this.#netns]);
    this.#fd = openNetns(`/run/netns/${this.#netns}`);
    const base = {
      'ipv6.conf.all.disable_ipv6': 1,
      'ipv6.conf.default.disable_ipv6': 1,
      'ipv4.conf.all.rp_filter': 0,
      'ipv4.conf.default.rp_filter': 0,
    };
    for (const [name, value] of Object.entries({
      ...base,
      'ipv4.icmp_ratelimit': 0,
      'ipv4.icmp_ratemask': 0,
    }))
      this.sysctl(`net.${name}`, value);
    const ends = this.#wire();
    this.#inside(() => tool('nft', ['-f', '-'], tables(sockets)));
    for (const [name, value] of Object.entries(spec.sysctl ?? {})) this.sysctl(name, value);
    // Cases send many packets at once before anybody has been asked for his address.
    for (const name of ends.keys()) this.sysctl(`net.ipv4.neigh.${name}.unres_qlen_bytes`, 1 << 20);
    for (const [name, end] of ends)
      this.#wires.set(name, new PacketSocket(end, { offload: false, promiscuous: true, frames: 512, frameSize: 2048 }));
    this.#barrier = this.#wires.get(BARRIER_LINK)!;
    this.#wires.delete(BARRIER_LINK);
    [this.#log, this.#raw, this.#conntrack] = this.#inside(() => [
      new PacketLog(),
      openSocket(AF_INET, SOCK_RAW, IPPROTO_RAW, 'raw socket'),
      new Ctnetlink(),
    ]);
    this.#lo = this.#inside(() => ifNameToIndex('lo'));
    for (const { name, mac } of spec.interfaces) this.#passBarrier(this.#wires.get(name)!, mac);
  }

  /** Interfaces, addresses and routes. @returns the ends of the wires in this namespace, by interface */
  #wire(): Map<string, string> {
    const ends = new Map<string, string>();
    const outside: string[] = [];
    const inside: string[] = ['link set lo up'];
    const all = [...this.spec.interfaces, { name: BARRIER_LINK, mac: BARRIER_MAC, addresses: [], segment: '' }];
    for (const i of all) {
      // One that stands for a dummy has an end too, whose frames go nowhere.
      const end = `w${++wires}`;
      ends.set(i.name, end);
      const mtu = 'mtu' in i && i.mtu !== undefined ? ` mtu ${i.mtu}` : '';
      outside.push(
        `link add ${end} mtu 9000 type veth peer name ${i.name} address ${i.mac}${mtu} netns ${this.#netns}`,
        `link set dev ${end} up`,
      );
      inside.push(...i.addresses.map(a => `address add ${a}${a.endsWith('/32') ? '' : ' brd +'} dev ${i.name}`));
      inside.push(`link set dev ${i.name} up`);
    }
    tool('ip', ['-batch', '-'], lines(outside));
    const routes = this.spec.routes.flatMap(r => {
      const route = `route add ${r.to}${r.via ? ` via ${r.via}` : ''}${r.dev ? ` dev ${r.dev}` : ''}${r.via && r.dev ? ' onlink' : ''}`;
      return r.mark === undefined ? [route] : [`${route} table ${100 + r.mark}`, `rule add fwmark ${r.mark} table ${100 + r.mark}`];
    });
    tool('ip', ['-n', this.#netns, '-batch', '-'], lines([...inside, ...routes]));
    this.#inside(() => {
      for (const name of ends.keys()) tool('ethtool', ['-K', name, 'tx', 'off']);
    });
    return ends;
  }

  iptables(args: readonly string[]): void {
    this.#rules('iptables-legacy', args);
  }
  commit(): void {}
  load(rules: string): void {
    this.#rules('iptables-legacy-restore', [], rules);
  }
  install(rules: RuleSet): void {
    // Accounting objects would have to be made first; they only count.
    const text = [...rules.tables.values()].map(table => saveTable(table, false)).join('');
    this.load(text.replaceAll(/ -m nfacct --nfacct-name +\S+/g, ''));
  }
  counted(): RuleSet {
    return readRuleSet(
      this.#inside(() => tool('iptables-legacy-save', ['-c'])),
      { file: 'iptables-save', counters: true },
    ).ruleSet;
  }
  #rules(name: string, args: readonly string[], input = ''): void {
    try {
      this.#inside(() => tool(name, args, input));
      if (!this.#tracks && TRACKING.test(`${args.join(' ')} ${input}`)) {
        this.#tracks = true;
        this.#inside(() => tool('nft', ['-f', '-'], `${withStates(this.#sockets)}\n`));
      }
    } catch (error) {
      throw new LabError('BAD_INPUT', `${name} ${args.join(' ')}: ${(error as { stderr?: string }).stderr?.trim() ?? error}`);
    }
  }

  entry(src: string, dst: string, ports: number, protocol: number): EntryView | undefined {
    return this.#conntrack.find({ src: parseIpv4(src), dst: parseIpv4(dst), ports }, protocol, 0);
  }
  flush(): void {
    this.#conntrack.flush();
  }
  sysctl(name: string, value: number): void {
    try {
      this.#inside(() => writeFileSync(procFile(name), String(value)));
    } catch (error) {
      throw new LabError('BAD_INPUT', `sysctl ${name}: ${(error as Error).message}`);
    }
  }
  tool(name: string, args: readonly string[], input = ''): string {
    return this.#inside(() => tool(name, args, input));
  }
  readSysctl(name: string): number {
    return this.#inside(() => Number(readFileSync(procFile(name), 'utf8')));
  }

  sourceFor(dst: string): string {
    const known = this.#sources.get(dst);
    if (known !== undefined) return known;
    let source = this.spec.interfaces[0]?.addresses[0]?.split('/')[0] ?? '127.0.0.1';
    try {
      source = / src (\S+)/.exec(tool('ip', ['-n', this.#netns, 'route', 'get', dst]))?.[1] ?? source;
    } catch {
      // No route: what is sent will not go far.
    }
    this.#sources.set(dst, source);
    return source;
  }

  frame(port: string, bytes: Uint8Array): Out[] {
    transmit(this.#wires.get(port)!, bytes, this.#memory, this.#p);
    return this.#settle();
  }
  packet(bytes: Uint8Array): Out[] {
    const { bytes: room, base } = this.#memory;
    room.set(bytes, 64);
    room.fill(0, 0, 16);
    room[0] = AF_INET;
    room.set(bytes.subarray(16, 20), 4);
    // What its own rules drop, the socket is told: that is no fault.
    sendto(this.#raw, base + 64, bytes.length, 0, base, 16);
    return this.#settle();
  }
  advance(ms: number): Out[] {
    if (ms > REALLY_MS) this.#age(Math.round(ms / 1000));
    else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
    return this.#settle();
  }

  /** Time is taken off each connection, as if it had passed. */
  #age(seconds: number): void {
    const list = this.#inside(() => tool('conntrack', ['-L', '-o', 'extended']));
    for (const line of list.split('\n')) {
      const m = /^ipv4\s+\d+\s+(\S+)\s+\d+ (\d+) .*?src=(\S+) dst=(\S+) (?:sport=(\d+) dport=(\d+)|type=(\d+) code=(\d+) id=(\d+))/.exec(
        line,
      );
      if (!m) {
        if (line.trim() !== '') throw new NotHere(`${seconds} s would have to be waited for, with "${line}"`);
        continue;
      }
      const [, protocol, left, src, dst, sport, dport, type, code, id] = m as unknown as string[];
      const query = ['--icmp-type', type!, '--icmp-code', code!, '--icmp-id', id!];
      const which = ['-p', protocol!, '-s', src!, '-d', dst!, ...(sport === undefined ? query : ['--sport', sport, '--dport', dport!])];
      // A second that has begun is told as gone.
      const rest = Number(left) + 1 - seconds;
      this.#inside(() => tool('conntrack', rest > 0 ? ['-U', ...which, '-t', String(rest)] : ['-D', ...which]));
    }
  }

  /** Until all is done that was begun: what came out of the wires, and what the sockets got. */
  #settle(): Out[] {
    // What a frame causes stands in line behind the first barrier, and before the second.
    for (let n = 0; n < 2; n++) this.#passBarrier(this.#barrier, BARRIER_MAC);
    const outs: Out[] = [];
    for (const [port, socket] of this.#wires) {
      for (let n = socket.receive(this.#batch); n > 0; n = socket.receive(this.#batch)) {
        for (let i = 0; i < n; i++)
          outs.push({ kind: 'frame', port, bytes: this.#batch[i]!.bytes.slice(this.#batch[i]!.start, this.#batch[i]!.end) });
        socket.release();
      }
    }
    for (const bytes of this.#delivered.splice(0))
      outs.push(...this.stack.receive(bytes).map((answer): Out => ({ kind: 'packet', bytes: answer })));
    return outs;
  }

  #passBarrier(wire: PacketSocket, mac: string): void {
    const number = ++this.#barriers;
    const data = new Uint8Array(4);
    new DataView(data.buffer).setUint32(0, number);
    const ends = { srcMac: '02:00:00:00:fe:02', dstMac: mac, src: '192.0.2.1', dst: '192.0.2.2' };
    const frame = ip(ends, BARRIER, data);
    const end = performance.now() + LOST_MS;
    for (let next = 0; ; this.#log.wait(1)) {
      if (performance.now() > next) {
        transmit(wire, frame, this.#memory, this.#p);
        next = performance.now() + AGAIN_MS;
      }
      for (const logged of this.#log.take()) {
        if (logged.bytes[9] === BARRIER) {
          if (new DataView(logged.bytes.buffer).getUint32(20) === number) return;
          continue;
        }
        if (logged.prefix.startsWith('nf_ct')) {
          this.complaints.push(logged.prefix);
          continue;
        }
        if (logged.iif === this.#lo) finishChecksum(logged.bytes);
        this.hooks.push({
          hook: logged.hook as Hook,
          verdict: Verdict.Accept,
          packet: sightOf(logged.bytes),
          mark: logged.mark >>> 0,
          iif: logged.iif,
          oif: logged.oif,
          ctstate: logged.prefix === '' ? 'INVALID' : (logged.prefix as HookSight['ctstate']),
          zone: 0,
          rules: [],
        });
        if (logged.hook === Hook.Input && this.#sockets) this.#delivered.push(logged.bytes);
      }
      if (performance.now() > end) throw new Error(`${this.name}: the kernel has not dealt with a frame in ${LOST_MS} ms`);
    }
  }

  close(): void {
    for (const socket of [...this.#wires.values(), this.#barrier]) socket.close();
    this.#log.close();
    this.#conntrack.close();
    close(this.#raw);
    close(this.#fd);
    tool('ip', ['netns', 'delete', this.#netns]);
  }

  #inside<T>(work: () => T): T {
    return insideNetns(this.#fd, work);
  }
}

const tool = (name: string, args: readonly string[], input = ''): string =>
  execFileSync(name, args, { input, encoding: 'utf8', stdio: ['pipe', 'pipe', 'pipe'], maxBuffer: 1 << 26 });
const lines = (all: readonly string[]): string => `${all.join('\n')}\n`;
const procFile = (name: string): string => `/proc/sys/${name.replaceAll('.', '/')}`;

function transmit(socket: PacketSocket, frame: Uint8Array, memory: ReturnType<typeof arena>, p: Packet): void {
  memory.bytes.set(frame, 256);
  p.borrow(memory, 0, 256, 256 + frame.length, memory.bytes.length);
  if (!socket.transmit(p)) throw new Error(`${socket.name} takes no frame: ${socket.failure?.message ?? 'full'}`);
  socket.flush();
}

/** On loopback nobody finishes what the kernel's own packets carry: the sum of their pseudo-header alone. */
function finishChecksum(b: Uint8Array): void {
  const l4 = (b[0]! & 15) << 2;
  const at = b[9] === 6 ? l4 + 16 : b[9] === 17 ? l4 + 6 : -1;
  if (at < 0 || ((b[6]! << 8) | b[7]!) & 0x3fff) return;
  const view = new DataView(b.buffer, b.byteOffset);
  const pseudo = checksum.pseudoHeader(view.getInt32(12), view.getInt32(16), b[9]!, b.length - l4);
  if (checksum.holds(pseudo, b, l4, b.length)) return;
  view.setUint16(at, 0);
  view.setUint16(at, checksum.finish(checksum.add(pseudo, b, l4, b.length)) || 0xffff);
}
