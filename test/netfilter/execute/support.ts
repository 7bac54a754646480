/** A node to run rules on: every answer that the router would give is a field that a test sets. */
import { type Ipv4, parseIpv4 } from '../../../src/base/address.ts';
import { VirtualClock } from '../../../src/base/clock.ts';
import { SeededRandom } from '../../../src/base/random.ts';
import { manipOf } from '../../../src/conntrack/nat/nat.ts';
import { Manip, RangeFlag } from '../../../src/conntrack/nat/range.ts';
import type { Connections, Environment } from '../../../src/netfilter/environment.ts';
import { type CompileOptions, compile } from '../../../src/netfilter/execute/compile.ts';
import type { ProgramText } from '../../../src/netfilter/execute/program-text.ts';
import { Netfilter } from '../../../src/netfilter/netfilter.ts';
import {
  type Chain,
  emptyTable,
  type Match,
  type NotAddress,
  type NotInterface,
  type Rule,
  type RuleSet,
  type Table,
  type TableName,
  type Target,
} from '../../../src/netfilter/ruleset.ts';
import { readRuleSet } from '../../../src/netfilter/text/read.ts';
import { plainMemory } from '../../../src/packet/memory.ts';
import { CtInfo, Packet } from '../../../src/packet/packet.ts';
import { Hook, hookNames, Verdict } from '../../../src/packet/verdict.ts';
import * as icmp from '../../../src/wire/icmp.ts';
import * as ipv4 from '../../../src/wire/ipv4.ts';
import * as tcp from '../../../src/wire/tcp.ts';
import * as udp from '../../../src/wire/udp.ts';

/** A call of `nat.bind` in words of the test. */
export interface Binding {
  ct: number;
  manip: number;
  flags: number;
  min: Ipv4;
  max: Ipv4;
  minPort: number;
  maxPort: number;
  base: number;
}

/** One entry, number 0, whose fields a test sets. */
export class FakeConnections implements Connections {
  statusBits = 0;
  ctMark = 0;
  proto = 6;
  expires = 0;
  orig = { src: 0, dst: 0, srcPort: 0, dstPort: 0 };
  repl = { src: 0, dst: 0, srcPort: 0, dstPort: 0 };
  bindings: Binding[] = [];
  calls: string[] = [];
  masqueraded = 0;
  bound: [boolean, boolean] = [false, false];
  track(): Verdict {
    this.calls.push('track');
    return Verdict.Accept;
  }
  confirm(): Verdict {
    this.calls.push('confirm');
    return Verdict.Accept;
  }
  status(): number {
    return this.statusBits;
  }
  mark(): number {
    return this.ctMark;
  }
  setMark(_ct: number, mark: number): void {
    this.ctMark = mark;
  }
  protocol(): number {
    return this.proto;
  }
  expiresMs(): number {
    return this.expires;
  }
  origSrc(): Ipv4 {
    return this.orig.src;
  }
  origDst(): Ipv4 {
    return this.orig.dst;
  }
  replySrc(): Ipv4 {
    return this.repl.src;
  }
  replyDst(): Ipv4 {
    return this.repl.dst;
  }
  origSrcPort(): number {
    return this.orig.srcPort;
  }
  origDstPort(): number {
    return this.orig.dstPort;
  }
  replySrcPort(): number {
    return this.repl.srcPort;
  }
  replyDstPort(): number {
    return this.repl.dstPort;
  }
  readonly nat: Connections['nat'] = {
    consults: (p, hook) => p.ct >= 0 && p.ctinfo === CtInfo.New && !this.bound[manipOf(hook)],
    initialized: (_ct, manip) => this.bound[manip],
    bind: (ct, manip, flags, min, max, minPort, maxPort, base = 0) => {
      this.bindings.push({ ct, manip, flags, min, max, minPort, maxPort, base });
      this.bound[manip] = true;
      return Verdict.Accept;
    },
    bindNull: (_ct, manip) => {
      this.calls.push('bindNull');
      this.bound[manip] = true;
      return Verdict.Accept;
    },
    translate: () => {
      this.calls.push('translate');
      return Verdict.Accept;
    },
    masquerade: (ct, oif, source, flags, minPort, maxPort) => {
      this.masqueraded = oif;
      return this.nat.bind(ct, Manip.Src, flags | RangeFlag.MapIps, source, source, minPort, maxPort);
    },
    netmap: (p, hook, address, mask) => {
      const manip = manipOf(hook);
      const old = manip === Manip.Src ? ipv4.src(p.bytes, p.l3) : ipv4.dst(p.bytes, p.l3);
      const to = (old & ~mask) | (address & mask);
      return this.nat.bind(p.ct, manip, RangeFlag.MapIps, to, to, 0, 0);
    },
  };
}

