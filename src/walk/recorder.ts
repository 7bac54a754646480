/**
 * Looks on while one packet takes its path, and writes down what happens. Packets that the node makes meanwhile (the answer of a
 * REJECT) are told in one line each.
 */
import { formatCidr, formatIpv4 } from '../base/address.ts';
import type { Random } from '../base/random.ts';
import type { Conntrack } from '../conntrack/conntrack.ts';
import { CONTINUE, type Execution } from '../netfilter/execute/execution.ts';
import type { Onlooker, RuleParts } from '../netfilter/execute/explain.ts';
import type { ProgramText } from '../netfilter/execute/program-text.ts';
import type { Rule } from '../netfilter/ruleset.ts';
import { printRule } from '../netfilter/text/rule-printer.ts';
import type { Packet } from '../packet/packet.ts';
import { Verdict } from '../packet/verdict.ts';
import { RouteType } from '../router/fib.ts';
import type { Plane } from '../router/plane.ts';
import * as ipv4 from '../wire/ipv4.ts';
import { changesOf, type Snapshot, snapshot } from './changes.ts';
import { type Cascade, cascadeAt, forced, statisticOf } from './choice.ts';
import type { Doubts } from './doubts.ts';
import type { Unknowns } from './fields.ts';
import { whyMissed } from './near-miss.ts';
import type { Choice, Event, RulePlace } from './story.ts';

export interface RecorderParts {
  readonly text: ProgramText;
  readonly parts: RuleParts;
  readonly plane: Plane;
  readonly conntrack: Conntrack;
  readonly unknowns: Unknowns;
  readonly doubts: Doubts;
  readonly random: Random;
  /** Rules that were tried and did not match are told as well. */
  readonly all: boolean;
  /** The backend that every choice takes, 1 = first. */
  readonly choose?: number;
}

interface Taken {
  readonly cascade: Cascade;
  readonly chain: string;
  readonly taken: number;
}

export class Recorder implements Onlooker {
  events: Event[] = [];
  /** The packet whose story is told. Others are walked in silence. */
  packet: Packet | null = null;
  undecidedRules = 0;
  chosen = false;
  /** What choices fell on that packets met which are not told. */
  silentChoices: string[] = [];
  /** Rule or policy that spoke last, in words. */
  lastVerdict: string | undefined;
  /** Why a translation took the address that it took. */
  because: string | undefined;
  readonly #o: RecorderParts;
  #before: Snapshot | undefined;
  #rule: Extract<Event, { event: 'rule' }> | undefined;
  readonly #taken = new Map<string, Taken>();
  /** A choice that went to the rules behind it: told with the next one that matches. */
  #open: Choice | undefined;

  constructor(parts: RecorderParts) {
    this.#o = parts;
  }

  /** Another packet is next. */
  begin(): void {
    this.events = [];
    this.packet = null;
    this.undecidedRules = 0;
    this.chosen = false;
    this.silentChoices = [];
    this.lastVerdict = undefined;
    this.because = undefined;
    this.#rule = undefined;
    this.#before = undefined;
    this.#taken.clear();
    this.#open = undefined;
  }

  tell(event: Event): void {
    this.events.push(event);
  }
  nameOf(iface: number): string {
    return this.#o.doubts.isUnknown(iface) ? '?' : (this.#o.plane.interfaces[iface]?.name ?? '');
  }

  settle(x: Execution, p: Packet, counter: number, at: number): boolean | 'undecided' | undefined {
    const { rule } = this.#o.text.of(counter);
    if (!rule) return undefined;
    const { doubts, parts } = this.#o;
    const statistic = statisticOf(rule);
    if (!statistic && !doubts.mayDoubt(rule, x)) return undefined;
    const part = parts.at(rule, at);
    if (part.part === 'match' && part.match === statistic) return this.#choose(counter, p);
    return doubts.about(rule, part, x, p) ?? undefined;
  }

