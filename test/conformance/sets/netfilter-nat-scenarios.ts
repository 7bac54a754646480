/** netfilter/nat-scenarios: hosts, rules, and steps that send, listen, wait and look. */
import { LabError } from '../../../src/base/errors.ts';
import { refuseUnknown } from '../fields.ts';
import { Attempt } from '../net/attempt.ts';
import { entryOf } from '../net/entry.ts';
import type { Host } from '../net/host.ts';
import { protocolOf } from '../net/protocol.ts';
import { Scenario } from '../net/scenario.ts';
import { type Expect, expectSent } from '../net/scenario-expect.ts';
import type { WrittenHost } from '../net/topology.ts';
import { defineSet, failed, passed, unsupported, type Verdict } from '../set.ts';

interface Send {
  readonly from: string;
  readonly proto: string;
  readonly src?: string;
  readonly sport?: number | string;
  readonly dst: string;
  readonly dport?: number;
  readonly payload?: number;
  readonly ident?: number;
  readonly df?: boolean;
  readonly count?: number;
  /** The sender tries again and again from one port. */
  readonly retry?: string;
}
interface Step {
  readonly send?: Send;
  readonly sendConcurrently?: readonly Send[];
  /** Of what is sent concurrently: again and again, while the table is flushed. */
  readonly repeat?: string;
  readonly listen?: { readonly host: string; readonly proto: string; readonly port: number; readonly answer?: string };
  readonly clearRules?: string;
  readonly addRule?: readonly string[];
  readonly set?: Readonly<Record<string, string | number>>;
  readonly wait?: string | number;
  readonly expect?: Expect;
}
interface Case {
  readonly id: string;
  readonly topology: { readonly hosts: Readonly<Record<string, WrittenHost>> };
  readonly rules: readonly string[];
  readonly steps: readonly Step[];
  readonly linuxExpect?: never;
}

const SEND = ['from', 'proto', 'src', 'sport', 'dst', 'dport', 'payload', 'ident', 'df', 'count', 'retry'];
const STEP = ['send', 'sendConcurrently', 'repeat', 'listen', 'clearRules', 'addRule', 'set', 'wait', 'expect'];
/** Batches where a case says "over and over". */
const ROUNDS = 200;
/** How long a case waits at most for something to happen. */
const PATIENCE_MS = 600_000;
const RETRY_MS = 100;

function check(c: Case): Verdict {
  const stranger = refuseUnknown('case', c, ['topology', 'rules', 'steps']) ?? refuseUnknown('topology', c.topology, ['hosts']);
  if (stranger) return stranger;
  const scenario = Scenario.open(c.topology.hosts, ruledHosts(c));
  if (!(scenario instanceof Scenario)) return scenario;
  const bad = scenario.addRules(c.rules) ?? watch(scenario, c);
  if (bad) return bad;
  for (const [i, step] of c.steps.entries()) {
    const verdict = tryStep(scenario, step);
    if (verdict.kind !== 'passed') return { kind: verdict.kind, why: `step ${i + 1}: ${verdict.why}` };
    if (scenario.network.faults.length > 0) return failed(`step ${i + 1}: ${scenario.network.faults[0]}`);
  }
  return passed;
}

/** Hosts that rules are written for, or whose hooks and tables are looked into. */
function ruledHosts(c: Case): Set<string> {
  const names = new Set<string>();
  for (const line of [...c.rules, ...c.steps.flatMap(s => s.addRule ?? [])]) if (line.startsWith('@')) names.add(line.slice(1));
  for (const { expect, set } of c.steps) {
    for (const place of Object.keys((expect?.ctstate as object | undefined) ?? {})) names.add(place.split(' ')[0]!);
    if (set?.host !== undefined) names.add(String(set.host));
  }
  return names;
}

/** A state can only be seen where connections are tracked: a rule that counts turns it on. */
function watch(scenario: Scenario, c: Case): Verdict | undefined {
  for (const { expect } of c.steps) {
    for (const place of Object.keys((expect?.ctstate as object | undefined) ?? {})) {
      const [host, chain] = place.split(' ');
      const bad = scenario.addRules([`@${host}`, '*mangle', `-A ${chain} -m conntrack --ctstate RELATED`]);
      if (bad) return bad;
    }
  }
  return undefined;
}

function tryStep(scenario: Scenario, step: Step): Verdict {
  const stranger = refuseUnknown('step', step, STEP);
  if (stranger) return stranger;
  if (step.send) return send(scenario, [step.send], step);
  if (step.sendConcurrently) return send(scenario, step.sendConcurrently, step);
  if (step.listen) return listen(scenario, step.listen);
  if (step.clearRules !== undefined) return scenario.clearRules(step.clearRules) ?? passed;
  if (step.addRule) return scenario.addRules(step.addRule) ?? passed;
  if (step.set) return set(scenario, step.set);
  if (step.wait !== undefined) return wait(scenario, step.wait);
  return unsupported('a step that does nothing');
}

