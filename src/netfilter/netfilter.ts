/** Netfilter of one node, the hot side: holds the program in force and takes packets through the hooks. */
import { DropReason } from '../base/drop-reason.ts';
import { manipOf } from '../conntrack/nat/nat.ts';
import type { Packet } from '../packet/packet.ts';
import { Hook, Verdict } from '../packet/verdict.ts';
import * as ipv4 from '../wire/ipv4.ts';
import type { Environment } from './environment.ts';
import { Execution } from './execute/execution.ts';
import { ExplainingWalker, type Onlooker } from './execute/explain.ts';
import { Installed, type MakeWalker } from './execute/installed.ts';
import { HOOKS, type Patch, type Program } from './execute/program.ts';
import type { Tracer } from './execute/tracer.ts';
import { Trail, TrailWalker } from './execute/trail.ts';
import { hooks, type StageName } from './hooks.ts';
import type { TableName } from './ruleset.ts';

const Table = { raw: 0, mangle: 1, nat: 2, filter: 3 } as const satisfies Record<TableName, number>;

const RAW_FIRST = 2 * (Table.raw * HOOKS + Hook.Prerouting);

export interface NetfilterOptions {
  /** False: long chains are walked rule by rule, as the kernel does. The meaning is the same. */
  readonly indexed?: boolean;
  /** Is told of every rule that is tried, and may settle tests: nothing for a router that carries traffic. */
  readonly onlooker?: Onlooker;
}

function walkerMaker({ indexed = true, onlooker }: NetfilterOptions, trail: Trail): MakeWalker {
  if (onlooker) return (x, { code, counters, depth }) => new ExplainingWalker(x, code, counters, depth, onlooker);
  return (x, { code, counters, depth, index }) => new TrailWalker(x, code, counters, depth, indexed ? index : null, trail);
}

/** Stages by number: a `switch` calls each by name, which V8 can put into the path; it cannot for a list of functions. */
const stageNumbers = { raw: 0, conntrack: 1, mangle: 2, natDst: 3, filter: 4, natSrc: 5, confirm: 6 } as const satisfies Record<
  StageName,
  number
>;
type StageNumber = (typeof stageNumbers)[StageName];

export class Netfilter {
  readonly #env: Environment;
  readonly #execution: Execution;
  readonly #installed: Installed;
  /** Off until rules ask for connection tracking (`needs-conntrack.ts`). */
  tracks = false;
  /** Changes with everything that is put into force here. */
  generation = 0;
  /** What the packet that it is `of` matches is written down there. */
  readonly trail = new Trail();
  /** Of the program in force. */
  counters: Float64Array = new Float64Array(0);
  #entries: Int32Array = new Int32Array(0);
  /** Of each hook, those that do something: a table without a chain there is passed over. */
  #stages: readonly (readonly StageNumber[])[] = [];
  /** Of PREROUTING, behind conntrack. */
  #afterTracking: readonly StageNumber[] = [];

  constructor(env: Environment, options: NetfilterOptions = {}) {
    this.#env = env;
    this.#execution = new Execution(env);
    this.#installed = new Installed(this.#execution, walkerMaker(options, this.trail));
    this.#takeStages();
  }

