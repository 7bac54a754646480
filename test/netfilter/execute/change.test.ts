import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { compile } from '../../../src/netfilter/execute/compile.ts';
import type { ProgramText } from '../../../src/netfilter/execute/program-text.ts';
import { Netfilter } from '../../../src/netfilter/netfilter.ts';
import { EMPTY_RULE_SET, type RuleSet } from '../../../src/netfilter/ruleset.ts';
import { readRuleSet } from '../../../src/netfilter/text/read.ts';
import { printRule } from '../../../src/netfilter/text/rule-printer.ts';
import { writeRuleSet } from '../../../src/netfilter/text/write.ts';
import { NodeRules } from '../../../src/node/rules.ts';
import { CtInfo, type Packet } from '../../../src/packet/packet.ts';
import { Hook } from '../../../src/packet/verdict.ts';
import { FakeEnvironment, packet } from './support.ts';

/** Everything that can be seen of a packet's way, with the rules in words: numbers differ between the two sides. */
class Side {
  readonly env = new FakeEnvironment(7);
  readonly netfilter = new Netfilter(this.env);
  seen: string[] = [];
  readonly #text: () => ProgramText | undefined;

  constructor(text: () => ProgramText | undefined) {
    this.#text = text;
    const say = (kind: string, counter: number): void => {
      const { table, chain, number, rule } = this.#text()!.of(counter);
      this.seen.push(`${kind} ${table} ${chain} ${number}${rule ? printRule(rule) : ''}`);
    };
    this.netfilter.tracer = {
      rule: (_p, _h, c) => say('rule', c),
      end: (_p, _h, c) => say('end', c),
      policy: (_p, _h, c, v) => say(`policy ${v}`, c),
    };
  }

  run(p: Packet, hook: Hook) {
    this.env.clock.advance(50);
    this.env.logged = [];
    this.seen = [];
    const verdict = this.netfilter.run('mangle', hook, p);
    const logged = this.env.logged.map(counter => this.#text()!.of(counter).number);
    return { verdict, mark: p.mark, reason: p.reason, logged, walk: this.seen };
  }
}

/** Changes as patches: what is under test. */
class Patched {
  readonly rules = new NodeRules(false);
  readonly side = new Side(() => this.rules.programText);
  patches = 0;
  programs = 0;