function send(scenario: Scenario, sends: readonly Send[], step: Step): Verdict {
  const { network } = scenario;
  const rounds = step.repeat === undefined ? 1 : ROUNDS;
  if (step.repeat !== undefined && !/flushed|over and over/.test(step.repeat)) return unsupported(`repeat "${step.repeat}"`);
  for (const s of sends) {
    const stranger = refuseUnknown('send', s, SEND);
    if (stranger) return stranger;
    if (!protocolOf(s.proto)) return unsupported(`send: proto "${s.proto}"`);
  }
  for (let round = 0; round < rounds; round++) {
    network.begin();
    const attempts = sends.flatMap(s => attemptsOf(scenario, s));
    // The table is emptied before the batch, or between two of its packets.
    const cut = rounds === 1 ? 0 : round % (attempts.length + 1);
    network.send(...attempts.slice(0, cut).map(({ host, bytes }) => ({ host, bytes })));
    if (rounds > 1) scenario.router.flush();
    network.send(...attempts.slice(cut).map(({ host, bytes }) => ({ host, bytes })));
    if (sends.length === 1) scenario.last = attempts[0];
    const verdict = expectSent(
      scenario,
      attempts,
      sends.map(s => s.from),
      step.expect ?? {},
    );
    if (verdict.kind !== 'passed') return verdict;
  }
  return passed;
}

function attemptsOf(scenario: Scenario, s: Send): Attempt[] {
  const what = protocolOf(s.proto)!;
  return scenario.hosts(s.from).flatMap((host, i) => {
    const sport = sportOf(scenario, s, host);
    // Many alike would use one identifier.
    const ident = s.ident ?? (s.from.includes('[i]') ? 0x1234 : undefined);
    return Array.from({ length: s.count ?? 1 }, () => {
      const attempt = new Attempt(host, {
        what,
        dst: s.dst,
        ...(s.src === undefined ? {} : { src: s.src }),
        ...(sport === undefined ? {} : { sport }),
        ...(s.dport === undefined ? {} : { dport: s.dport }),
        ...(ident === undefined ? {} : { ident }),
        ...(s.payload === undefined ? {} : { payload: s.payload }),
        ...(s.df === undefined ? {} : { df: s.df }),
      });
      attempt.group = i;
      return attempt;
    });
  });
}

/** A port that is given, one for all packets of one socket, the only one that the host may choose, or the one of the try before. */
function sportOf(scenario: Scenario, s: Send, host: Host): number | undefined {
  if (typeof s.sport === 'number') return s.sport;
  const [first, last] = scenario.written[s.from]?.localPortRange ?? [];
  if (first !== undefined && first === last) return first;
  const key = `${host.name} ${s.proto} ${s.dst} ${s.dport}`;
  const kept = scenario.kept.get(key);
  if (kept !== undefined || (s.retry === undefined && s.sport === undefined)) return kept;
  scenario.kept.set(key, 60_000);
  return 60_000;
}

function listen(scenario: Scenario, l: NonNullable<Step['listen']>): Verdict {
  const stranger = refuseUnknown('listen', l, ['host', 'proto', 'port', 'answer']);
  if (stranger) return stranger;
  if (l.proto !== 'udp' && l.answer !== undefined) return unsupported(`listen: answers over ${l.proto}`);
  const { stack } = scenario.network.host(l.host);
  const before = stack.open;
  stack.open = (protocol, port) => (protocol === l.proto && port === l.port) || before(protocol, port);
  if (l.answer !== undefined) stack.answers.set(l.port, l.answer);
  return passed;
}

/** sysctls of a host, by their last part. */
function set(scenario: Scenario, values: NonNullable<Step['set']>): Verdict {
  const { host, ...names } = values;
  const ruled = host === undefined ? scenario.router : scenario.network.router(String(host));
  for (const [name, value] of Object.entries(names)) {
    const full = name.includes('.') ? name : name.startsWith('nf_conntrack') ? `net.netfilter.${name}` : `net.ipv4.${name}`;
    try {
      ruled.sysctl(full, Number(value));
    } catch (error) {
      if (error instanceof LabError) return unsupported(`set: ${error.message}`);
      throw error;
    }
  }
  return passed;
}

/** A number of seconds, or until the last unreplied entry is gone while its sender tries on. */
function wait(scenario: Scenario, until: string | number): Verdict {
  if (typeof until === 'number') {
    scenario.network.advance(until * 1000);
    return passed;
  }
  const { last, router, network } = scenario;
  if (!/entry is gone$/.test(until) || !last) return unsupported(`wait "${until}"`);
  for (let ms = 0; ms < PATIENCE_MS; ms += RETRY_MS) {
    network.advance(RETRY_MS);
    if (!entryOf(router, last.packet)) return passed;
    last.again(network);
  }
  return failed(`the entry is still there after ${PATIENCE_MS / 1000} s`);
}

export const natScenarios = defineSet<Case>('netfilter/nat-scenarios', check);
