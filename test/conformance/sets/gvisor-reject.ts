/** gvisor/reject: what REJECT sends, by hook. Tried on a router with sockets of its own and on one without. */
import { all, checkFields, refuseUnknown } from '../fields.ts';
import { Attempt } from '../net/attempt.ts';
import { atFragmentOffset, tcp } from '../net/craft.ts';
import { protocolOf } from '../net/protocol.ts';
import { loadRules } from '../net/rules.ts';
import type { Sight } from '../net/sight.ts';
import { RouterNetwork, type TwoNetworks } from '../net/two-networks.ts';
import { type ConformanceFile, defineSet, expectSame, failed, unsupported, type Verdict } from '../set.ts';

interface Send {
  readonly from: string;
  readonly protocol: string;
  readonly dst: string;
  readonly sport?: number;
  readonly dport?: number;
  /** TCP. */
  readonly flags?: string;
  readonly seq?: number;
  readonly ack?: number;
  readonly payload?: number;
  readonly fragmentOffsetBytes?: number;
}
interface Case {
  readonly id: string;
  readonly rule?: string;
  readonly rules?: readonly string[];
  readonly send: Send;
  readonly expect: Readonly<Record<string, unknown>>;
  readonly linuxExpect?: Readonly<Record<string, unknown>>;
}
type File = ConformanceFile<Case> & TwoNetworks;

const SEND = ['from', 'protocol', 'dst', 'sport', 'dport', 'flags', 'seq', 'ack', 'payload', 'fragmentOffsetBytes'];
const KNOWN = ['rule', 'rules', 'send', 'expect', 'linuxDiffers', 'linuxExpect'];

function check(c: Case, file: File): Verdict {
  const stranger = refuseUnknown('case', c, KNOWN) ?? refuseUnknown('send', c.send, SEND);
  if (stranger) return stranger;
  return all([tryOn(c, new RouterNetwork(file, { sockets: true })), tryOn(c, new RouterNetwork(file, { sockets: false }))]);
}

function tryOn(c: Case, net: RouterNetwork): Verdict {
  const { network, router } = net;
  const refused = loadRules([...(c.rule === undefined ? [] : [c.rule]), ...(c.rules ?? [])], () => router, failed);
  if (refused) return refused;
  const host = net.hostAt(c.send.from);
  if (!host) return unsupported(`no host can have the address ${c.send.from}`);
  net.hostAt(c.send.dst);
  const bytes = packetOf(c.send, host);
  if (!(bytes instanceof Uint8Array)) return bytes;
  network.begin();
  network.send({ host, bytes });
  const verdict = checkFields('expect', c.linuxExpect ?? c.expect, checksOf(net, host.stack.got));
  return network.faults.length > 0 ? failed(network.faults[0]!) : verdict;
}

function packetOf(send: Send, host: Attempt['host']): Uint8Array | Verdict {
  const what = protocolOf(send.protocol);
  if (!what) return unsupported(`protocol "${send.protocol}"`);
  const { sport = 4096, dport = 8080, flags = 'S', seq, ack, payload } = send;
  const ends = { src: send.from, dst: send.dst, sport, dport };
  const packet =
    what.number === 6
      ? tcp({ ...ends, dontFragment: false, flags, seq: seq ?? 100, ack: ack ?? 0, data: new Uint8Array(payload ?? 0) })
      : new Attempt(host, { what, src: send.from, dst: send.dst, sport, dport, ...(payload === undefined ? {} : { payload }) }).bytes;
  const offset = send.fragmentOffsetBytes ?? 0;
  return offset === 0 ? packet : atFragmentOffset(packet, offset);
}

/** @param got what came to the sender's sockets */
function checksOf(net: RouterNetwork, got: readonly Sight[]): Record<string, (value: never) => Verdict> {
  // An error towards the router itself leaves by no interface, but is looked for wherever it would be seen.
  const sent = net.network.wire.filter(w => w.from === net.router.name).map(w => w.packet);
  const error = sent.find(p => p.quoted);
  const reset = sent.find(p => p.flags.includes('R'));
  const answer = error ?? reset;
  const of = (what: string, read: (p: Sight) => unknown) => (value: unknown) =>
    answer ? expectSame(what, value, read(answer)) : failed(`${what}: nothing was sent in answer`);
  const checks: Record<string, (value: never) => Verdict> = {
    icmpType: of('icmpType', p => p.icmpType),
    icmpCode: of('icmpCode', p => p.icmpCode),
    sourceIP: of('sourceIP', p => p.src),
    dstIP: of('dstIP', p => p.dst),
    innerSrcDst: of('innerSrcDst', p => p.quoted && [p.quoted.src, p.quoted.dst]),
    checksumValid: of('checksumValid', p => p.sumsHold && (p.quoted?.sumsHold ?? true)),
    reset: (value: boolean) =>
      expectSame(
        'reset',
        value,
        got.some(p => p.flags.includes('R')),
      ),
    flags: (value: string) => of('flags', p => sorted(p.flags))(sorted(value) as never),
    seq: of('seq', p => p.seq),
    ack: of('ack', p => p.ack),
    delivered: (value: boolean) =>
      expectSame(
        'delivered',
        value,
        net.network.wire.some(w => w.from === net.router.name && !w.packet.quoted && !w.packet.flags.includes('R')),
      ),
  };
  for (const i of net.router.spec.interfaces) {
    const seen = net.sentOn(i.name).some(p => p.quoted !== undefined);
    checks[`icmpErrorSeenOn${i.name[0]!.toUpperCase()}${i.name.slice(1)}`] = (value: boolean) =>
      expectSame(`ICMP error on ${i.name}`, value, seen);
  }
  return checks;
}

const sorted = (letters: string): string => [...letters].sort().join('');

export const gvisorReject = defineSet<Case, File>('gvisor/reject', check);