  load(text: string): void {
    this.rules.load(text, { noflush: true, counters: true, file: 'delta' });
  }
  apply(): void {
    for (const news of this.rules.takeNews()) {
      if ('program' in news) {
        this.side.netfilter.install(news.program);
        this.programs++;
      } else {
        // As it comes to the node's thread.
        this.side.netfilter.change(structuredClone(news.patch));
        this.patches++;
      }
    }
  }
  save(counters: boolean): string {
    return this.rules.save({ counters });
  }
}

/** The same by compiling everything after each change. */
class Whole {
  #ruleSet: RuleSet = EMPTY_RULE_SET;
  #text: ProgramText | undefined;
  #waiting: (() => void)[] = [];
  readonly side = new Side(() => this.#text);

  load(text: string): void {
    const { ruleSet, restarted } = readRuleSet(text, { base: this.#ruleSet, noflush: true, counters: true, file: 'delta' });
    const compiled = compile(ruleSet, { file: 'delta', restarted, ...(this.#text && { previous: this.#text }) });
    this.#ruleSet = ruleSet;
    this.#text = compiled.text;
    this.#waiting.push(() => this.side.netfilter.install(compiled.program));
  }
  apply(): void {
    for (const install of this.#waiting.splice(0)) install();
  }
  save(counters: boolean): string {
    return writeRuleSet(this.#text?.snapshot() ?? this.#ruleSet, { counters });
  }
}

const USERS = ['C0', 'C1', 'C2', 'C3'];
const chain = fc.constantFrom('PREROUTING', 'FORWARD', ...USERS);
const user = fc.constantFrom(...USERS);
const address = fc.tuple(fc.nat(1), fc.nat(3)).map(([a, b]) => `10.${a}.0.${b}`);
const service = fc.record({ dst: address, port: fc.nat(5), to: user }).map(s => `-d ${s.dst} -p tcp --dport ${s.port} -j ${s.to}`);
const match = fc.oneof(
  fc.constant(''),
  address.map(a => `-s ${a}`),
  address.map(a => `! -d ${a}/31`),
  fc.constantFrom('-i eth0', '-i cni0', '-o eth+', '-i wg7'),
  fc.nat(3).map(n => `-p udp -m multiport --dports ${n},9`),
  fc.constantFrom('-m statistic --mode nth --every 3 --packet 0', '-m statistic --mode random --probability 0.5'),
  fc.constantFrom('-m limit --limit 10/second --limit-burst 2', '-m nfacct --nfacct-name web', '-m nfacct --nfacct-name dns'),
  fc.constantFrom('a', 'b').map(name => `-m recent --set --name ${name}`),
  fc.constantFrom('a', 'b').map(name => `-m recent --rcheck --seconds 60 --hitcount 2 --name ${name}`),
);
const target = fc.oneof(
  { weight: 4, arbitrary: user.map(c => `-j ${c}`) },
  user.map(c => `-g ${c}`),
  fc.constantFrom('-j ACCEPT', '-j DROP', '-j RETURN', '-j LOG', ''),
  fc.nat(7).map(n => `-j MARK --set-xmark ${n}/0x7`),
);
const rule = fc.oneof(
  { weight: 2, arbitrary: service },
  fc.tuple(match, target).map(([m, t]) => `${m} ${t}`),
);
const line = fc.oneof(
  { weight: 12, arbitrary: fc.tuple(chain, rule).map(([c, r]) => `-A ${c} ${r}`) },
  { weight: 3, arbitrary: fc.tuple(chain, fc.integer({ min: 1, max: 3 }), rule).map(([c, n, r]) => `-I ${c} ${n} ${r}`) },
  fc.tuple(chain, fc.integer({ min: 1, max: 4 }), rule).map(([c, n, r]) => `-R ${c} ${n} ${r}`),
  { weight: 2, arbitrary: fc.tuple(chain, fc.integer({ min: 1, max: 4 })).map(([c, n]) => `-D ${c} ${n}`) },
  fc.tuple(chain, rule).map(([c, r]) => `-D ${c} ${r}`),
  fc.tuple(chain, fc.nat(9), rule).map(([c, n, r]) => `[${n}:${100 * n}] -A ${c} ${r}`),
  user.map(c => `-X ${c}`),
  user.map(c => `-N ${c}`),
  user.map(c => `:${c} - [0:0]`),
  user.map(c => `:${c} - [0:0]`),
  chain.map(c => `-F ${c}`),
  chain.map(c => `-Z ${c}`),
  fc.constantFrom('-Z', '-E C3 C4', '-E C4 C3', ':PREROUTING DROP [5:50]', ':PREROUTING ACCEPT [0:0]', '-P FORWARD ACCEPT'),
);
/** A chain written anew, long enough for an index. */
const rewritten = fc
  .tuple(
    fc.constantFrom('PREROUTING', ...USERS),
    fc.oneof(fc.array(rule, { minLength: 8, maxLength: 24 }), fc.array(rule, { minLength: 32, maxLength: 40 })),
  )
  .map(([c, rules]) => [c === 'PREROUTING' ? '-F PREROUTING' : `:${c} - [0:0]`, ...rules.map(r => `-A ${c} ${r}`)]);
/** A chain written anew nearly as it stands: what kube-proxy does each time. */
interface Again {
  readonly again: string;
  /** Leaves out the rule of this number, and puts another in front of one. */
  readonly without: number | undefined;
  readonly before: number | undefined;
  readonly rule: string;
}
const anew: fc.Arbitrary<Again> = fc.record({
  again: fc.constantFrom('PREROUTING', 'PREROUTING', ...USERS),
  without: fc.option(fc.nat(30), { nil: undefined }),
  before: fc.option(fc.nat(30), { nil: undefined }),
  rule,
});
const lines: fc.Arbitrary<readonly (string | Again)[]> = fc.oneof(
  { weight: 3, arbitrary: fc.array(line, { maxLength: 5 }) },
  rewritten,
  fc.array(fc.oneof(line, line, rewritten), { maxLength: 3 }).map(all => all.flat()),
  { weight: 3, arbitrary: fc.array(fc.oneof(anew, anew, line), { minLength: 1, maxLength: 3 }) },
);
const hits = fc.array(
  fc.record({
    src: address,
    dst: address,
    protocol: fc.constantFrom(6, 6, 17, 1),
    dstPort: fc.nat(9),
    iif: fc.integer({ min: 1, max: 4 }),
    oif: fc.integer({ min: 2, max: 4 }),
    hook: fc.constantFrom(Hook.Prerouting, Hook.Forward),
  }),
  { maxLength: 8 },
);
const step = fc.record({ lines, hits, applies: fc.constantFrom(true, true, true, false) });

/** The chain's lines out of what stands now. */
function written(save: string, { again, without, before, rule }: Again): string[] {
  const rules = save
    .slice(save.indexOf('*mangle'))
    .split('\nCOMMIT')[0]!
    .split('\n')
    .filter(l => l.startsWith(`-A ${again} `))
    .filter((_, i) => i !== without);
  if (before !== undefined && before < rules.length) rules.splice(before, 0, `-A ${again} ${rule}`);
  return [again === 'PREROUTING' ? '-F PREROUTING' : `:${again} - [0:0]`, ...rules];
}
const refusal = (run: () => void): string => {
  try {
    run();
    return '';
  } catch (error) {
    return (error as Error).message;
  }
};

const START = `*mangle\n${USERS.map(c => `:${c} - [0:0]\n`).join('')}-A PREROUTING -j C0\n-A FORWARD -j C1\nCOMMIT\n`;

describe('a change of a few chains', () => {
  const made = { patches: 0, programs: 0, refused: 0 };

  test('leaves what loading the whole would leave: text, counters, verdicts, marks and every step of the walk', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 4, maxLength: 14 }), steps => {
        const patched = new Patched();
        const whole = new Whole();
        for (const side of [patched, whole]) {
          side.load(START);
          side.apply();
        }
        for (const { lines, hits, applies } of steps) {
          const save = patched.save(true);
          const body = lines.flatMap(l => (typeof l === 'string' ? [l] : written(patched.save(false), l)));
          const text = `*mangle\n${body.map(l => `${l}\n`).join('')}COMMIT\n`;
          const refused = refusal(() => patched.load(text));
          expect(refused).toBe(refusal(() => whole.load(text)));
          if (refused !== '') {
            made.refused++;
            expect(patched.save(true)).toBe(save);
          }
          expect(patched.save(true)).toBe(whole.save(true));
          if (!applies) continue;
          patched.apply();
          whole.apply();
          expect(patched.save(true)).toBe(whole.save(true));
          for (const { hook, ...fields } of hits) {
            const hit = (): Packet => Object.assign(packet(fields), { ct: 0, ctinfo: CtInfo.New });
            expect(patched.side.run(hit(), hook)).toEqual(whole.side.run(hit(), hook));
          }
          expect(patched.save(true)).toBe(whole.save(true));
        }
        const fresh = new NodeRules(false);
        // Policies are written with their counters.
        fresh.load(patched.save(false), { counters: true });
        expect(fresh.save()).toBe(patched.save(false));
        made.patches += patched.patches;
        made.programs += patched.programs;
      }),
      { numRuns: 120 },
    );
  }, 30_000);

  afterAll(() => {
    // Or nothing was shown.
    expect(made.patches).toBeGreaterThan(100);
    expect(made.refused).toBeGreaterThan(50);
  });
});

test('a chain that comes to a hook, and one that goes from it, are asked from then on and no longer', () => {
  const patched = new Patched();
  const { netfilter } = patched.side;
  netfilter.tracer = null;
  const marked = (): number => {
    patched.apply();
    const p = packet();
    netfilter.hook(Hook.Forward, p);
    return p.mark;
  };
  patched.load('*filter\n:FORWARD ACCEPT [0:0]\nCOMMIT\n');
  expect(marked()).toBe(0);
  patched.load('*mangle\n:FORWARD ACCEPT [0:0]\n-A FORWARD -j MARK --set-xmark 0x5/0xff\nCOMMIT\n');
  expect(marked()).toBe(5);
  patched.load('*mangle\n-F FORWARD\nCOMMIT\n');
  expect(marked()).toBe(0);
  patched.load('*mangle\n-A FORWARD -j MARK --set-xmark 0x6/0xff\nCOMMIT\n');
  expect(marked()).toBe(6);
});
