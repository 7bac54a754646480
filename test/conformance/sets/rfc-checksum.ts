/** rfc/checksum: the Internet checksum, in full and after a change. */
import { parseIpv4 } from '../../../src/base/address.ts';
import { dissect } from '../../../src/capture/layers.ts';
import * as checksum from '../../../src/wire/checksum.ts';
import { defineSet, expectSame, failed, passed, unsupported, type Verdict } from '../set.ts';

interface Step {
  readonly old: string;
  readonly new: string;
  readonly checksum: string;
}
interface Case {
  readonly id: string;
  readonly topic: 'incremental-update' | 'full-checksum' | 'udp-checksum';
  readonly oldChecksum?: string;
  readonly oldWord?: string;
  readonly newWord?: string;
  readonly newChecksum?: string;
  readonly headerBefore?: string;
  readonly steps?: readonly (Step & { readonly offset: number })[];
  readonly fullRecompute?: string;
  readonly bytesHex?: string;
  readonly onesComplementSum?: string;
  readonly checksum?: string;
}

const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'));
const word = (n: number): string => `0x${n.toString(16).padStart(4, '0')}`;
const firstFailure = (verdicts: readonly Verdict[]): Verdict => verdicts.find(v => v.kind !== 'passed') ?? passed;

function full(c: Case): Verdict {
  const b = bytes(c.bytesHex!);
  const sum = word(checksum.fold(checksum.add(0, b, 0, b.length)));
  return firstFailure([
    c.onesComplementSum === undefined ? passed : expectSame('sum', c.onesComplementSum, sum),
    expectSame('checksum', c.checksum, word(checksum.of(b, 0, b.length))),
  ]);
}

function incremental(c: Case): Verdict {
  if (c.steps === undefined) {
    return expectSame('checksum', c.newChecksum, word(checksum.update16(Number(c.oldChecksum), Number(c.oldWord), Number(c.newWord))));
  }
  let sum = Number(c.oldChecksum);
  const verdicts = c.steps.map(step => {
    sum = checksum.update16(sum, Number(step.old), Number(step.new));
    return expectSame(`after offset ${step.offset}`, step.checksum, word(sum));
  });
  // Both words at once, as NAT changes an address: they stand behind each other.
  const [high, low] = c.steps;
  const at32 = (key: 'old' | 'new'): number => (Number(high![key]) << 16) | Number(low![key]);
  verdicts.push(expectSame('as one address', c.fullRecompute, word(checksum.update32(Number(c.oldChecksum), at32('old'), at32('new')))));
  return firstFailure([...verdicts, expectSame('computed anew', c.fullRecompute, word(sum))]);
}

/** What a receiver reads out of a header does not depend on this project's families: IPv4 alone is spoken. */
function rule(c: Case): Verdict {
  if (c.id === 'udp-over-ipv6-needs-checksum') return unsupported('IPv6 is not spoken');
  if (c.id === 'icmp-error-both-headers') return translatedError();
  return failed(`no such rule here: ${c.id}`);
}

/** An ICMP error that quotes a datagram, with the quoted source translated by the incremental setters: all three sums must hold. */
function translatedError(): Verdict {
  const frame = bytes(
    '02000000000a02000000000b080045c0003fbefe00004001c997c0a8380cc0a8380b0303ee850000000045000023c8fa400040118067c0a8380bc0a8380cbd22270f000f83eb6b756265686f70',
  );
  const [outer, icmp, inner] = [14, 34, 42];
  const from = parseIpv4('192.168.56.11');
  const to = parseIpv4('10.244.1.5');
  const view = new DataView(frame.buffer);
  const set32 = (at: number, sumAt: number, v: number): void => {
    view.setUint16(sumAt, checksum.update32(view.getUint16(sumAt), view.getInt32(at), v));
    view.setInt32(at, v);
  };
  const innerSumBefore = view.getUint16(inner + 10);
  set32(inner + 12, inner + 10, to);
  // ICMP covers the quoted header: its address, and the checksum that has changed with it.
  let sum = checksum.update32(view.getUint16(icmp + 2), from, to);
  sum = checksum.update16(sum, innerSumBefore, view.getUint16(inner + 10));
  view.setUint16(icmp + 2, sum);
  set32(outer + 16, outer + 10, to);
  const states = dissect(frame).layers.flatMap(l => (l.layer === 'ipv4' ? [l.headerChecksum] : l.layer === 'icmp' ? [l.checksum] : []));
  return firstFailure([
    expectSame('outer IP and ICMP', ['good', 'good'], states),
    expectSame('inner IP', true, checksum.holds(0, frame, inner, inner + 20)),
  ]);
}

export const rfcChecksum = defineSet<Case>('rfc/checksum', c =>
  c.topic === 'full-checksum' ? full(c) : c.topic === 'incremental-update' ? incremental(c) : rule(c),
);