export class FakeEnvironment implements Environment {
  readonly clock = new VirtualClock(1_000_000);
  readonly random: SeededRandom;
  readonly connections = new FakeConnections();
  names = ['', 'lo', 'eth0', 'cni0', 'flannel.1'];
  generation = 0;
  readonly interfaces;
  locals = new Set<Ipv4>([parseIpv4('192.168.56.11'), parseIpv4('127.0.0.1')]);
  reverse = true;
  rejected: number[] = [];
  rerouted = 0;
  logged: number[] = [];
  mtu = 1500;
  constructor(seed = 1) {
    this.random = new SeededRandom(seed);
    const env = this;
    this.interfaces = {
      get generation() {
        return env.generation;
      },
      get count() {
        return env.names.length - 1;
      },
      name: (id: number) => env.names[id]!,
    };
  }
  addressType(address: Ipv4, iface: number): number {
    if (address >>> 28 === 0xe) return 5;
    if (address === -1) return 3;
    return this.locals.has(address) && (iface === 0 || iface === 2) ? 2 : 1;
  }
  reversePath(): boolean {
    return this.reverse;
  }
  masqueradeSource(oif: number): Ipv4 {
    return oif === 0 ? 0 : parseIpv4('10.244.1.0');
  }
  primaryAddress(iface: number): Ipv4 {
    return iface === 0 ? 0 : parseIpv4('192.168.56.11');
  }
  pathMtu(): number {
    return this.mtu;
  }
  reject(_p: Packet, _hook: number, how: number): void {
    this.rejected.push(how);
  }
  reroute(): boolean {
    this.rerouted++;
    return true;
  }
  log(_p: Packet, _hook: number, rule: number): void {
    this.logged.push(rule);
  }
}

export const at = (text: string): NotAddress => {
  const not = text.startsWith('!');
  const [address, prefix = '32'] = text.replace('!', '').split('/');
  const mask = Number(prefix) === 0 ? 0 : -1 << (32 - Number(prefix));
  return { address: parseIpv4(address!) & mask, mask, not };
};
export const iface = (text: string): NotInterface => {
  const not = text.startsWith('!');
  const name = text.replace('!', '');
  return { name: name.replace('+', ''), prefix: name.endsWith('+'), not };
};
export const TCP = { number: 6, not: false };
export const UDP = { number: 17, not: false };
export const ICMP = { number: 1, not: false };
export const port = (low: number, high = low, not = false) => ({ low, high, not });
export const ACCEPT: Target = { kind: 'ACCEPT' };
export const DROP: Target = { kind: 'DROP' };
export const RETURN: Target = { kind: 'RETURN' };
export const jump = (chain: string): Target => ({ kind: 'jump', chain });
export const goTo = (chain: string): Target => ({ kind: 'goto', chain });

let line = 0;
/** A rule with only what is given. */
export const rule = (r: Partial<Rule>, ...matches: Match[]): Rule => ({ packets: 0, bytes: 0, line: ++line, matches, ...r });

/** Chains of one table; policies of the built-in ones as `{ policies }`. */
export function table(name: TableName, chains: Record<string, readonly Rule[]>, policies: Record<string, 'ACCEPT' | 'DROP'> = {}): Table {
  const made = new Map<string, Chain>(emptyTable(name).chains);
  for (const [chain, rules] of Object.entries(chains)) {
    made.set(chain, { ...(made.get(chain) ?? { name: chain, packets: 0, bytes: 0 }), rules });
  }
  for (const [chain, policy] of Object.entries(policies)) made.set(chain, { ...made.get(chain)!, policy });
  return { name, chains: made };
}
export const ruleSet = (...tables: Table[]): RuleSet => ({ tables: new Map(tables.map(t => [t.name, t])) });

export interface Node {
  env: FakeEnvironment;
  ct: FakeConnections;
  netfilter: Netfilter;
  text: ProgramText;
}
export function node(rules: RuleSet, options: CompileOptions = {}, env = new FakeEnvironment()): Node {
  const { program, text } = compile(rules, options);
  const netfilter = new Netfilter(env);
  netfilter.install(program);
  return { env, ct: env.connections, netfilter, text };
}

