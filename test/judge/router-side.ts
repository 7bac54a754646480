/** The TypeScript router: a node's thread on real wires, as `kubehop router` runs it; or the same router in this thread, on memory. */

import { parseMac } from '../../src/base/address.ts';
import { monotonicClock } from '../../src/base/clock.ts';
import { SeededRandom } from '../../src/base/random.ts';
import { type MemoryDevice, memoryPair } from '../../src/device/memory-pair.ts';
import type { ProgramText } from '../../src/netfilter/execute/program-text.ts';
import type { Tracer as RuleTracer } from '../../src/netfilter/execute/tracer.ts';
import { Netfilter } from '../../src/netfilter/netfilter.ts';
import { BatchClock } from '../../src/node/batch-clock.ts';
import { type BuiltNode, buildNode, setSysctl } from '../../src/node/build.ts';
import { conntrackCommand } from '../../src/node/conntrack-command.ts';
import { parseDescription } from '../../src/node/description.ts';
import { type RunningNode, startNode } from '../../src/node/node.ts';
import { NodeRules } from '../../src/node/rules.ts';
import { Packet } from '../../src/packet/packet.ts';
import { fragmentSweep } from '../../src/router/expired-fragments.ts';
import { frameIn, runWaiting } from '../../src/router/path.ts';
import { RulesEnvironment } from '../../src/router/rules-environment.ts';
import { RulesHooks } from '../../src/router/rules-hooks.ts';
import { buildWorld, lines, type Side, Switches } from './sides.ts';
import { description, type LinkName, links } from './topology.ts';
import { isSentinel, NOBODYS, type Output, sentinels, Wires } from './wires.ts';

const ETHERNET = 14;
const VLAN_TAG = 4;

const loadOptions = (sets: readonly string[]) => ({ file: 'rules', sets: { text: sets.join('\n'), file: 'sets' } });

const described = () => parseDescription(JSON.stringify(description()), 'judge');

export class WiredRouter implements Side {
  readonly name: string;
  readonly #node: RunningNode;
  readonly #wires: Wires;
  readonly #switches = new Switches();

