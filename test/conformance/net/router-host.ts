/** The router under test as a host: rules by commands of iptables, its own sockets behind the TUN, and a view of each hook. */
import { formatIpv4, parseIpv4 } from '../../../src/base/address.ts';
import { type EntryView, viewOf } from '../../../src/conntrack/text/view.ts';
import type { ProgramText, RuleText } from '../../../src/netfilter/execute/program-text.ts';
import { EMPTY_RULE_SET, type RuleSet } from '../../../src/netfilter/ruleset.ts';
import { runCommandLine } from '../../../src/netfilter/text/command-line.ts';
import { readRuleSet } from '../../../src/netfilter/text/read.ts';
import { setSysctl } from '../../../src/node/build.ts';
import { CtInfo, type Packet } from '../../../src/packet/packet.ts';
import { Verdict } from '../../../src/packet/verdict.ts';
import { RouteType } from '../../../src/router/fib.ts';
import { type World, world } from '../../router/world.ts';
import type { HostSpec, Out } from './host.ts';
import type { HookSight, RuledHost, RuledHostOptions } from './ruled-host.ts';
import { sightOf } from './sight.ts';
import { Stack } from './stack.ts';

export class RouterHost implements RuledHost {
  readonly name: string;
  readonly spec: HostSpec;
  readonly stack = new Stack();
  readonly world: World;
  /** What passed the hooks since it was emptied. */
  hooks: HookSight[] = [];
  #ruleSet: RuleSet = EMPTY_RULE_SET;
  #text: ProgramText | undefined;
  readonly #tun = 'tun0';

  /** @param sockets false: a router without a TUN, which answers for its addresses itself */
  constructor(spec: HostSpec, { sockets = true, connections = 4096 }: RuledHostOptions = {}) {
    this.name = spec.name;
    this.spec = spec;
    const ports = spec.interfaces.map(i => ({
      name: i.name,
      kind: 'packet' as const,
      mac: i.mac,
      addresses: [...i.addresses],
      mtu: i.mtu ?? 1500,
    }));
    const tun = sockets ? [{ name: this.#tun, kind: 'tun' as const, mtu: 65_535 }] : [];
    const routes = spec.routes.map(r => ({ ...r }));
    // As long as the queue of an Ethernet interface: what waited for a neighbour leaves in one burst.
    const size = { slots: 1000, frameSize: 1600, connections };
    this.world = world({ ports: [...ports, ...tun], routes, sysctl: { ...spec.sysctl } }, '', size);
    this.#watch();
  }

  /**
   * `iptables ARGS`; in force after `commit`.
   * @throws TextError as the command line does
   */
  iptables(args: readonly string[]): void {
    this.#ruleSet = runCommandLine(args, this.#ruleSet).ruleSet;
  }
  /** The text of iptables-save in place of all rules, in force at once. @throws LabError as loading does */
  load(rules: string): void {
    this.#ruleSet = readRuleSet(rules, { file: 'rules' }).ruleSet;
    this.commit();
  }
  install(rules: RuleSet): void {
    this.#ruleSet = rules;
    this.commit();
  }
  /** @throws LabError when the rules cannot be executed */
  commit(): void {
    this.#text = this.world.install(this.#ruleSet);
  }
  /** The rules with what they have counted. */
  counted(): RuleSet {
    return this.#text?.snapshot() ?? this.#ruleSet;
  }

  entry(src: string, dst: string, ports: number, protocol: number): EntryView | undefined {
    const { conntrack } = this.world;
    const entry = conntrack.findEntry(parseIpv4(src), parseIpv4(dst), ports, protocol);
    return entry < 0 ? undefined : viewOf(conntrack, entry);
  }
  flush(): void {
    this.world.conntrack.flush();
  }
  sysctl(name: string, value: number): void {
    setSysctl(this.world.plane, this.world.conntrack, name, value);
  }
  tool(name: string): string {
    throw new Error(`${this.name} has no command ${name}`);
  }
  readSysctl(name: string): number {
    return this.world.conntrack.sysctl.get(name);
  }
  close(): void {}

  sourceFor(dst: string): string {
    const { fib } = this.world.plane;
    const route = fib.lookup(parseIpv4(dst));
    if (route === -1) return this.spec.interfaces[0]?.addresses[0]?.split('/')[0] ?? '127.0.0.1';
    if (fib.type[route] === RouteType.Local && dst.startsWith('127.')) return '127.0.0.1';
    if (fib.prefSrc[route] !== 0) return formatIpv4(fib.prefSrc[route]!);
    const via = fib.via[route]! === 0 ? parseIpv4(dst) : fib.via[route]!;
    return formatIpv4(this.world.plane.interface(fib.oif[route]!).sourceFor(via));
  }

  frame(port: string, bytes: Uint8Array): Out[] {
    this.world.send(port, bytes);
    return this.#take();
  }
  packet(bytes: Uint8Array): Out[] {
    this.world.fromSocket(bytes);
    return this.#take();
  }
  advance(ms: number): Out[] {
    this.world.advance(ms);
    return this.#take();
  }

  #take(): Out[] {
    return this.world.last.flatMap(({ port, bytes }): Out[] =>
      port === this.#tun ? this.stack.receive(bytes).map(answer => ({ kind: 'packet', bytes: answer })) : [{ kind: 'frame', port, bytes }],
    );
  }

  #watch(): void {
    const { plane, conntrack, netfilter } = this.world;
    const { hooks } = plane;
    // A hook may cause a packet that passes hooks itself (an answer to what is refused): rules are noted by packet.
    const met = new Map<Packet, RuleText[]>();
    netfilter.tracer = {
      rule: (p, _hook, counter) => met.get(p)?.push(this.#text!.of(counter)),
      end: () => {},
      policy: () => {},
    };
    plane.hooks = {
      run: (hook, p) => {
        const rules: RuleText[] = [];
        met.set(p, rules);
        const verdict = hooks.run(hook, p);
        met.delete(p);
        // Who took the packet may have used its bytes for something else.
        if (verdict === Verdict.Stolen) return verdict;
        const info = p.ctinfo % 3;
        this.hooks.push({
          hook,
          verdict,
          packet: sightOf(p.bytes.slice(p.l3, p.end)),
          mark: p.mark >>> 0,
          iif: p.iif,
          oif: p.oif,
          ctstate: p.untracked
            ? 'UNTRACKED'
            : p.ctinfo === CtInfo.None
              ? 'INVALID'
              : info === CtInfo.New
                ? 'NEW'
                : info === CtInfo.Related
                  ? 'RELATED'
                  : 'ESTABLISHED',
          zone: p.ct < 0 ? 0 : conntrack.zone(p.ct, 0),
          rules,
        });
        return verdict;
      },
      end: p => hooks.end(p),
      hold: p => hooks.hold(p),
      letGo: ct => hooks.letGo(ct),
      attach: (answer, about) => hooks.attach(answer, about),
      setClosing: p => hooks.setClosing(p),
    };
  }
}