/** What a chain has counted: packets per rule, then of its end. */
export function counted(text: ProgramText, tableName: TableName, chain: string): number[] {
  const c = text.chain(tableName, chain)!;
  return Array.from({ length: c.chain.rules.length + 1 }, (_, i) => text.counters(c.first + i).packets);
}

export interface PacketFields {
  src?: string;
  dst?: string;
  protocol?: number;
  srcPort?: number;
  dstPort?: number;
  flags?: number;
  /** TCP options. */
  options?: readonly number[];
  /** ICMP. */
  type?: number;
  code?: number;
  payload?: number;
  ttl?: number;
  tos?: number;
  /** Offset in units of 8 bytes. */
  fragment?: number;
  iif?: number;
  oif?: number;
  local?: boolean;
  mark?: number;
  /** Leave out so many bytes at the end. */
  cut?: number;
}

/** A packet of eth0 (interface 2) unless it says otherwise, with correct checksums of the IPv4 header. */
export function packet(f: PacketFields = {}): Packet {
  const memory = plainMemory(2048);
  const b = memory.bytes;
  const start = 256;
  const l3 = start + 14;
  const l4 = l3 + 20;
  const protocol = f.protocol ?? 6;
  let end = l4;
  if (protocol === 6) {
    const options = Uint8Array.from(f.options ?? []);
    end = tcp.encode(
      {
        srcPort: f.srcPort ?? 40000,
        dstPort: f.dstPort ?? 80,
        seq: 1,
        ack: 0,
        flags: f.flags ?? 2,
        window: 64240,
        checksum: 0,
        urgentPointer: 0,
        options,
      },
      b,
      l4,
    );
  } else if (protocol === 17) {
    end = udp.encode({ srcPort: f.srcPort ?? 40000, dstPort: f.dstPort ?? 53, length: 8 + (f.payload ?? 0), checksum: 0 }, b, l4);
  } else if (protocol === 1) {
    end = icmp.encode({ type: f.type ?? 8, code: f.code ?? 0, checksum: 0, rest: 0 }, b, l4);
  } else {
    end = l4 + 20;
    b[l4] = (f.srcPort ?? 0) >> 8;
    b[l4 + 1] = f.srcPort ?? 0;
    b[l4 + 2] = (f.dstPort ?? 0) >> 8;
    b[l4 + 3] = f.dstPort ?? 0;
  }
  end += f.payload ?? 0;
  end -= f.cut ?? 0;
  const src = parseIpv4(f.src ?? '203.0.113.9');
  const dst = parseIpv4(f.dst ?? '192.168.56.11');
  ipv4.write(b, l3, f.tos ?? 0, end - l3, 7, f.fragment ?? 0, f.ttl ?? 64, protocol, src, dst);
  const p = new Packet();
  p.borrow(memory, 0, start, end, 2048);
  p.l3 = l3;
  p.l4 = l4;
  p.iif = f.iif ?? 2;
  p.oif = f.oif ?? 0;
  p.local = f.local ?? false;
  p.mark = f.mark ?? 0;
  return p;
}

/** The packet with an entry, number 0, in a state. */
export function tracked(p: Packet, ctinfo: number = CtInfo.New): Packet {
  p.ct = 0;
  p.ctinfo = ctinfo;
  return p;
}

/** Rules from text: lines as iptables-restore takes them, tables by `*name`, without COMMIT. */
export function rulesOf(...lines: string[]): RuleSet {
  const text: string[] = [];
  for (const line of lines) {
    if (line.startsWith('*') && text.length > 0) text.push('COMMIT');
    text.push(line);
  }
  return readRuleSet(`${[...text, 'COMMIT'].join('\n')}\n`).ruleSet;
}

/** A node whose only rule, in a chain of a table, has the words `args`; tells whether a packet passes its tests. */
export function matcher(args: string, hook: Hook = Hook.Input, tableName: TableName = 'filter', options: CompileOptions = {}) {
  const chain = hookNames[hook];
  const n = node(rulesOf(`*${tableName}`, `-A ${chain} ${args}`), options);
  const at0 = n.text.chains.find(c => c.chain.name === chain)!.first;
  return {
    ...n,
    hits(p: Packet): boolean {
      const before = n.text.counters(at0).packets;
      n.netfilter.run(tableName, hook, p);
      return n.text.counters(at0).packets > before;
    },
  };
}