  missed(x: Execution, p: Packet, counter: number, depth: number, at: number): void {
    if (!this.#o.all || p !== this.packet) return;
    const place = this.#place(counter, depth);
    const rule = this.#ruleOf(counter);
    const why = whyMissed(rule, this.#o.parts.at(rule, at), x, p, id => this.nameOf(id), this.#chance(counter));
    this.tell({ event: 'missed', ...place, ...why });
  }

  undecided(x: Execution, p: Packet, counter: number, depth: number, at: number): void {
    if (p !== this.packet) return;
    this.undecidedRules++;
    const rule = this.#ruleOf(counter);
    const part = this.#o.parts.at(rule, at);
    const { test } = whyMissed(rule, part, x, p, id => this.nameOf(id), '');
    this.tell({ event: 'undecided', ...this.#place(counter, depth), test, why: this.#o.doubts.why(part, x, p) });
  }

  matched(_x: Execution, p: Packet, counter: number, depth: number): void {
    if (p !== this.packet) return;
    const place = this.#place(counter, depth);
    const kind = this.#ruleOf(counter).target?.kind;
    const choice = this.#choiceAt(counter);
    const verdict = kind === 'ACCEPT' || kind === 'DROP' ? kind : undefined;
    this.#rule = { event: 'rule', ...place, changes: [], ...(verdict && { verdict }), ...(choice && { choice }) };
    this.tell(this.#rule);
    if (verdict) this.lastVerdict = ruleWords(place);
    this.because = undefined;
    this.#before = snapshot(p, this.#o.conntrack);
  }

  acted(_x: Execution, p: Packet, counter: number, verdict: number): void {
    const { target } = this.#ruleOf(counter);
    const after = snapshot(p, this.#o.conntrack);
    if ((target?.kind === 'MASQUERADE' || target?.kind === 'SNAT') && (target.random || target.randomFully))
      this.#o.unknowns.drawn(after.flow?.srcPort);
    if (p !== this.packet || !this.#rule || !this.#before) return;
    this.#rule.changes.push(...changesOf(target, this.#before, after, this.#o.unknowns, this.because));
    if (verdict === CONTINUE) return;
    this.#rule.verdict = verdict === Verdict.Accept ? 'ACCEPT' : target?.kind === 'REJECT' ? 'REJECT' : 'DROP';
    this.lastVerdict = ruleWords(this.#rule);
  }

  ended(_x: Execution, p: Packet, counter: number, depth: number): void {
    if (p !== this.packet) return;
    const { table, chain } = this.#o.text.of(counter);
    this.tell({ event: 'chain-end', table, chain, depth });
  }

  policy(_x: Execution, p: Packet, counter: number, verdict: Verdict): void {
    if (p !== this.packet) return;
    const { table, chain } = this.#o.text.of(counter);
    const policy = verdict === Verdict.Accept ? 'ACCEPT' : 'DROP';
    this.tell({ event: 'policy', table, chain, policy });
    this.lastVerdict = `policy ${policy} of ${table} ${chain}`;
  }

  /** Where it is sent, as routing has decided it. @param again a rule of OUTPUT has changed what routing looks at */
  route(p: Packet, again: boolean): void {
    const { plane, doubts } = this.#o;
    const dst = ipv4.dst(p.bytes, p.l3);
    const number = plane.fib.lookup(dst, p.mark);
    const route = number < 0 ? undefined : plane.fib.routes[number]!;
    const unknown = doubts.isUnknown(p.oif);
    const local = route?.type === RouteType.Local || route?.type === RouteType.Broadcast;
    const via = !local && !unknown && p.nextHop !== dst ? formatIpv4(p.nextHop) : null;
    const dev = unknown ? null : this.nameOf(route?.oif ?? p.oif);
    this.tell({
      event: 'route',
      again,
      destination: formatIpv4(dst),
      kind: local ? 'local' : unknown ? 'unknown' : 'unicast',
      dev,
      via,
      route:
        route && !unknown
          ? `${route.prefix === 0 ? 'default' : formatCidr({ address: route.network, prefix: route.prefix })}${via ? ` via ${via}` : ''} dev ${dev}`
          : '',
    });
  }

  /** Draws once per choice, as its first rule is tried: the shares are those of the kernel's draws, rule by rule. */
  #choose(counter: number, p: Packet): boolean {
    const { number } = this.#o.text.of(counter);
    const { key, chain, cascade } = this.#cascadeOf(counter);
    const turn = number - cascade.first;
    let taken = this.#taken.get(key);
    if (turn === 1 || !taken) {
      const n = this.#o.choose === undefined ? draw(cascade, this.#o.random) : forced(cascade, this.#o.choose, chain);
      taken = { cascade, chain, taken: n };
      this.#taken.set(key, taken);
      this.chosen = true;
      if (p !== this.packet) this.silentChoices.push(`${cascade.backends[n - 1]!.to}, ${n} of ${cascade.backends.length}`);
      else if (n > cascade.rules) this.#open = this.#told(taken);
    }
    return taken.taken === turn;
  }

  #told({ cascade, taken }: Taken): Choice {
    return { kind: cascade.kind, backends: [...cascade.backends], taken, forced: this.#o.choose !== undefined };
  }

  #cascadeOf(counter: number): { key: string; chain: string; cascade: Cascade } {
    const { table, chain: name, number } = this.#o.text.of(counter);
    const chain = this.#o.text.ruleSet.tables.get(table)!.chains.get(name)!;
    const cascade = cascadeAt(chain, number - 1);
    return { key: `${table} ${name} ${cascade.first}`, chain: name, cascade };
  }

  #choiceAt(counter: number): Choice | undefined {
    if (statisticOf(this.#ruleOf(counter))) return this.#told(this.#taken.get(this.#cascadeOf(counter).key)!);
    const open = this.#open;
    this.#open = undefined;
    return open;
  }

  #chance(counter: number): string {
    if (!statisticOf(this.#ruleOf(counter))) return '';
    const taken = this.#taken.get(this.#cascadeOf(counter).key);
    return taken ? `the choice fell on ${taken.taken} of ${taken.cascade.backends.length}` : 'the choice fell on another';
  }

  #ruleOf(counter: number): Rule {
    return this.#o.text.of(counter).rule!;
  }

  #place(counter: number, depth: number): RulePlace {
    const { table, chain, number, rule } = this.#o.text.of(counter);
    return { table, chain, number, line: rule!.line, text: `-A ${chain}${printRule(rule!)}`, depth };
  }
}

const ruleWords = (r: RulePlace): string => `${r.line > 0 ? `line ${r.line}: ` : ''}${r.text}`;

function draw(cascade: Cascade, random: Random): number {
  const at = random.u32() / 0x1_0000_0000;
  let sum = 0;
  for (const { number, share } of cascade.backends) {
    sum += share;
    if (at < sum) return number;
  }
  return cascade.backends.length;
}
