/**
 * The path of a packet through a saved rule set: the router's own path, rules and conntrack on a node without devices, and a story
 * of what happened; or of the packets of a capture, one after the other through one node. Pure: no privilege, no network, the same input
 * tells the same story.
 */

import { Ips } from '../conntrack/status.ts';
import { MAX_ENTRIES } from '../conntrack/table.ts';
import { TcpState } from '../conntrack/tcp/states.ts';
import { compile } from '../netfilter/execute/compile.ts';
import { RuleParts } from '../netfilter/execute/explain.ts';
import type { IpSets } from '../netfilter/execute/extension.ts';
import { needsConntrack } from '../netfilter/needs-conntrack.ts';
import { Netfilter } from '../netfilter/netfilter.ts';
import { readRuleSet } from '../netfilter/text/read.ts';
import { CtInfo, type Packet } from '../packet/packet.ts';
import { Hook, hookNames, Verdict } from '../packet/verdict.ts';
import { run } from '../router/path.ts';
import { type Hooks, Step } from '../router/plane.ts';
import { RulesHooks } from '../router/rules-hooks.ts';
import { i32 } from '../wire/bytes.ts';
import * as icmp from '../wire/icmp.ts';
import * as ipv4 from '../wire/ipv4.ts';
import * as tcp from '../wire/tcp.ts';
import { install, type KnownConnection } from './connections.ts';
import { Doubts } from './doubts.ts';
import { Ending } from './ending.ts';
import { Unknowns } from './fields.ts';
import { stateOf } from './near-miss.ts';
import { makeNode, WalkEnvironment, type WalkNode } from './node.ts';
import { asServer, errorSubject, packetBytes, packetOf, SEQUENCE } from './packet-bytes.ts';
import { ACCEPTED, type DescribedPacket } from './packet-words.ts';
import { Recorder } from './recorder.ts';
import type { Story } from './story.ts';
import type { Surroundings } from './surroundings.ts';

/** A frame of a capture: its IPv4 header begins at `l3`. */
export interface WalkedFrame {
  /** In its file, 1 is the first. */
  readonly number: number;
  readonly timeNs: bigint;
  readonly bytes: Uint8Array;
  readonly l3: number;
  /** As `in` of the options. */
  readonly in?: string;
}

export interface NodeOptions {
  readonly rules: { readonly text: string; readonly file: string; readonly lenient?: boolean; readonly sets?: IpSets };
  readonly out?: string;
  readonly surroundings: Surroundings;
  readonly sysctl?: readonly (readonly [name: string, value: number])[];
  readonly all?: boolean;
  readonly choose?: number;
  readonly seed?: number;
  /** What the node's conntrack knew before. */
  readonly connections?: readonly KnownConnection[];
}

type WalkedPacket = DescribedPacket | { readonly bytes: Uint8Array; readonly l3: number };

export interface WalkOptions extends NodeOptions {
  /** Described, or bytes of a frame whose IPv4 header begins at `l3`. */
  readonly packet: WalkedPacket;
  /** The interface by which it came in; absent: it was made on the node. */
  readonly in?: string;
}

export interface Walked {
  readonly story: Story;
  readonly warnings: readonly string[];
}

/** @throws TextError RULES, RULES_UNSUPPORTED; LabError BAD_INPUT */
export function walk({ packet, in: iif, ...o }: WalkOptions): Walked {
  const walk = new Walk(o, { interfaces: iif === undefined ? [] : [iif], connections: FEW });
  return { story: walk.walk(packet, iif), warnings: walk.warnings };
}

export interface WalkedCapture {
  readonly stories: readonly { readonly frame: number; readonly story: Story }[];
  readonly warnings: readonly string[];
}

/** All on one node, whose conntrack knows the frames before. @param frames in the order of time @throws as `walk` */
export function walkFrames(o: NodeOptions, frames: readonly WalkedFrame[]): WalkedCapture {
  const interfaces = [...new Set(frames.flatMap(frame => frame.in ?? []))];
  const walk = new Walk(o, { interfaces, connections: Math.max(FEW, frames.length) });
  const stories = frames.map(frame => {
    walk.passTime(frame.timeNs);
    return { frame: frame.number, story: walk.walk(frame, frame.in) };
  });
  return { stories, warnings: walk.warnings };
}

/** Connections of one packet: its own, and what must have been there before it. */
const FEW = 64;

