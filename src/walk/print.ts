/** A story for eyes: hooks in their order, under each the rules that matched with their lines in the file, and what became of it. */
import { endpointText, packetText } from './fields.ts';
import type { Change, Choice, Event, PacketFields, RulePlace, Story } from './story.ts';

export type Colour = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';
export type Paint = (colour: Colour, text: string) => string;
export const plain: Paint = (_colour, text) => text;

/** Columns: table, line of the file, rule. Rules of called chains stand further in. */
const TABLE = 11;
const LINE = 6;
const STEP = 2;

export function printStory(story: Story, paint: Paint = plain): string[] {
  return new Printer(paint).print(story);
}

class Printer {
  readonly #paint: Paint;
  readonly #lines: string[] = [];
  #table = '';
  /** What the rules of this hook have bound: the translation itself need not be told again. */
  #bound = new Set<string>();
  #last: Event | undefined;

  constructor(paint: Paint) {
    this.#paint = paint;
  }

  print(story: Story): string[] {
    const how = story.in === null ? 'made on the node' : `in by ${story.in}`;
    this.#line(this.#paint('bold', packetText(story.packet)) + this.#paint('dim', `  ${details(story.packet)}, ${how}`));
    for (const event of story.events) {
      this.#event(event);
      this.#last = event;
    }
    this.#line();
    this.#outcome(story);
    if (story.flow) this.#flow(story.flow);
    const names = Object.entries(story.names ?? {});
    if (names.length > 0) this.#line();
    for (const [address, name] of names) this.#line(`${address.padEnd(16)} ${this.#paint('cyan', name)}`);
    if (story.notes.length > 0) this.#line();
    for (const note of story.notes) this.#line(this.#paint('dim', `note: ${note}`));
    return this.#lines;
  }

