/** A whole router without a kernel: a description, rules as text, memory wires, a clock that is told. */
import { parseMac } from '../../src/base/address.ts';
import { VirtualClock } from '../../src/base/clock.ts';
import { SeededRandom } from '../../src/base/random.ts';
import type { Conntrack } from '../../src/conntrack/conntrack.ts';
import type { MemoryDevice } from '../../src/device/memory-pair.ts';
import { memoryPair } from '../../src/device/memory-pair.ts';
import { compile } from '../../src/netfilter/execute/compile.ts';
import type { ProgramText } from '../../src/netfilter/execute/program-text.ts';
import { needsConntrack } from '../../src/netfilter/needs-conntrack.ts';
import { Netfilter } from '../../src/netfilter/netfilter.ts';
import type { RuleSet } from '../../src/netfilter/ruleset.ts';
import { readRuleSet } from '../../src/netfilter/text/read.ts';
import { buildNode } from '../../src/node/build.ts';
import { checkDescription, type RouterDescriptionInput } from '../../src/node/description.ts';
import { Gso, Packet } from '../../src/packet/packet.ts';
import { fragmentSweep } from '../../src/router/expired-fragments.ts';
import { frameIn, runWaiting, socketIn } from '../../src/router/path.ts';
import type { Plane } from '../../src/router/plane.ts';
import { RulesEnvironment } from '../../src/router/rules-environment.ts';
import { RulesHooks } from '../../src/router/rules-hooks.ts';
import { tell, tellIp } from './frames.ts';

/** A segment of the largest kind, and headers around it. */
const LARGEST = 65_553 + 200;

export interface World {
  plane: Plane;
  conntrack: Conntrack;
  clock: VirtualClock;
  /** A frame on the wire of a port. What came out everywhere, told in lines `port: frame`. */
  send(port: string, frame: Uint8Array, segment?: { gsoSize: number; gsoType?: number; csumStart?: number }): string[];
  /** Frames that wait together when the router looks. */
  sendTogether(port: string, frames: readonly { bytes: Uint8Array; gsoSize: number; gsoType?: number; csumStart?: number }[]): string[];
  /** A packet that a process on the node sends, without link header. */
  fromSocket(packet: Uint8Array): string[];
  /** Lets time pass; what timers send. */
  advance(ms: number): string[];
  load(rules: string): void;
  /** The same from a rule set; rules that stay go on counting. @returns what reads the counters */
  install(ruleSet: RuleSet): ProgramText;
  netfilter: Netfilter;
  drops(): Record<string, number>;
  /** Entries in the connection table, as `conntrack -C` counts them. */
  connections(): number;
  /** The frames of the last call as bytes. */
  last: { port: string; bytes: Uint8Array; gsoType: number; gsoSize: number; csumStart: number }[];
}

/**
 * @param description as in a file for `kubehop router run`, as an object; a port's `mac` is required
 * @param size of the wires: how many frames wait on one, and the longest frame; whether they take datagrams that are to be cut
 */
