/** The two routers under one face: load rules, forget connections, inject, and say what they remember afterwards. */
import { execFileSync } from 'node:child_process';
import { parseDescription } from '../../src/node/description.ts';
import { type RunningNode, startNode } from '../../src/node/node.ts';
import { description, kernelCommands, type LinkName, links, sysctl, wireCommands } from './topology.ts';
import { type Output, Wires } from './wires.ts';

export interface Side {
  readonly name: 'kernel' | 'userspace';
  /** iptables-save text; replaces what was there. */
  load(rules: string): Promise<void>;
  /** Empties the connection table. */
  forget(): Promise<void>;
  sysctl(name: string, value: number): Promise<void>;
  inject(link: LinkName, frame: Uint8Array): Output[];
  /** Lines of `conntrack -L`. */
  connections(): Promise<string[]>;
  /** Lines of `iptables-save -c`. */
  rules(): Promise<string[]>;
  close(): Promise<void>;
}

const run = (command: string, args: readonly string[], input?: string): string =>
  execFileSync(command, args, { input: input ?? '', encoding: 'utf8', stdio: ['pipe', 'pipe', 'pipe'], maxBuffer: 1 << 26 });

const inside = (netns: string, command: string, args: readonly string[], input?: string): string =>
  run('ip', ['netns', 'exec', netns, command, ...args], input);

const lines = (text: string): string[] => text.split('\n').filter(l => l !== '' && !l.startsWith('#'));

/** Both namespaces and the wires to them, in the namespace of this process. */
export function buildWorld(): void {
  for (const netns of ['kernel', 'userspace']) run('ip', ['netns', 'add', netns]);
  run('ip', ['-batch', '-'], `${wireCommands().join('\n')}\n`);
  for (const netns of ['kernel', 'userspace']) {
    const quiet = ['net.ipv6.conf.all.disable_ipv6=1', 'net.ipv6.conf.default.disable_ipv6=1'];
    inside(netns, 'sysctl', ['-q', '-w', ...quiet]);
    run('ip', ['-n', netns, '-batch', '-'], ['link set lo up', ...links.map(l => `link set dev ${l.name} up`)].join('\n'));
  }
  // What a router makes itself leaves with its checksum finished.
  for (const l of links) inside('kernel', 'ethtool', ['-K', l.name, 'tx', 'off']);
  run('sysctl', ['-q', '-w', 'net.ipv6.conf.all.disable_ipv6=1']);
}

export class KernelSide implements Side {
  readonly name = 'kernel';
  readonly #wires: Wires;
  readonly #restore: string;

  /**
   * @param nft rules by iptables-nft instead of iptables-legacy. It puts nft's own expressions in the place of some xtables matches, and
   * these act otherwise on headers that are cut short.
   */
  constructor(nft = false) {
    run('ip', ['-n', 'kernel', '-batch', '-'], `${kernelCommands().join('\n')}\n`);
    inside('kernel', 'sysctl', ['-q', '-w', ...Object.entries(sysctl).map(([k, v]) => `${k}=${v}`)]);
    this.#restore = nft ? 'iptables-nft' : 'iptables-legacy';
    this.#wires = new Wires('kernel');
  }
  async load(rules: string): Promise<void> {
    inside('kernel', `${this.#restore}-restore`, [], rules);
  }
  async forget(): Promise<void> {
    try {
      inside('kernel', 'conntrack', ['-F']);
    } catch {
      // The table is not there before the first rule that needs it.
    }
  }
  async sysctl(name: string, value: number): Promise<void> {
    inside('kernel', 'sysctl', ['-q', '-w', `${name}=${value}`]);
  }
  inject(link: LinkName, frame: Uint8Array): Output[] {
    return this.#wires.inject(link, frame);
  }
  async connections(): Promise<string[]> {
    return lines(inside('kernel', 'conntrack', ['-L']));
  }
  async rules(): Promise<string[]> {
    return lines(inside('kernel', `${this.#restore}-save`, ['-c']));
  }
  async close(): Promise<void> {
    this.#wires.close();
  }
}

export class UserspaceSide implements Side {
  readonly name = 'userspace';
  readonly #node: RunningNode;
  readonly #wires: Wires;

  static async start(seed: number): Promise<UserspaceSide> {
    const text = JSON.stringify(description());
    const node = await startNode({ netns: '/run/netns/userspace', description: parseDescription(text, 'judge'), seed });
    return new UserspaceSide(node);
  }
  private constructor(node: RunningNode) {
    this.#node = node;
    this.#wires = new Wires('userspace');
  }
  async load(rules: string): Promise<void> {
    this.#node.loadRules(rules, { file: 'rules' });
    // Answered after the rules are in force: requests are taken in order.
    await this.#node.counters();
  }
  async forget(): Promise<void> {
    await this.#node.conntrack(['-F']);
  }
  async sysctl(name: string, value: number): Promise<void> {
    await this.#node.sysctl(name, value);
  }
  inject(link: LinkName, frame: Uint8Array): Output[] {
    return this.#wires.inject(link, frame);
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
