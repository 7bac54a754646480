/** A router under one face: load rules, forget connections, inject, and say what it remembers afterwards. */
import { execFileSync } from 'node:child_process';
import type { EntryView, TupleView } from '../../src/conntrack/text/view.ts';
import { type LinkName, links, wireCommands } from './topology.ts';
import type { Output } from './wires.ts';

export interface Side {
  readonly name: string;
  /** @param rules iptables-save text; replaces what was there. @param sets those that it asks for, as `ipset save` writes them */
  load(rules: string, sets?: readonly string[]): Promise<void>;
  /** Empties the connection table. */
  forget(): Promise<void>;
  /** The tool of that name, which may fail. */
  conntrack(args: readonly string[]): Promise<void>;
  sysctl(name: string, value: number): Promise<void>;
  /** What it was before `sysctl` changed it. */
  undoSysctls(): Promise<void>;
  inject(link: LinkName, frame: Uint8Array): Output[];
  /** Time goes by, really or by the router's clock. @returns what came out meanwhile */
  wait(seconds: number): Promise<Output[]>;
  /** What has come out by itself since is thrown away. */
  settle(): void;
  /** Lines of `conntrack -L`. */
  connections(): Promise<string[]>;
  /** Has it these connections, and no others? false: perhaps; `connections` says it for certain. */
  holds?(others: readonly string[]): boolean;
  /** The one that a tuple belongs to, in zone 0. */
  connection?(tuple: TupleView, protocol: number): EntryView | undefined;
  /** `rules` will be asked next: what takes time may begin. */
  askRules?(): void;
  /** Lines of `iptables-save -c`. */
  rules(): Promise<string[]>;
  close(): Promise<void>;
}

/** Remembers what switches were before they were turned. */
export class Switches {
  readonly #before = new Map<string, number>();
  note(name: string, value: number): void {
    if (!this.#before.has(name)) this.#before.set(name, value);
  }
  has(name: string): boolean {
    return this.#before.has(name);
  }
  take(): [name: string, value: number][] {
    const all = [...this.#before];
    this.#before.clear();
    return all;
  }
}

export const lines = (text: string): string[] => text.split('\n').filter(l => l !== '' && !l.startsWith('#'));

/** A command that is run once, while the world is built. */
export const runOnce = (command: string, args: readonly string[], input?: string): string =>
  execFileSync(command, args, { input: input ?? '', encoding: 'utf8', stdio: ['pipe', 'pipe', 'pipe'], maxBuffer: 1 << 26 });

/** A namespace for a side, with the wires to it, in the namespace of this process. */
export function buildWorld(netns: string): void {
  runOnce('ip', ['netns', 'add', netns]);
  runOnce('ip', ['-batch', '-'], `${wireCommands(netns).join('\n')}\n`);
  const quiet = ['net.ipv6.conf.all.disable_ipv6=1', 'net.ipv6.conf.default.disable_ipv6=1'];
  runOnce('ip', ['netns', 'exec', netns, 'sysctl', '-q', '-w', ...quiet]);
  runOnce('sysctl', ['-q', '-w', 'net.ipv6.conf.all.disable_ipv6=1']);
  runOnce('ip', ['-n', netns, '-batch', '-'], ['link set lo up', ...links.map(l => `link set dev ${l.name} up`)].join('\n'));
}