  /** After each change of which chains there are. */
  #takeStages(): void {
    this.#stages = [Hook.Prerouting, Hook.Input, Hook.Forward, Hook.Output, Hook.Postrouting].map(hook =>
      hooks[hook].filter(name => this.#isBusy(name, hook)).map(name => stageNumbers[name]),
    );
    const first = this.#stages[Hook.Prerouting]!;
    this.#afterTracking = first.slice(first.indexOf(stageNumbers.conntrack) + 1);
  }

  /** NAT has work without a chain: connections are bound to what they are. */
  #isBusy(name: StageName, hook: Hook): boolean {
    return name !== 'raw' && name !== 'mangle' && name !== 'filter' ? true : this.#installed.has(Table[name], hook);
  }

  /**
   * Puts a program into force, between two packets. Counters and states of what stayed go on.
   * @param tracks whether its rules need connections (`needsConntrack`)
   */
  install(program: Program, tracks = true): void {
    this.tracks = tracks;
    this.generation++;
    this.counters = program.counters;
    this.#entries = program.entries;
    this.#installed.replace(program);
    this.#takeStages();
  }

  /** A few chains of the program in force change, between two packets; all else goes on. */
  change(patch: Patch, tracks = true): void {
    this.tracks = tracks;
    this.generation++;
    this.#installed.patch(patch);
    this.#takeStages();
  }

  /** Has the raw table rules at PREROUTING, in front of conntrack? */
  get rawFirst(): boolean {
    return this.#entries[RAW_FIRST]! >= 0;
  }

  /** Who is told of every rule that a packet matches; null: nobody, which costs nothing. */
  get tracer(): Tracer | null {
    return this.#installed.tracer;
  }
  set tracer(t: Tracer | null) {
    this.#installed.tracer = t;
  }

  /** Takes the packet through everything that stands at a hook. */
  hook(hook: Hook, p: Packet): Verdict {
    if (hook === Hook.Output) this.#execution.outputOif = p.oif;
    return this.#through(this.#stages[hook]!, hook, p);
  }

  /** The rest of PREROUTING for a packet that has been tracked. */
  afterTracking(p: Packet): Verdict {
    return this.#through(this.#afterTracking, Hook.Prerouting, p);
  }

  /** One table's chain for a hook. A table that has none there accepts. */
  run(table: TableName, hook: Hook, p: Packet): Verdict {
    if (hook === Hook.Output) this.#execution.outputOif = p.oif;
    return this.#installed.run(Table[table], hook, p);
  }

  #through(stages: readonly StageNumber[], hook: Hook, p: Packet): Verdict {
    for (let i = 0; i < stages.length; i++) {
      const verdict = this.#stage(stages[i]!, hook, p);
      if (verdict !== Verdict.Accept) return verdict;
    }
    return Verdict.Accept;
  }

  #stage(stage: StageNumber, hook: Hook, p: Packet): Verdict {
    switch (stage) {
      case stageNumbers.raw:
        return this.#installed.run(Table.raw, hook, p);
      case stageNumbers.conntrack:
        return this.tracks ? this.#env.connections.track(p, hook) : Verdict.Accept;
      case stageNumbers.mangle:
        return hook === Hook.Output ? this.#mangleOutput(p) : this.#installed.run(Table.mangle, hook, p);
      case stageNumbers.natDst:
        return hook === Hook.Output ? this.#natOutput(p) : this.#nat(p, hook);
      case stageNumbers.filter:
        return this.#installed.run(Table.filter, hook, p);
      case stageNumbers.natSrc:
        return this.#nat(p, hook);
      case stageNumbers.confirm:
        return this.#env.connections.confirm(p);
    }
  }

  /** `nf_nat_inet_fn`, `net/netfilter/nf_nat_core.c`: the rules are asked once per flow and end, then every packet is translated. */
  #nat(p: Packet, hook: Hook): Verdict {
    const { ct } = p;
    if (ct < 0) return Verdict.Accept;
    const { nat } = this.#env.connections;
    if (nat.consults(p, hook)) {
      const verdict = this.#installed.run(Table.nat, hook, p);
      if (verdict !== Verdict.Accept) return verdict;
      const manip = manipOf(hook);
      if (!nat.initialized(ct, manip)) {
        const bound = nat.bindNull(ct, manip);
        if (bound !== Verdict.Accept) return bound;
      }
    }
    return nat.translate(p, hook);
  }

  /** `nf_nat_ipv4_local_fn`: a new destination needs a new route. */
  #natOutput(p: Packet): Verdict {
    const before = ipv4.dst(p.bytes, p.l3);
    const verdict = this.#nat(p, Hook.Output);
    if (verdict !== Verdict.Accept || ipv4.dst(p.bytes, p.l3) === before) return verdict;
    return this.#reroute(p);
  }

  /** `ipt_mangle_out`, `net/ipv4/netfilter/iptable_mangle.c`. */
  #mangleOutput(p: Packet): Verdict {
    const b = p.bytes;
    const src = ipv4.src(b, p.l3);
    const dst = ipv4.dst(b, p.l3);
    const tos = ipv4.tos(b, p.l3);
    const { mark } = p;
    const verdict = this.#installed.run(Table.mangle, Hook.Output, p);
    if (verdict !== Verdict.Accept) return verdict;
    const c = p.bytes;
    if (ipv4.src(c, p.l3) === src && ipv4.dst(c, p.l3) === dst && ipv4.tos(c, p.l3) === tos && p.mark === mark) return verdict;
    return this.#reroute(p);
  }

  #reroute(p: Packet): Verdict {
    if (this.#env.reroute(p)) return Verdict.Accept;
    if (p.reason === DropReason.None) p.reason = DropReason.IpOutNoRoutes;
    return Verdict.Drop;
  }
}
