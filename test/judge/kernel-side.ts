/** Linux, in a namespace of its own. */
import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import type { EntryView, TupleView } from '../../src/conntrack/text/view.ts';
import { KernelSets } from '../../src/lab/plane/kernel-sets.ts';
import { insideNetns, openNetns } from '../../src/os/netns.ts';
import { Ctnetlink } from './ctnetlink.ts';
import { isThere } from './held.ts';
import { Shell } from './shell.ts';
import { buildWorld, lines, runOnce, type Side, Switches } from './sides.ts';
import { kernelCommands, kernelSysctl, type LinkName, links, sysctl } from './topology.ts';
import { NOBODYS, type Output, Wires } from './wires.ts';

export class KernelSide implements Side {
  readonly name: string;
  readonly #wires: Wires;
  readonly #restore: string;
  readonly #shell: Shell;
  readonly #netns: number;
  readonly #switches = new Switches();
  readonly #ctnetlink: Ctnetlink;
  readonly #sets: KernelSets;
  #save: Promise<string> | undefined;

  /**
   * @param netns a new one's name
   * @param nft rules by iptables-nft instead of iptables-legacy. It puts nft's own expressions in the place of some xtables matches, and
   * these act otherwise on headers that are cut short.
   */
  constructor(netns: string, nft = false) {
    this.name = netns;
    buildWorld(netns);
    runOnce('ip', ['-n', netns, '-batch', '-'], `${kernelCommands().join('\n')}\n`);
    // What a router makes itself leaves with its checksum finished.
    for (const l of links) runOnce('ip', ['netns', 'exec', netns, 'ethtool', '-K', l.name, 'tx', 'off']);
    this.#netns = openNetns(`/run/netns/${netns}`);
    for (const [name, value] of Object.entries({ ...sysctl, ...kernelSysctl })) this.#write(name, value);
    this.#restore = nft ? 'iptables-nft' : 'iptables-legacy';
    this.#wires = new Wires(netns);
    this.#shell = new Shell(netns);
    this.#ctnetlink = insideNetns(this.#netns, () => new Ctnetlink());
    this.#sets = insideNetns(this.#netns, () => new KernelSets());
  }
  async load(rules: string, sets: readonly string[] = []): Promise<void> {
    this.#sets.make(sets);
    await this.#shell.run(`${this.#restore}-restore`, rules);
    this.#sets.forgetOld();
  }
  async forget(): Promise<void> {
    this.#ctnetlink.flush();
  }
  async conntrack(args: readonly string[]): Promise<void> {
    await this.#shell.say(`conntrack ${args.join(' ')} 2>&1`);
  }
  async sysctl(name: string, value: number): Promise<void> {
    if (!this.#switches.has(name)) this.#switches.note(name, this.#read(name));
    this.#write(name, value);
  }
  async undoSysctls(): Promise<void> {
    for (const [name, value] of this.#switches.take()) this.#write(name, value);
  }
  inject(link: LinkName, frame: Uint8Array): Output[] {
    return this.#wires.inject(link, frame);
  }
  async wait(seconds: number): Promise<Output[]> {
    await setTimeout(seconds * 1000);
    return this.#wires.inject('a', NOBODYS);
  }
  settle(): void {
    this.#wires.settle();
  }
  async connections(): Promise<string[]> {
    return lines(await this.#shell.run('conntrack -L 2>/dev/null'));
  }
  /** Are these all, and as they are here? A quick look: when it says no, `connections` tells what is different, if anything is. */
  holds(others: readonly string[]): boolean {
    return others.every(line => isThere(this.#ctnetlink, line)) && this.#ctnetlink.count() === others.length;
  }
  connection(tuple: TupleView, protocol: number): EntryView | undefined {
    return this.#ctnetlink.find(tuple, protocol, 0);
  }
  /** The tool begins to write them down. */
  askRules(): void {
    this.#save = this.#shell.run(`${this.#restore}-save -c`);
  }
  async rules(): Promise<string[]> {
    if (!this.#save) this.askRules();
    const text = await this.#save!;
    this.#save = undefined;
    return lines(text);
  }
  async close(): Promise<void> {
    this.#wires.close();
    this.#shell.close();
    this.#ctnetlink.close();
    this.#sets.close();
  }

  #read(name: string): number {
    return insideNetns(this.#netns, () => Number(readFileSync(procFile(name), 'utf8')));
  }
  #write(name: string, value: number): void {
    insideNetns(this.#netns, () => writeFileSync(procFile(name), String(value)));
  }
}

/** `/proc/sys/net` is that of the thread that opens it. */
const procFile = (name: string): string => `/proc/sys/${name.replaceAll('.', '/')}`;