  #line(text = ''): void {
    this.#lines.push(text);
  }

  #event(e: Event): void {
    switch (e.event) {
      case 'hook': {
        this.#table = '';
        this.#bound = new Set();
        this.#line();
        const ways = [e.in !== null && `in ${e.in}`, e.out !== null && `out ${e.out}`, `mark ${hex(e.mark)}`].filter(Boolean).join(', ');
        this.#line(`${this.#paint('bold', e.hook.padEnd(TABLE + 2))}${this.#paint('dim', ways)}`);
        break;
      }
      case 'conntrack':
        this.#row('conntrack', '', `${this.#paint('cyan', e.state)}, ${e.why}`);
        break;
      case 'not-asked':
        this.#row(this.#tableOnce(e.table), '', this.#paint('dim', `not asked: ${e.why}`));
        break;
      case 'rule':
        this.#rule(e);
        break;
      case 'missed':
        this.#place(e, this.#paint('dim', `✗ ${e.text}`));
        this.#under(e, this.#paint('dim', `  ${e.test}: ${e.why}`));
        break;
      case 'undecided':
        this.#place(e, `${this.#paint('yellow', '?')} ${e.text}`);
        this.#under(e, this.#paint('yellow', `  undecided: ${e.why}`));
        break;
      case 'chain-end':
        if (this.#last?.event === 'rule' && this.#last.text.endsWith(` ${e.chain}`))
          this.#under({ depth: e.depth }, this.#paint('dim', `no rule of ${e.chain} matches`));
        break;
      case 'policy':
        this.#row(this.#tableOnce(e.table), '', `policy ${this.#verdict(e.policy)}`);
        break;
      case 'translated':
        if (!this.#bound.has(e.side))
          this.#row(this.#tableOnce('nat'), '', this.#change({ what: e.side, from: endpointText(e.from), to: endpointText(e.to) }));
        break;
      case 'route':
        this.#route(e);
        break;
      case 'ttl':
        this.#row('', '', this.#change({ what: 'TTL', from: String(e.from), to: String(e.to) }));
        break;
      case 'answer': {
        const fate = e.sent ? `goes back${e.out === null ? '' : ` by ${e.out}`}` : 'is made, and dropped by the rules';
        this.#row('', '', `${this.#paint('cyan', packetText(e.packet))} ${fate}`);
        break;
      }
      case 'dropped':
        this.#line();
        this.#line(`${this.#paint('red', 'dropped'.padEnd(TABLE + 2))}${e.why} (${e.reason})`);
        break;
    }
  }

  #rule(e: Extract<Event, { event: 'rule' }>): void {
    this.#place(e, this.#ruleText(e));
    if (e.choice) this.#choice(e, e.choice);
    for (const change of e.changes) {
      this.#bound.add(change.what);
      this.#under(e, this.#change(change));
      if (change.because !== undefined) this.#under(e, this.#paint('dim', `  ${change.because}`));
    }
    // A target that drops without being called so: no address to masquerade behind.
    if (e.verdict === 'DROP' && !e.text.endsWith('-j DROP')) this.#under(e, this.#verdict(e.verdict));
  }

  /** The target stands out; comments step back. */
  #ruleText({ text }: RulePlace): string {
    const target = / -[jg] \S+( .*)?$/.exec(text);
    const head = target ? text.slice(0, target.index) : text;
    const shown = head.replace(/ -m comment --comment (?:"(?:\\.|[^"])*"|\S+)/g, comment => this.#paint('dim', comment));
    return target ? shown + this.#paint('bold', target[0]) : shown;
  }

  #choice(e: RulePlace, { kind, backends, taken, forced }: Choice): void {
    const how = kind === 'random' ? 'at random' : 'by turns';
    const followed = forced ? '--choose' : 'followed here; --choose N follows another';
    this.#under(e, `one of ${backends.length} ${how}:`);
    for (const b of backends) {
      const mark = b.number === taken ? '>' : ' ';
      const text = `${mark} ${b.number}  ${percent(b.share).padStart(7)}  ${b.to}${b.number === taken ? `  (${followed})` : ''}`;
      this.#under(e, b.number === taken ? this.#paint('yellow', text) : this.#paint('dim', text));
    }
  }

  #route(e: Extract<Event, { event: 'route' }>): void {
    const way =
      e.kind === 'unknown'
        ? this.#paint('yellow', `where ${e.destination} is reached is unknown here`)
        : e.kind === 'local'
          ? `${e.destination} is an address of this node`
          : `${e.destination} by ${e.dev}${e.via === null ? '' : `, next hop ${e.via}`}  ${this.#paint('dim', e.route)}`;
    if (e.again) {
      this.#row('routing', '', way);
      return;
    }
    this.#line();
    this.#line(`${this.#paint('bold', 'routing'.padEnd(TABLE + 2))}${way}`);
  }

  #outcome({ outcome, undecided, events }: Story): void {
    const { verdict, fate, out, nextHop, packet, by } = outcome;
    const unsure =
      undecided > 0 ? `, if ${undecided === 1 ? 'the undecided rule does' : `none of the ${undecided} undecided rules does`} ` : '';
    const condition = undecided === 0 ? '' : undecided === 1 ? `${unsure}not match` : `${unsure}match`;
    const where: Record<typeof fate, string> = {
      forwarded: out === null ? 'forwarded, out of an interface that is unknown here' : `forwarded by ${out}, next hop ${nextHop}`,
      sent: out === null ? 'sent, out of an interface that is unknown here' : `sent by ${out}, next hop ${nextHop}`,
      delivered: 'delivered to the sockets of this node',
      dropped: verdict === 'REJECT' ? 'refused' : 'dropped',
      held: 'held back',
    };
    const label = verdict.padEnd(TABLE + 2);
    this.#line(`${this.#paint(verdict === 'ACCEPT' ? 'green' : 'red', label)}${where[fate]}${this.#paint('yellow', condition)}`);
    if (by !== undefined && !events.some(e => e.event === 'dropped')) this.#row('', '', `by ${by}`, true);
    this.#row('', '', `${packetText(packet)}  ${this.#paint('dim', details(packet))}`, true);
  }

  #flow({ original, reply }: NonNullable<Story['flow']>): void {
    const first = `${endpointText(original.source)} > ${endpointText(original.destination)}`;
    const back = `${endpointText(reply.source)} > ${endpointText(reply.destination)}`;
    const width = Math.max(first.length, back.length) + 2;
    this.#line(`${'flow'.padEnd(TABLE + 2)}${first.padEnd(width)}${this.#paint('dim', 'as it was sent')}`);
    this.#line(`${''.padEnd(TABLE + 2)}${back.padEnd(width)}${this.#paint('dim', 'answers, before conntrack turns them back')}`);
  }

  #change({ what, from, to }: Change): string {
    return this.#paint('yellow', from === undefined ? `${what} ${to}` : `${what} ${from} → ${to}`);
  }

  #verdict(verdict: string): string {
    return this.#paint(verdict === 'ACCEPT' ? 'green' : 'red', verdict);
  }

  /** The name of a table stands once per hook. */
  #tableOnce(table: string): string {
    if (this.#table === table) return '';
    this.#table = table;
    return table;
  }

  #place(e: RulePlace, text: string): void {
    this.#row(this.#tableOnce(e.table), e.line > 0 ? String(e.line) : '', ' '.repeat(STEP * e.depth) + text);
    // Of the standing rules it would say no more than their names do.
    if (e.origin !== undefined && !e.origin.startsWith('kube-proxy ')) this.#under(e, this.#paint('cyan', `from ${e.origin}`));
  }
  #under({ depth }: { depth: number }, text: string): void {
    this.#row('', '', ' '.repeat(STEP * depth + 4) + text);
  }

  /** @param wide begins where the words behind a hook's name do */
  #row(table: string, line: string, text: string, wide = false): void {
    if (wide) this.#line(' '.repeat(TABLE + 2) + text);
    else this.#line(`  ${table.padEnd(TABLE)}${this.#paint('dim', line.padStart(LINE - 1))} ${text}`);
  }
}

const hex = (v: number): string => `0x${v.toString(16)}`;
const percent = (share: number): string => `${(share * 100).toFixed(2).replace(/\.?0+$/, '')} %`;

function details(p: PacketFields): string {
  const tos = p.tos === 0 ? '' : `, TOS ${hex(p.tos)}`;
  return `${p.length} bytes, TTL ${p.ttl}${tos}, mark ${hex(p.mark)}`;
}
