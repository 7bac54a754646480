/**
 * rfc/nat-behaviour: what the RFCs ask of a NAT. A requirement is in words, so each has its own check here; where Linux does otherwise,
 * the check asks for what Linux does.
 */
import { all, refuseUnknown } from '../fields.ts';
import type { Attempt } from '../net/attempt.ts';
import { atFragmentOffset, icmp, udp } from '../net/craft.ts';
import { INSIDE, NatBench, OUTSIDE } from '../net/nat-bench.ts';
import { defineSet, expectSame, failed, passed, unsupported, type Verdict } from '../set.ts';

interface Case {
  readonly id: string;
  readonly requirement: string;
  readonly linux?: string;
}

const [A, B] = INSIDE.hosts;
const [SERVER, OTHER] = OUTSIDE.servers;
const holds = (what: string, value: boolean): Verdict => (value ? passed : failed(what));
const portOf = (place: string | undefined): number => Number(place?.split(':')[1] ?? -1);

const checks: Readonly<Record<string, () => Verdict>> = {
  'rfc4787-req-1': () => {
    const bench = new NatBench();
    const ports = { from: A, sport: 4000 };
    const first = bench.mapped(bench.send({ ...ports, to: SERVER, dport: 1000 }));
    return all([
      expectSame('mapping', `${OUTSIDE.router}:4000`, first),
      expectSame('to another port', first, bench.mapped(bench.send({ ...ports, to: SERVER, dport: 1001 }))),
      expectSame('to another host', first, bench.mapped(bench.send({ ...ports, to: OTHER, dport: 1000 }))),
    ]);
  },
  'rfc4787-req-3': () => all(['udp'].flatMap(protocol => [100, 700, 4000].map(sport => neverShared(protocol, sport)))),
  'rfc5382-req-7': () => all([100, 700, 4000].map(sport => neverShared('tcp', sport))),
  'rfc4787-req-5': () => {
    const alone = new NatBench().silence(true);
    const unanswered = alone.send({ from: A, to: SERVER, sport: 4000 });
    const forgotten = [
      holds('unanswered: forgotten before 30 s', alone.after(29).knows(unanswered)),
      holds('unanswered: kept past 30 s', !alone.after(2).knows(unanswered)),
    ];
    const stream = new NatBench();
    let answered = stream.send({ from: A, to: SERVER, sport: 4000 });
    // A stream is what goes on after two seconds.
    answered = stream.after(3) && stream.send({ from: A, to: SERVER, sport: 4000 });
    return all([
      ...forgotten,
      holds('stream: forgotten before 120 s', stream.after(119).knows(answered)),
      holds('stream: kept past 120 s', !stream.after(2).knows(answered)),
    ]);
  },
  'rfc4787-req-8': () => {
    const bench = new NatBench().silence(true);
    bench.send({ from: A, to: SERVER, sport: 4000, dport: 1000 });
    const back = { to: OUTSIDE.router, dport: 4000 };
    const inside = (attempt: Attempt): boolean => attempt.arrivals(bench.net.network).some(a => a.host.name === A);
    return all([
      holds('another host is let in', !inside(bench.send({ ...back, from: OTHER, sport: 1000 }))),
      holds('another port is let in', !inside(bench.send({ ...back, from: SERVER, sport: 1001 }))),
      holds('the answer is kept out', inside(bench.send({ ...back, from: SERVER, sport: 1000 }))),
    ]);
  },
  'rfc5382-req-8': () => {
    const bench = new NatBench([
      '*nat',
      `-A PREROUTING -d ${OUTSIDE.router} -p tcp --dport 80 -j DNAT --to-destination ${B}:8080`,
      `-A POSTROUTING -s 10.0.0.0/24 -d 10.0.0.0/24 -j SNAT --to-source ${OUTSIDE.router}`,
    ]);
    const attempt = bench.send({ from: A, to: OUTSIDE.router, protocol: 'tcp', sport: 4000, dport: 80 });
    return all([
      expectSame('connection', 'connected', attempt.connection?.state),
      expectSame('the receiver sees', `${OUTSIDE.router}:4000`, bench.mapped(attempt)),
    ]);
  },
  'rfc4787-req-10': () => {
    const bench = new NatBench().silence(true);
    const words = new TextEncoder().encode(`INVITE sip:x SIP/2.0\r\nContact: <sip:a@${A}:5060>\r\n`);
    bench.raw(A, udp({ src: A, dst: SERVER, sport: 5060, dport: 5060, data: words }));
    return expectSame('payload', [...words], [...(bench.host(SERVER).stack.got[0]?.payload ?? [])]);
  },
  'rfc4787-req-12': () => survivesError('udp'),
  'rfc5382-req-10': () => survivesError('tcp'),
  'rfc4787-req-14': () => all([fragments(false), fragments(true)]),
  'rfc5382-req-5': () => {
    const bench = new NatBench();
    const open = bench.send({ from: A, to: SERVER, protocol: 'tcp', sport: 4000 });
    const established = [
      expectSame('connection', 'connected', open.connection?.state),
      holds('established: forgotten after 2 h 4 min', bench.after(7440).knows(open)),
      holds('established: forgotten before 5 days', bench.after(432_000 - 7441).knows(open)),
      holds('established: kept past 5 days', !bench.after(2).knows(open)),
    ];
    const half = new NatBench().silence(true);
    const syn = half.send({ from: A, to: SERVER, protocol: 'tcp', sport: 4000 });
    return all([
      ...established,
      holds('SYN_SENT: forgotten before 120 s', half.after(119).knows(syn)),
      holds('SYN_SENT: kept past 120 s', !half.after(2).knows(syn)),
    ]);
  },
  'rfc5382-req-4': () =>
    unsupported('Linux does not wait: a SYN to a closed port of the router is answered by a reset at once, and so it is here'),
  'rfc5508-req-2': () => {
    const bench = new NatBench();
    const query = bench.send({ from: A, to: SERVER, protocol: 'icmp-echo' });
    return all([
      holds('no answer', query.answers().length === 1),
      holds('forgotten before 30 s', bench.after(29).knows(query)),
      holds('kept past 30 s', !bench.after(2).knows(query)),
    ]);
  },
  'rfc5508-req-4': () => {
    const bench = new NatBench().silence(true);
    const attempt = bench.send({ from: A, to: SERVER, sport: 4000 });
    const seen = bench.seen(attempt)!;
    bench.raw(OTHER, errorAbout(OTHER, seen.bytes));
    const got = bench.host(A).stack.got[0];
    const stranger = udp({ src: OUTSIDE.router, dst: SERVER, sport: 4001, dport: 5432, data: new Uint8Array(8) });
    bench.raw(OTHER, errorAbout(OTHER, stranger));
    return all([
      expectSame('source', OTHER, got?.src),
      expectSame('destination', A, got?.dst),
      expectSame('inner packet', [...attempt.bytes.subarray(12)], [...(got?.quoted?.bytes.subarray(12) ?? [])]),
      holds('a checksum is wrong', got?.sumsHold === true && got.quoted?.sumsHold === true),
      holds('an error about no mapping was forwarded', bench.host(A).stack.got.length === 0),
    ]);
  },
  'rfc5508-req-6': () => {
    const bench = new NatBench().silence(true);
    const query = bench.send({ from: A, to: SERVER, protocol: 'icmp-echo' });
    const seen = bench.seen(query)!;
    bench.after(20).raw(OTHER, errorAbout(OTHER, seen.bytes));
    return all([
      holds('the error was not forwarded', bench.host(A).stack.got.length === 1),
      holds('deleted', bench.knows(query)),
      holds('refreshed', !bench.after(11).knows(query)),
    ]);
  },
  'rfc5508-req-9': () => {
    const masquerade = ['*nat', '-A POSTROUTING -o out0 -j MASQUERADE'];
    const errors = (rules: readonly string[]): number => {
      const bench = new NatBench([...masquerade, ...rules]);
      bench.raw(A, udp({ src: A, dst: SERVER, sport: 4000, dport: 5432, ttl: 1, data: new Uint8Array(8) }));
      return bench.host(A).stack.got.length;
    };
    return all([
      expectSame('errors without a policy', 1, errors([])),
      expectSame('errors with one', 0, errors(['*filter', '-A OUTPUT -o in0 -p icmp --icmp-type time-exceeded -j DROP'])),
      expectSame('errors with one for another interface', 1, errors(['*filter', '-A OUTPUT -o out0 -p icmp -j DROP'])),
    ]);
  },
};

