/** What a scenario expects of the packets that a step has sent, field by field. */
import { hookNames } from '../../../src/packet/verdict.ts';
import { all, checkFields } from '../fields.ts';
import { expectSame, failed, passed, unsupported, type Verdict } from '../set.ts';
import type { Attempt } from './attempt.ts';
import { entryOf, wordsOf } from './entry.ts';
import type { Scenario } from './scenario.ts';
import type { Sight } from './sight.ts';

export type Expect = Readonly<Record<string, unknown>>;
type Counts = Readonly<Record<string, number>>;

/** @param senders as the step names them */
export function expectSent(scenario: Scenario, attempts: readonly Attempt[], senders: readonly string[], expect: Expect): Verdict {
  const dynamic = Object.fromEntries(
    Object.keys(expect).flatMap(name => {
      const make = patterns.find(([pattern]) => pattern.test(name));
      return make ? [[name, make[1](scenario, attempts, make[0].exec(name)![1]!)]] : [];
    }),
  );
  return checkFields('expect', expect, {
    ...ofDelivery(scenario, attempts),
    ...ofAnswers(attempts, senders),
    ...ofErrors(scenario, attempts, expect),
    ...ofTracking(scenario, attempts, expect),
    ...dynamic,
  });
}

type Checks = Record<string, (value: never) => Verdict>;

/** Requests that came to the sockets of a host. */
const arrivedAt = (scenario: Scenario, attempts: readonly Attempt[], host: string): Sight[] =>
  scenario.network.host(host).stack.got.filter(p => attempts.some(a => a.is(p)));

const bytesOf = (packets: readonly Sight[]): number => packets.reduce((sum, p) => sum + p.length, 0);

const ofDelivery = (scenario: Scenario, attempts: readonly Attempt[]): Checks => ({
  packetsAt: (hosts: Counts) =>
    all(Object.entries(hosts).map(([host, n]) => expectSame(`packets at ${host}`, n, arrivedAt(scenario, attempts, host).length))),
  ipBytesAt: (hosts: Counts) =>
    all(Object.entries(hosts).map(([host, n]) => expectSame(`IP bytes at ${host}`, n, bytesOf(arrivedAt(scenario, attempts, host))))),
  packetsFrom: (hosts: Readonly<Record<string, Counts>>) =>
    all(
      Object.entries(hosts).flatMap(([host, sources]) =>
        Object.entries(sources).map(([source, n]) => {
          const from = arrivedAt(scenario, attempts, host).filter(p => p.src === source);
          return expectSame(`packets at ${host} from ${source}`, n, from.length);
        }),
      ),
    ),
  sourceSeenAt: (hosts: Readonly<Record<string, string>>) =>
    all(
      Object.entries(hosts).map(([host, source]) => {
        const p = arrivedAt(scenario, attempts, host)[0];
        return expectSame(`source seen at ${host}`, source, p && (source.includes(':') ? `${p.src}:${p.sport}` : p.src));
      }),
    ),
  sourcePortSeen: (value: number | readonly number[]) => {
    const ports = attempts.map(a => a.arrivals(scenario.network)[0]?.packet.sport);
    return expectSame('sourcePortSeen', typeof value === 'number' ? [value] : value, ports);
  },
  sourcePortOnWireNot: (value: number) => {
    const sent = scenario.network.wire.filter(w => attempts.some(a => a.host.name === w.from && a.is(w.packet)));
    if (sent.length === 0) return failed('sourcePortOnWireNot: nothing was sent');
    return sent.some(w => w.packet.sport === value) ? failed(`source port ${value} is on the wire`) : passed;
  },
});

const ofAnswers = (attempts: readonly Attempt[], senders: readonly string[]): Checks => ({
  reply: (value: boolean) =>
    expectSame(
      'reply',
      value,
      attempts.every(a => a.answers().length > 0),
    ),
  replySeenFrom: (value: string) => all(attempts.map(a => expectSame('replySeenFrom', value, a.answers()[0]?.src))),
  answeredBy: (value: string) =>
    all(
      attempts.map(a => expectSame('answeredBy', value, a.answers()[0] && new TextDecoder().decode(a.answers()[0]!.payload.subarray(4)))),
    ),
  connected: (value: boolean) => all(attempts.map(a => expectSame('connected', value, a.connection?.state === 'connected'))),
  // Of many senders alike, each has that many.
  replies: (value: number) => {
    const groups = senders.some(s => s.includes('[i]')) ? groupsOf(attempts) : [attempts];
    return all(
      groups.map((group, i) => expectSame(`replies to sender ${i + 1}`, value, group.filter(a => a.answers().length === 1).length)),
    );
  },
});

function groupsOf(attempts: readonly Attempt[]): Attempt[][] {
  const groups: Attempt[][] = [];
  for (const a of attempts) groups[a.group] = [...(groups[a.group] ?? []), a];
  return groups;
}

