/**
 * gvisor/router-nat: what NAT makes of flows through a router, step by step: addresses that both ends see, ports that are chosen, and
 * ICMP errors about what was seen.
 */
import { all, checkFields, refuseUnknown } from '../fields.ts';
import { Attempt } from '../net/attempt.ts';
import { icmp } from '../net/craft.ts';
import type { Host } from '../net/host.ts';
import { protocolOf } from '../net/protocol.ts';
import { loadRules } from '../net/rules.ts';
import type { Sight } from '../net/sight.ts';
import { RouterNetwork, type TwoNetworks } from '../net/two-networks.ts';
import { type ConformanceFile, defineSet, expectSame, failed, passed, unsupported, type Verdict } from '../set.ts';

interface Send {
  readonly from: string;
  readonly protocol: string;
  readonly sport?: number;
  readonly dst: string;
  readonly dport?: number | string;
  readonly ident?: number;
  readonly payload?: number;
}
interface SendIcmp {
  readonly from: string;
  readonly dst: string;
  readonly type: number;
  readonly code?: number;
  readonly innerPacket: string;
}
type Expect = Readonly<Record<string, unknown>>;
interface Step {
  readonly send?: Send;
  readonly sendIcmp?: SendIcmp;
  readonly expect?: Expect;
}
interface Case {
  readonly id: string;
  readonly rules: readonly string[];
  readonly steps: readonly Step[];
  /** In place of the expectation of the step that it names (from 0), of the last one by default. */
  readonly linuxExpect?: Expect & { readonly step?: number };
}
type File = ConformanceFile<Case> & TwoNetworks;

/** What the steps of one case know of each other. */
interface Course {
  readonly net: RouterNetwork;
  /** Source port or identifier as the target saw it, by step. */
  readonly seen: (number | undefined)[];
  /** The last request, as it was sent and as it arrived. */
  last?: { readonly attempt: Attempt; readonly arrived: Sight | undefined };
}

function check(c: Case, file: File): Verdict {
  const stranger = refuseUnknown('case', c, ['rules', 'steps', 'linuxDiffers', 'linuxExpect']);
  if (stranger) return stranger;
  const net = new RouterNetwork(file);
  const refused = loadRules(c.rules, () => net.router, failed);
  if (refused) return refused;
  const course: Course = { net, seen: [] };
  for (const [i, step] of c.steps.entries()) {
    const verdict = tryStep(course, step, expected(c, i));
    if (verdict.kind !== 'passed') return { kind: verdict.kind, why: `step ${i + 1}: ${verdict.why}` };
    if (net.network.faults.length > 0) return failed(`step ${i + 1}: ${net.network.faults[0]}`);
  }
  return passed;
}

function expected(c: Case, i: number): Expect {
  const ours = c.linuxExpect;
  if (!ours || (ours.step ?? c.steps.length - 1) !== i) return c.steps[i]!.expect ?? {};
  const { step: _, ...rest } = ours;
  return rest;
}

function tryStep(course: Course, step: Step, expect: Expect): Verdict {
  const stranger = refuseUnknown('step', step, ['send', 'sendIcmp', 'expect']);
  if (stranger) return stranger;
  if (step.send) return send(course, step.send, expect);
  return step.sendIcmp ? sendIcmp(course, step.sendIcmp, expect) : unsupported('a step that sends nothing');
}

const SOCKET = /^router socket(?: bound to ([\d.]+):(\d+))?$/;

function send(course: Course, s: Send, expect: Expect): Verdict {
  const stranger = refuseUnknown('send', s, ['from', 'protocol', 'sport', 'dst', 'dport', 'ident', 'payload']);
  if (stranger) return stranger;
  const { net } = course;
  const bound = SOCKET.exec(s.from);
  const host: Host | undefined = bound ? net.router : net.hostAt(s.from);
  const what = protocolOf(s.protocol);
  if (!host || !what) return unsupported(`send: from "${s.from}", protocol "${s.protocol}"`);
  const dport = typeof s.dport === 'string' ? portOf(course, s.dport) : s.dport;
  if (typeof s.dport === 'string' && dport === undefined) return unsupported(`send: dport "${s.dport}"`);
  net.hostAt(s.dst);
  for (const each of net.network.hosts.values()) each.stack.silent = expect.replySourceSeenByClient === undefined;
  net.network.begin();
  const src = bound ? bound[1] : s.from;
  const sport = s.sport ?? (bound?.[2] === undefined ? undefined : Number(bound[2]));
  const attempt = new Attempt(host, {
    what,
    dst: s.dst,
    ...(src === undefined ? {} : { src }),
    ...(sport === undefined ? {} : { sport }),
    ...(dport === undefined ? {} : { dport }),
    ...(s.ident === undefined ? {} : { ident: s.ident }),
    ...(s.payload === undefined ? {} : { payload: s.payload }),
  }).run(net.network);
  const arrival = attempt.arrivals(net.network)[0];
  const packet = arrival?.packet;
  course.last = { attempt, arrived: packet };
  const number = packet && (packet.ident >= 0 ? packet.ident : packet.sport);
  const earlier = [...course.seen];
  course.seen.push(number);
  return checkFields('expect', expect, {
    arrivesAt: (value: string) => expectSame('arrivesAt', value, packet && place(packet.dst, packet.dport, value)),
    sourceSeen: (value: string) => expectSame('sourceSeen', value, packet && place(packet.src, packet.sport, value)),
    replySourceSeenByClient: (value: string) => {
      const answer = attempt.answers()[0];
      return expectSame('replySourceSeenByClient', value, answer && place(answer.src, answer.sport, value));
    },
    sportSeen: (value: number) => expectSame('sportSeen', value, number),
    sportSeenNot: (value: number) => (number === undefined || number === value ? failed(`sportSeenNot: ${number}`) : passed),
    sportIn: (range: [number, number]) => within('sportIn', range, number),
    identSeen: (value: number) => expectSame('identSeen', value, number),
    identIn: (range: [number, number]) => within('identIn', range, number),
    differsFromEarlier: (value: boolean) => expectSame('differsFromEarlier', value, !earlier.includes(number)),
    forwarded: (value: boolean) => expectSame('forwarded', value, arrival !== undefined && arrival.host !== net.router),
    forwardedTo: (value: string) => {
      if (arrival?.host === net.router) return failed('forwardedTo: the router kept it');
      return expectSame('forwardedTo', value, packet && place(packet.dst, packet.dport, value));
    },
    deliveredTo: (value: string) =>
      SOCKET.test(value)
        ? expectSame('deliveredTo', 'router', arrival?.host.name)
        : expectSame('deliveredTo', value, packet && place(packet.dst, packet.dport, value)),
  });
}