/** Two hosts use one port towards one target: they are told apart, and stay in the port's class (`nf_nat_l4proto_unique_tuple`). */
function neverShared(protocol: string, sport: number): Verdict {
  const bench = new NatBench().silence(true);
  const [low, high] = sport < 512 ? [1, 511] : sport < 1024 ? [600, 1023] : [1024, 65_535];
  const first = portOf(bench.mapped(bench.send({ from: A, to: SERVER, protocol, sport })));
  const second = portOf(bench.mapped(bench.send({ from: B, to: SERVER, protocol, sport })));
  return all([
    expectSame('first port', sport, first),
    holds(`both have port ${first}`, second !== first),
    holds(`${protocol} ${sport}: ${second} is not in ${low}..${high}`, second >= low! && second <= high!),
  ]);
}

const errorAbout = (from: string, packet: Uint8Array): Uint8Array =>
  icmp({ src: from, dst: OUTSIDE.router, type: 3, code: 1, rest: 0, data: packet.slice(0, 548) });

/** After an error the answer still comes through. */
function survivesError(protocol: string): Verdict {
  const bench = new NatBench();
  const before = bench.send({ from: A, to: SERVER, protocol, sport: 4000 });
  const seen = bench.seen(before)!;
  bench.raw(OTHER, errorAbout(OTHER, seen.bytes));
  const told = bench.host(A).stack.got.some(p => p.quoted !== undefined);
  const after = bench.knows(before);
  const back = bench.silence(true).send({ from: SERVER, to: OUTSIDE.router, protocol: 'udp', sport: 5432, dport: 4000 });
  const udpBack = protocol !== 'udp' || back.arrivals(bench.net.network).some(a => a.host.name === A);
  return all([
    holds('the error did not come through', told),
    holds('the mapping has ended', after),
    holds('the answer is kept out', udpBack),
  ]);
}