function ofErrors(scenario: Scenario, attempts: readonly Attempt[], expect: Expect): Checks {
  const at = expect.icmpErrorSeenAt as string | undefined;
  const host = at === undefined ? attempts[0]!.host : scenario.network.host(at);
  const error = attempts[0]!.errors()[0] ?? host.stack.got.find(p => p.quoted);
  const of = (what: string, read: (p: Sight) => unknown) => (value: unknown) => expectSame(what, value, error && read(error));
  return {
    icmpErrorSeenAt: (value: string) => (error && host.stack.got.includes(error) ? passed : failed(`no ICMP error at ${value}`)),
    icmpType: of('icmpType', p => p.icmpType),
    icmpCode: of('icmpCode', p => p.icmpCode),
    errorIpLengthSeen: of('errorIpLengthSeen', p => p.length),
    innerSource: of('innerSource', p => p.quoted?.src),
    innerDestination: of('innerDestination', p => p.quoted?.dst),
  };
}

function ofTracking(scenario: Scenario, attempts: readonly Attempt[], expect: Expect): Checks {
  const { router } = scenario;
  const entry = entryOf(router, attempts[0]!.packet);
  const words = (what: string, names: string): Verdict => {
    const got = entry ? wordsOf(entry) : [];
    return all(names.split(/[ ,]+/).map(word => (got.includes(word) ? passed : failed(`${what}: no ${word} in "${got.join(' ')}"`))));
  };
  return {
    entryCreated: (value: boolean) => expectSame('entryCreated', value, entry !== undefined),
    entry: (value: string) => words('entry', value),
    ctstatus: (value: string) => words('ctstatus', value),
    conntrackZone: (value: number) => expectSame('conntrackZone', value, router.hooks.find(h => attempts[0]!.is(h.packet))?.zone),
    ctstate: (places: Readonly<Record<string, string>>) =>
      all(Object.entries(places).map(([place, state]) => stateAt(scenario, attempts, place, state, expect.icmpErrorSeenAt !== undefined))),
    ruleCounters: (rules: Readonly<Record<string, number | string>>) =>
      all(
        Object.entries(rules).map(([text, n]) => {
          const packets = scenario.counterOf(text);
          if (packets === undefined) return unsupported(`ruleCounters: no rule "-m ${text}"`);
          if (typeof n === 'number') return expectSame(`packets of "${text}"`, n, packets);
          const m = /^>\s*(\d+)$/.exec(n);
          if (!m) return unsupported(`ruleCounters "${n}"`);
          return packets > Number(m[1]) ? passed : failed(`packets of "${text}": expected ${n}, got ${packets}`);
        }),
      ),
  };
}

/** `router1 FORWARD`: the state of the error, or of the request, as it left that hook. */
function stateAt(scenario: Scenario, attempts: readonly Attempt[], place: string, state: string, ofError: boolean): Verdict {
  const [host, chain] = place.split(' ');
  const hook = (hookNames as readonly string[]).indexOf(chain!);
  if (hook < 0) return unsupported(`ctstate at "${place}"`);
  const seen = scenario.network
    .router(host!)
    .hooks.filter(h => h.hook === hook && (ofError ? h.packet.quoted !== undefined : attempts.some(a => a.is(h.packet))));
  return expectSame(`ctstate at ${place}`, [state], [...new Set(seen.map(h => h.ctstate))]);
}

/** Fields whose names say what they are about. */
const patterns: readonly (readonly [
  RegExp,
  (scenario: Scenario, attempts: readonly Attempt[], name: string) => (value: never) => Verdict,
])[] = [
  [
    /^newPacketsToPort(\d+)$/,
    (scenario, attempts, port) => (value: number) => {
      const seen = newAtInput(scenario, attempts).filter(p => p.dport === Number(port));
      return expectSame(`new packets to port ${port}`, value, seen.length);
    },
  ],
  [
    /^(ipBytes)$/,
    (scenario, attempts) => (value: number) => expectSame('IP bytes of new packets', value, bytesOf(newAtInput(scenario, attempts))),
  ],
  [
    /^(bytesPerClient)$/,
    (scenario, attempts) => (value: number) =>
      all(
        groupsOf(attempts).map((group, i) => {
          // What the router sent to the servers, by client.
          const sent = scenario.network.wire.filter(w => w.from === scenario.router.name && group.some(a => a.is(w.packet)));
          return expectSame(`bytes of client ${i + 1}`, value, bytesOf(sent.map(w => w.packet)));
        }),
      ),
  ],
  [
    /^totalPacketsAt(.+)$/,
    (scenario, attempts, name) => (value: number) => {
      const port = scenario.router.spec.interfaces.find(i => i.name.toLowerCase() === name.toLowerCase())?.name;
      if (port === undefined) return unsupported(`expect: no interface "${name}"`);
      const sent = scenario.network.wire.filter(
        w => w.from === scenario.router.name && w.port === port && attempts.some(a => a.is(w.packet)),
      );
      return expectSame(`packets at ${port}`, value, sent.length);
    },
  ],
];

const newAtInput = (scenario: Scenario, attempts: readonly Attempt[]): Sight[] =>
  scenario.router.hooks
    .filter(h => hookNames[h.hook] === 'INPUT' && h.ctstate === 'NEW' && attempts.some(a => a.is(h.packet)))
    .map(h => h.packet);