  static async start(netns: string, seed: number): Promise<WiredRouter> {
    buildWorld(netns);
    return new WiredRouter(netns, await startNode({ netns: `/run/netns/${netns}`, description: described(), seed }));
  }
  private constructor(netns: string, node: RunningNode) {
    this.name = netns;
    this.#node = node;
    this.#wires = new Wires(netns);
  }
  async load(rules: string, sets: readonly string[] = []): Promise<void> {
    this.#node.loadRules(rules, loadOptions(sets));
    // Answered after the rules are in force: requests are taken in order.
    await this.#node.counters();
  }
  async forget(): Promise<void> {
    await this.#node.conntrack(['-F']);
  }
  async conntrack(args: readonly string[]): Promise<void> {
    await this.#node.conntrack(args);
  }
  async sysctl(name: string, value: number): Promise<void> {
    if (!this.#switches.has(name)) this.#switches.note(name, await this.#node.sysctl(name));
    await this.#node.sysctl(name, value);
  }
  async undoSysctls(): Promise<void> {
    for (const [name, value] of this.#switches.take()) await this.#node.sysctl(name, value);
  }
  inject(link: LinkName, frame: Uint8Array): Output[] {
    return this.#wires.inject(link, frame);
  }
  async wait(seconds: number): Promise<Output[]> {
    await this.#node.advance(seconds);
    return this.#wires.inject('a', NOBODYS);
  }
  settle(): void {
    this.#wires.settle();
  }
  async connections(): Promise<string[]> {
    return lines(await this.#node.conntrack(['-L']));
  }
  async rules(): Promise<string[]> {
    return lines(this.#node.saveRules(true));
  }
  async close(): Promise<void> {
    this.#wires.close();
    await this.#node.stop();
  }
}

export class MemoryRouter implements Side {
  readonly name = 'memory';
  readonly #clock = new BatchClock(monotonicClock);
  readonly #rules = new NodeRules(false);
  readonly #built: BuiltNode;
  readonly #netfilter: Netfilter;
  readonly #far = new Map<LinkName, MemoryDevice>();
  readonly #batch = Array.from({ length: 8 }, () => new Packet());
  readonly #switches = new Switches();
  readonly #sweepFragments: () => void;
  #sentinel = 0;

  constructor(seed: number) {
    this.#built = buildNode(described(), {
      clock: this.#clock,
      random: new SeededRandom(seed),
      open: port => {
        const { mac, mtu } = links.find(l => l.name === port.name)!;
        const frames = { frameSize: 9100, slots: 1024 };
        const [far, near] = memoryPair({}, { name: port.name, mac: parseMac(mac), mtu, offload: false }, frames);
        this.#far.set(port.name as LinkName, far);
        return near;
      },
    });
    const { plane, conntrack } = this.#built;
    this.#sweepFragments = fragmentSweep(plane);
    this.#netfilter = new Netfilter(new RulesEnvironment(plane, conntrack));
    plane.hooks = new RulesHooks(this.#netfilter, conntrack, plane.reassembly);
  }
  async load(rules: string, sets: readonly string[] = []): Promise<void> {
    this.#rules.load(rules, loadOptions(sets));
    this.#netfilter.install(this.#rules.program!, this.#rules.tracks);
  }
  /** Tells of each rule that a packet meets, in numbers that `programText` has words for. */
  watch(tracer: RuleTracer | null): void {
    this.#netfilter.tracer = tracer;
  }
  get programText(): ProgramText {
    return this.#rules.programText!;
  }
  async forget(): Promise<void> {
    conntrackCommand(this.#built.conntrack, ['-F']);
  }
  async conntrack(args: readonly string[]): Promise<void> {
    conntrackCommand(this.#built.conntrack, args);
  }
  async sysctl(name: string, value: number): Promise<void> {
    if (!this.#switches.has(name)) this.#switches.note(name, this.#read(name));
    setSysctl(this.#built.plane, this.#built.conntrack, name, value);
  }
  async undoSysctls(): Promise<void> {
    for (const [name, value] of this.#switches.take()) setSysctl(this.#built.plane, this.#built.conntrack, name, value);
  }
  #read(name: string): number {
    const { plane, conntrack } = this.#built;
    return name.startsWith('net.netfilter.') ? conntrack.sysctl.get(name) : plane.sysctls.get(name);
  }
  inject(link: LinkName, frame: Uint8Array): Output[] {
    this.#take(link, frame);
    for (const sentinel of sentinels(link, ++this.#sentinel)) this.#take(link, sentinel);
    return this.#collect();
  }
  #collect(): Output[] {
    const outputs: Output[] = [];
    for (const [name, far] of this.#far)
      for (const out of far.take()) if (!isSentinel(out, 0, out.length)) outputs.push({ link: name, frame: out });
    return outputs;
  }
  async wait(seconds: number): Promise<Output[]> {
    this.#clock.advance(seconds * 1000);
    this.#built.conntrack.sweep();
    this.#sweepFragments();
    runWaiting(this.#built.plane);
    this.#built.plane.flush();
    return this.inject('a', NOBODYS);
  }
  settle(): void {
    this.#clock.tick();
    this.#sweepFragments();
    runWaiting(this.#built.plane);
    this.#built.plane.flush();
    for (const far of this.#far.values()) far.take();
  }
  /** As `runLoop` does it, for one frame. */
  #take(link: LinkName, frame: Uint8Array): void {
    const { plane, conntrack, ports } = this.#built;
    this.#clock.tick();
    conntrack.sweep();
    this.#sweepFragments();
    // What is too long for the interface at the other end, veth drops: a VLAN tag more than a frame is let in (`is_skb_forwardable`).
    if (frame.length > links.find(l => l.name === link)!.mtu + ETHERNET + VLAN_TAG) return;
    if (!this.#far.get(link)!.send(frame)) throw new Error(`the wire of ${link} takes no frame`);
    const port = ports.find(p => p.name === link)!;
    const n = port.device!.receive(this.#batch);
    for (let i = 0; i < n; i++) frameIn(plane, this.#batch[i]!, port);
    runWaiting(plane);
    plane.flush();
    port.device!.release();
  }
  async connections(): Promise<string[]> {
    this.#clock.tick();
    return lines(conntrackCommand(this.#built.conntrack, ['-L']).stdout);
  }
  async rules(): Promise<string[]> {
    return lines(this.#rules.save({ counters: true }));
  }
  async close(): Promise<void> {
    this.#built.close();
  }
}