/** `the port seen in step 2`. */
function portOf(course: Course, words: string): number | undefined {
  const m = /^the port seen in step (\d+)$/.exec(words);
  return m ? course.seen[Number(m[1]) - 1] : undefined;
}

/** With a port when the expectation has one. */
const place = (address: string, port: number, like: string): string => (like.includes(':') ? `${address}:${port}` : address);

const within = (what: string, [low, high]: [number, number], got: number | undefined): Verdict =>
  got !== undefined && got >= low && got <= high ? passed : failed(`${what}: expected ${low}..${high}, got ${got}`);

function sendIcmp(course: Course, s: SendIcmp, expect: Expect): Verdict {
  const stranger = refuseUnknown('sendIcmp', s, ['from', 'dst', 'type', 'code', 'innerPacket']);
  if (stranger) return stranger;
  const cut = /^the packet just seen(?:, (\d+) bytes? cut off its end)?$/.exec(s.innerPacket);
  const host = course.net.hostAt(s.from);
  if (!cut || !host) return unsupported(`sendIcmp: innerPacket "${s.innerPacket}" from "${s.from}"`);
  const { attempt, arrived } = course.last ?? {};
  if (!attempt || !arrived) return failed('no packet was seen before');
  const inner = arrived.bytes.slice(0, arrived.bytes.length - Number(cut[1] ?? 0));
  const bytes = icmp({ src: s.from, dst: s.dst, type: s.type, code: s.code ?? 0, rest: 0, data: inner });
  course.net.network.begin();
  course.net.network.send({ host, bytes });
  // Whoever else than the router and the sender was given anything, was forwarded something.
  const others = [...course.net.network.hosts.values()].filter(h => h !== course.net.router && h !== host);
  const got = others.flatMap(h => h.stack.got)[0];
  const quoted = got?.quoted;
  return checkFields('expect', expect, {
    forwarded: (value: boolean) => expectSame('forwarded', value, got !== undefined),
    forwardedTo: (value: string) => expectSame('forwardedTo', value, got?.dst),
    sourceSeen: (value: string) => expectSame('sourceSeen', value, got?.src),
    type: (value: number) => expectSame('type', value, got?.icmpType),
    code: (value: number) => expectSame('code', value, got?.icmpCode),
    innerSource: (value: string) => expectSame('innerSource', value, quoted && place(quoted.src, quoted.sport, value)),
    innerDst: (value: string) => expectSame('innerDst', value, quoted && place(quoted.dst, quoted.dport, value)),
    checksumsValid: (value: boolean) => {
      if (!got || !quoted) return failed('checksumsValid: nothing was forwarded');
      return all([expectSame('checksums', value, got.sumsHold && quoted.sumsHold), sameTransport(attempt, quoted)]);
    },
  });
}

/**
 * What was translated back is what was sent, its transport checksum too. Of a TCP header that is cut off, Linux leaves the checksum as it
 * stands (`tcp_manip_pkt`).
 */
function sameTransport({ packet }: Attempt, quoted: Sight): Verdict {
  const l4 = (quoted.bytes[0]! & 15) << 2;
  if (quoted.bytes.length < l4 + (quoted.protocol === 6 ? 20 : 8)) return passed;
  return expectSame('inner transport', [...packet.bytes.subarray(20, 20 + quoted.bytes.length - l4)], [...quoted.bytes.subarray(l4)]);
}

export const gvisorRouterNat = defineSet<Case, File>('gvisor/router-nat', check);