export function world(
  description: RouterDescriptionInput,
  rules = '',
  size: { slots?: number; frameSize?: number; connections?: number; udpSegments?: boolean } = {},
): World {
  const checked = checkDescription(description);
  const clock = new VirtualClock(1000);
  const random = new SeededRandom(1);
  const wires = new Map<string, MemoryDevice>();
  const { plane, conntrack, ports } = buildNode(checked, {
    clock,
    random,
    connections: size.connections ?? 4096,
    open: port => {
      const tun = port.kind === 'tun';
      // What a test sees has its checksums finished, as on a wire without offloads.
      const options = {
        name: port.name,
        offload: size.udpSegments ?? false,
        mtu: port.mtu ?? 1500,
        ...(port.mac ? { mac: parseMac(port.mac) } : {}),
        udpSegments: size.udpSegments ?? false,
      };
      const frameSize = tun ? LARGEST : (size.frameSize ?? LARGEST);
      const [near, far] = memoryPair(options, {}, { bare: tun, frameSize, slots: size.slots ?? 128 });
      wires.set(port.name, far);
      return near;
    },
  });
  const netfilter = new Netfilter(new RulesEnvironment(plane, conntrack));
  plane.hooks = new RulesHooks(netfilter, conntrack, plane.reassembly);
  const sweepFragments = fragmentSweep(plane);
  const batch = Array.from({ length: 64 }, () => new Packet());
  const pick = Array.from({ length: 64 }, () => new Packet());
  let text: ProgramText | undefined;
  const w: World = {
    plane,
    netfilter,
    conntrack,
    clock,
    last: [],
    load: rules => {
      w.install(readRuleSet(rules, { file: 'rules' }).ruleSet);
    },
    install: ruleSet => {
      const compiled = compile(ruleSet, text ? { previous: text } : {});
      netfilter.install(compiled.program, netfilter.tracks || needsConntrack(ruleSet));
      text = compiled.text;
      return text;
    },
    send: (port, frame, segment) => {
      put(wires.get(port)!, frame, segment);
      return take();
    },
    sendTogether: (port, frames) => {
      for (const each of frames) put(wires.get(port)!, each.bytes, each);
      return take();
    },
    fromSocket: packet => {
      put(wires.get(checked.ports.find(p => p.kind === 'tun')!.name)!, packet);
      return take();
    },
    advance: ms => {
      clock.advance(ms);
      conntrack.sweepAll();
      sweepFragments();
      plane.neighbours.tick();
      runWaiting(plane);
      plane.flush();
      return collect();
    },
    drops: () => plane.drops.toObject(),
    connections: () => {
      conntrack.sweepAll(); // what was dropped stays readable until then
      return conntrack.size;
    },
  };

  function put(wire: MemoryDevice, bytes: Uint8Array, segment: Parameters<World['send']>[2] = { gsoSize: 0 }): void {
    const { gsoSize, gsoType = Gso.Tcp4, csumStart = gsoSize > 0 ? 34 : 0 } = segment;
    const p = new Packet();
    p.borrow({ bytes: Uint8Array.from(bytes), base: 0 }, 0, 0, bytes.length, bytes.length);
    if (gsoSize > 0) {
      p.gsoType = gsoType;
      p.gsoSize = gsoSize;
    }
    if (csumStart > 0) {
      p.csumStart = csumStart;
      p.csumOffset = gsoSize > 0 && gsoType !== Gso.Tcp4 ? 6 : 16;
    }
    wire.transmit(p);
    wire.flush();
  }

  function take(): string[] {
    conntrack.sweep();
    for (const port of ports) {
      const n = port.device!.receive(batch);
      for (let i = 0; i < n; i++) frameIn(plane, batch[i]!, port);
      plane.flush();
      port.device!.release();
    }
    if (plane.sockets) {
      const n = plane.sockets.receive(batch);
      for (let i = 0; i < n; i++) socketIn(plane, batch[i]!);
      plane.flush();
      plane.sockets.release();
    }
    return collect();
  }

  function collect(): string[] {
    w.last = [];
    const lines: string[] = [];
    for (const [name, wire] of wires) {
      const bare = checked.ports.find(p => p.name === name)!.kind === 'tun';
      for (let n = wire.receive(pick); n > 0; n = wire.receive(pick)) {
        for (let i = 0; i < n; i++) {
          const { start, end, gsoType, gsoSize, csumStart } = pick[i]!;
          const bytes = pick[i]!.bytes.slice(start, end);
          w.last.push({ port: name, bytes, gsoType, gsoSize, csumStart: csumStart === 0 ? 0 : csumStart - start });
          lines.push(`${name}: ${bare ? tellIp(bytes, 0, bytes.length) : tell(bytes)}`);
        }
        wire.release();
      }
    }
    return lines;
  }

  if (rules) w.load(rules);
  return w;
}