class Walk {
  readonly warnings: readonly string[];
  readonly #o: NodeOptions;
  readonly #node: WalkNode;
  readonly #recorder: Recorder;
  readonly #unknowns = new Unknowns();
  readonly #ending: Ending;
  readonly #tracks: boolean;
  #notes: string[] = [];
  /** What is walked now. */
  #packet: WalkedPacket | undefined;
  #in: string | undefined;
  #timeNs: bigint | undefined;

  constructor(o: NodeOptions, { interfaces, connections }: { interfaces: readonly string[]; connections: number }) {
    this.#o = o;
    const { file, text, lenient = false, sets } = o.rules;
    const read = readRuleSet(text, { file, lenient });
    const { program, text: programText } = compile(read.ruleSet, { file, lenient, ...(sets && { sets }) });
    this.warnings = [...read.warnings, ...programText.warnings];
    this.#tracks = needsConntrack(read.ruleSet);
    const node = makeNode({
      surroundings: o.surroundings,
      seed: o.seed ?? 1,
      sysctl: o.sysctl ?? [],
      in: interfaces,
      connections: Math.min(MAX_ENTRIES, connections + (o.connections?.length ?? 0)),
      ...(o.out !== undefined && { out: o.out }),
    });
    this.#node = node;
    const { plane, conntrack } = node;
    install(conntrack, o.connections ?? []);
    const doubts = new Doubts(plane, o.surroundings.addressesKnown, node.somewhere);
    this.#recorder = new Recorder({
      text: programText,
      parts: new RuleParts(sets),
      plane,
      conntrack,
      unknowns: this.#unknowns,
      doubts,
      random: node.random,
      all: o.all ?? false,
      ...(o.choose !== undefined && { choose: o.choose }),
    });
    const environment = new WalkEnvironment(node, this.#unknowns);
    environment.onReason = because => {
      this.#recorder.because = because;
    };
    environment.onReroute = p => {
      if (p === this.#recorder.packet) this.#recorder.route(p, true);
    };
    const netfilter = new Netfilter(environment, { onlooker: this.#recorder });
    netfilter.install(program, this.#tracks);
    this.#ending = new Ending({ recorder: this.#recorder, node, unknowns: this.#unknowns, doubts });
    plane.hooks = this.#listeningHooks(new RulesHooks(netfilter, conntrack, plane.reassembly));
    plane.tracer = this.#ending;
    this.#listenToConntrack();
  }

  walk(packet: WalkedPacket, iif: string | undefined): Story {
    this.#packet = packet;
    this.#in = iif;
    this.#notes = [];
    this.#recorder.begin();
    this.#ending.begin();
    if ('protocol' in packet) this.#prelude(packet);
    else this.#takeAnswerForGranted(packet);
    const p = 'protocol' in packet ? this.#made(packet) : packetOf(packet.bytes, packet.l3);
    if (!('protocol' in packet)) p.csumValid = true; // captured before the device finished it, perhaps
    const fields = this.#unknowns.fields(p);
    this.#recorder.packet = p;
    this.#run(p);
    this.#recorder.packet = null;
    if (this.#o.choose !== undefined && !this.#recorder.chosen) this.#notes.push(`--choose ${this.#o.choose}: the packet met no choice`);
    const { outcome, flow } = this.#ending.told(p, fields);
    return {
      schema: 1,
      packet: fields,
      in: iif ?? null,
      events: this.#recorder.events,
      outcome,
      ...(flow && { flow }),
      undecided: this.#recorder.undecidedRules,
      notes: [...this.#notes, ...this.#advice()],
    };
  }

  /** The node's clock follows that of the capture. */
  passTime(timeNs: bigint): void {
    const ms = Number(timeNs - (this.#timeNs ?? timeNs)) / 1e6;
    this.#timeNs = timeNs;
    if (ms > 0) this.#node.clock.advance(ms);
    this.#node.conntrack.sweepAll();
  }

  #run(p: Packet): void {
    const { plane } = this.#node;
    if (this.#in === undefined) {
      run(plane, p, Step.Output);
      return;
    }
    p.iif = plane.byName(this.#in)!.id;
    run(plane, p, Step.Receive);
  }

  #made(d: DescribedPacket): Packet {
    const p = packetOf(packetBytes(d));
    p.mark = d.mark;
    return p;
  }

  /** Hooks as the rules have them, each told; the path ends where the packet would leave the node or come to a socket. */
  #listeningHooks(inner: Hooks): Hooks {
    const { plane } = this.#node;
    const recorder = this.#recorder;
    return {
      run: (hook, p) => {
        const told = p === recorder.packet;
        if (told) this.#enter(hook, p);
        const verdict = inner.run(hook, p);
        if (verdict !== Verdict.Accept) {
          if (told && verdict === Verdict.Stolen) this.#ending.held();
          return verdict;
        }
        const leaves = hook === Hook.Postrouting && p.oif !== plane.lo.id;
        if (!leaves && hook !== Hook.Input) return verdict;
        if (told) this.#ending.reached(p, leaves);
        else if (leaves) this.#ending.answer(p, true);
        return Verdict.Stolen;
      },
      end: p => inner.end(p),
      hold: p => inner.hold(p),
      letGo: ct => inner.letGo(ct),
      attach: (answer, about) => inner.attach(answer, about),
      setClosing: p => inner.setClosing(p),
    };
  }

  #enter(hook: Hook, p: Packet): void {
    const recorder = this.#recorder;
    const { plane } = this.#node;
    // PREROUTING comes before routing; POSTROUTING goes where FORWARD or OUTPUT was told.
    if (hook === Hook.Input || hook === Hook.Forward || hook === Hook.Output) recorder.route(p, false);
    if (hook === Hook.Forward && p.oif !== 0)
      recorder.tell({ event: 'ttl', from: ipv4.ttl(p.bytes, p.l3) + 1, to: ipv4.ttl(p.bytes, p.l3) });
    const shown = (iface: number, hides: boolean): string | null => (hides || iface === 0 ? null : recorder.nameOf(iface));
    recorder.tell({
      event: 'hook',
      hook: hookNames[hook],
      in: shown(p.iif, hook === Hook.Output || (hook === Hook.Postrouting && p.local && p.oif !== plane.lo.id)),
      out: shown(p.oif, hook === Hook.Prerouting || hook === Hook.Input),
      mark: p.mark >>> 0,
    });
  }

  #listenToConntrack(): void {
    const { conntrack } = this.#node;
    const { nat } = conntrack;
    const recorder = this.#recorder;
    const track = conntrack.track.bind(conntrack);
    conntrack.track = (p, hook) => {
      const told = p === recorder.packet;
      const known = p.ct >= 0 || p.untracked;
      const verdict = told && !known ? this.#trackAs(p, () => track(p, hook)) : track(p, hook);
      if (told && !known) recorder.tell({ event: 'conntrack', state: stateOf(p), why: this.#whyState(p) });
      return verdict;
    };
    const consults = nat.consults.bind(nat);
    nat.consults = (p, hook) => {
      const asks = consults(p, hook);
      if (!asks && p === recorder.packet && p.ct >= 0) recorder.tell({ event: 'not-asked', table: 'nat', why: whyNotAsked(p) });
      return asks;
    };
    const translate = nat.translate.bind(nat);
    nat.translate = (p, hook) => {
      const before = this.#unknowns.fields(p);
      const verdict = translate(p, hook);
      if (p === recorder.packet) this.#ending.translated(before, this.#unknowns.fields(p));
      return verdict;
    };
  }

  /** What the description says conntrack is to make of it. */
  #trackAs(p: Packet, track: () => Verdict): Verdict {
    const packet = this.#packet!;
    const state = 'protocol' in packet ? packet.state : undefined;
    if (state === 'invalid') return Verdict.Accept;
    if (state === 'untracked') {
      p.untracked = true;
      return Verdict.Accept;
    }
    const verdict = track();
    if (state === 'related' && p.ctinfo === CtInfo.New) p.ctinfo = CtInfo.Related;
    return verdict;
  }

  #whyState(p: Packet): string {
    const packet = this.#packet!;
    if ('protocol' in packet && packet.state !== undefined && packet.state !== 'new') return 'as it was described';
    switch (stateOf(p)) {
      case 'NEW':
        return 'the first packet of its flow: nat is asked';
      case 'INVALID':
        return 'conntrack cannot make sense of it';
      default:
        return 'its flow is known';
    }
  }

  /** What must have happened before the packet can be what it is said to be. */
  #prelude(d: DescribedPacket): void {
    if (d.state === 'established') this.#establish(d);
    if (d.state === 'related' && d.protocol === ipv4.Protocol.Icmp && icmp.isError(d.icmpType)) this.#track(errorSubject(d));
  }

  /** The flow's first packet goes the whole way in silence, then the answer and, for TCP, its acknowledgement are tracked. */
  #establish(d: DescribedPacket): void {
    const { conntrack } = this.#node;
    const { state: _state, ...plain } = d;
    const opening = { ...plain, flags: tcp.Flag.Syn, mss: 1460 };
    let first = this.#made(opening);
    this.#run(first);
    if (first.ct < 0) {
      this.#notes.push(
        "these rules would not let the flow's first packet through: it is taken as established all the same, without translation",
      );
      first = this.#track(opening);
    }
    for (const fell of this.#recorder.silentChoices)
      this.#notes.push(`the flow's first packet was walked before, in silence: its choice fell on ${fell} (--choose N takes another)`);
    this.#answer({ ...opening, icmpType: d.icmpType === icmp.Type.Echo ? icmp.Type.EchoReply : d.icmpType }, first.ct);
    if (d.protocol === ipv4.Protocol.Tcp) conntrack.track(this.#made({ ...plain, flags: tcp.Flag.Ack, mss: 0 }), Hook.Prerouting);
  }

  /** conntrack sees an answer to connection `ct`, and nobody else does. @param d what it answers, but for its ends and flags */
  #answer(
    d: DescribedPacket,
    ct: number,
    numbers: { seq: number; ack: number } = { seq: SEQUENCE.server, ack: SEQUENCE.client + 1 },
  ): void {
    const { conntrack } = this.#node;
    const reply = packetBytes({
      ...d,
      src: conntrack.replySrc(ct),
      dst: conntrack.replyDst(ct),
      srcPort: conntrack.replySrcPort(ct),
      dstPort: conntrack.replyDstPort(ct),
      flags: tcp.Flag.Syn | tcp.Flag.Ack,
    });
    conntrack.track(packetOf(d.protocol === ipv4.Protocol.Tcp ? asServer(reply, numbers) : reply), Hook.Prerouting);
  }

  /** A capture of one direction lacks the SYN,ACK without which nobody acknowledges: conntrack would find the rest INVALID. */
  #takeAnswerForGranted({ bytes, l3 }: { bytes: Uint8Array; l3: number }): void {
    const { conntrack } = this.#node;
    const l4 = l3 + ipv4.headerLength(bytes, l3);
    if (ipv4.protocol(bytes, l3) !== ipv4.Protocol.Tcp || ipv4.fragmentOffset(bytes, l3) !== 0 || bytes.length < l4 + tcp.HEADER_LEN)
      return;
    const flags = tcp.flags(bytes, l4);
    if ((flags & (tcp.Flag.Syn | tcp.Flag.Rst)) !== 0 || (flags & tcp.Flag.Ack) === 0) return;
    const ct = conntrack.findEntry(ipv4.src(bytes, l3), ipv4.dst(bytes, l3), i32(bytes, l4), ipv4.Protocol.Tcp);
    if (ct < 0 || conntrack.tcpState(ct) !== TcpState.SynSent || (conntrack.status(ct) & Ips.SeenReply) !== 0) return;
    this.#notes.push('no answer to the first packet of its flow came by before it: it is taken to have been answered');
    this.#answer(ACCEPTED, ct, { seq: tcp.ack(bytes, l4) - 1, ack: tcp.seq(bytes, l4) });
  }

  /** Known to conntrack, past all rules. */
  #track(d: DescribedPacket): Packet {
    const { conntrack } = this.#node;
    const p = this.#made(d);
    conntrack.track(p, Hook.Prerouting);
    if (p.ct < 0) return p;
    conntrack.nat.bindNull(p.ct, 1);
    conntrack.nat.bindNull(p.ct, 0);
    conntrack.confirm(p);
    return p;
  }

  #advice(): string[] {
    const { surroundings, sysctl = [] } = this.#o;
    const notes: string[] = [];
    if (!surroundings.addressesKnown)
      notes.push(
        "none of the node's addresses is known, so nothing is for the node itself: --address eth0=192.168.56.11/24 tells one, --address FILE all",
      );
    if (this.#recorder.events.some(e => e.event === 'route' && e.kind === 'unknown'))
      notes.push(
        "where it leaves is unknown: --route '10.244.2.0/24 dev flannel.1' tells a route, --route FILE all, --out NAME the interface",
      );
    if (this.#recorder.events.some(e => e.event === 'ttl') && !sysctl.some(([name]) => name.endsWith('forward')))
      notes.push('net.ipv4.ip_forward is taken to be 1');
    return notes;
  }
}

const whyNotAsked = (p: Packet): string =>
  stateOf(p) === 'RELATED'
    ? 'an error that is RELATED goes the way of its flow'
    : 'only the first packet of a flow is; conntrack knows what became of it';