/** Both fragments leave with the mapped address, and the first one with the mapped port. */
function fragments(reversed: boolean): Verdict {
  const bench = new NatBench().silence(true);
  const whole = udp({ src: A, dst: SERVER, sport: 4000, dport: 5432, data: new Uint8Array(64).fill(7) });
  const pair = [cut(whole, 0, 40), cut(whole, 40, whole.length - 20)];
  bench.raw(A, ...(reversed ? pair.reverse() : pair));
  const out = bench.net.sentOn('out0').sort((a, b) => a.fragmentOffset - b.fragmentOffset);
  const bytes = out.reduce((sum, p) => sum + p.length - 20, 0);
  return all([
    expectSame('source port', 4000, out[0]?.sport),
    expectSame('sources', [OUTSIDE.router], [...new Set(out.map(p => p.src))]),
    expectSame('bytes', whole.length - 20, bytes),
  ]);
}

/** Bytes [from, to) behind the header as a fragment. */
function cut(packet: Uint8Array, from: number, to: number): Uint8Array {
  const more = to < packet.length - 20;
  const b = Uint8Array.from([...packet.subarray(0, 20), ...packet.subarray(20 + from, 20 + to)]);
  b[2] = b.length >> 8;
  b[3] = b.length;
  return atFragmentOffset(b, from, more);
}

function check(c: Case): Verdict {
  const stranger = refuseUnknown('case', c, ['requirement', 'linux']);
  if (stranger) return stranger;
  return checks[c.id]?.() ?? unsupported(`no check for: ${c.requirement}`);
}

export const natBehaviour = defineSet<Case>('rfc/nat-behaviour', check);
