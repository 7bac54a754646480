// A real download never looks the same twice: what may differ must not be found, and what is broken must be.
import { describe, expect, test } from 'vitest';
import { compareConversation } from '../../../src/capture/compare/conversation.ts';
import { diffJson, diffText } from '../../../src/capture/compare/print.ts';
import type { Run } from '../../../src/capture/compare/result.ts';
import * as ipv4 from '../../../src/wire/ipv4.ts';
import { captured, type Described, packetBytes, text } from '../support/frames.ts';
import { chosenByKernel, chosenByUserspace, hops, runOf, type Sent, type Spoil } from '../support/node-port-path.ts';

const request = text('GET / HTTP/1.1\r\nHost: web\r\n\r\n');
const answer = (date: string, port: number): Uint8Array =>
  text(`HTTP/1.1 200 OK\r\nDate: ${date} GMT\r\n\r\nyou are 10.244.1.0:${port}, and this is the body`);

/** A connection; the answer in pieces of `cut` bytes. */
function download(body: Uint8Array, cut: number, extra: readonly Sent[] = []): Sent[] {
  const sent: Sent[] = [
    { by: 'client', flags: 0x02 },
    { by: 'server', flags: 0x12, ack: 1 },
    { by: 'client', flags: 0x10, seq: 1, ack: 1 },
    { by: 'client', flags: 0x18, seq: 1, ack: 1, payload: request },
  ];
  const end = 1 + request.length;
  for (let at = 0; at < body.length; at += cut)
    sent.push({ by: 'server', flags: 0x18, seq: 1 + at, ack: end, payload: body.subarray(at, at + cut) });
  sent.push(...extra);
  sent.push({ by: 'server', flags: 0x11, seq: 1 + body.length, ack: end });
  sent.push({ by: 'client', flags: 0x11, seq: end, ack: 2 + body.length });
  sent.push({ by: 'server', flags: 0x10, seq: 2 + body.length, ack: end + 1 });
  return sent;
}

const echo: Described = {
  srcMac: '',
  dstMac: '',
  src: '10.244.1.2',
  srcPort: 0,
  dst: '10.244.2.2',
  dstPort: 0,
  ttl: 64,
  id: 9,
  protocol: 'icmp-error',
  seq: 0,
  ack: 0,
  flags: 0,
  payload: new Uint8Array(0),
};
const bodyU = answer('Fri, 20 Nov 2026 09:00:00', chosenByUserspace.clientPort);
const bodyK = answer('Fri, 20 Nov 2026 09:00:07', chosenByKernel.clientPort);
const kernel = () => runOf(download(bodyK, 1000), chosenByKernel);
const compareWith = (spoil?: Spoil, sent: readonly Sent[] = download(bodyU, 1000)) =>
  compareConversation(runOf(sent, chosenByUserspace, spoil), kernel(), { hops });
const first = (spoil: Spoil) => {
  const d = compareWith(spoil).differences[0];
  return d && [d.hop, d.field, d.userspace, d.kernel];
};

describe('the conversation comparison', () => {
  test('finds two downloads the same though ports, numbers, dates and segments differ', () => {
    const acks: readonly Sent[] = [
      { by: 'client', flags: 0x10, seq: 1 + request.length, ack: 20 },
      { by: 'server', flags: 0x18, seq: 1, ack: 1 + request.length, payload: bodyU.subarray(0, 30) }, // again
    ];
    const c = compareWith(undefined, download(bodyU, 17, acks));
    expect(c.differences).toEqual([]);
    expect(c.same).toBe(true);
    expect(c.compared).toMatchObject({ hops: 8, flows: 1 });
    const counted = new Map(c.ignored.map(i => [i.what, [i.userspace, i.kernel]]));
    expect(counted.get('HTTP Date')).toEqual([10, 10]);
    expect(counted.get('port in the payload')).toEqual([10, 10]);
    expect(counted.get('retransmissions')![0]).toBe(10);
    expect(counted.get('pure ACKs')).toEqual([30, 20]);
    expect(counted.get('segmentation')![0]).toBeGreaterThan(counted.get('segmentation')![1]!);
  });

  test('finds a TTL that a node did not take from', () => {
    expect(first(s => (s.hop === 'node2/cni0' && s.direction === 'out' ? { ...s, frame: { ...s.frame, ttl: 63 } } : s))).toEqual([
      'node2/cni0',
      'ipv4.ttl',
      '63',
      '62',
    ]);
  });

  test('finds a skipped masquerade', () => {
    const spoil: Spoil = s => ({
      ...s,
      frame: {
        ...s.frame,
        src: s.frame.src === '10.244.1.0' ? '203.0.113.9' : s.frame.src,
        dst: s.frame.dst === '10.244.1.0' ? '203.0.113.9' : s.frame.dst,
      },
    });
    const c = compareWith(spoil);
    expect(c.differences[0]).toMatchObject({ hop: 'node1/flannel.1', field: 'ipv4.src', userspace: '203.0.113.9', kernel: '10.244.1.0' });
    expect(c.differences.some(d => d.hop === 'pod-b/eth0' && d.field === 'ipv4.src' && d.repeats === 'node1/flannel.1')).toBe(true);
  });

  test('finds a missing envelope', () => {
    const c = compareWith(s => (s.hop === 'node2/eth0' && s.direction === 'in' ? { ...s, frame: { ...s.frame, envelope: undefined } } : s));
    expect(c.differences).toMatchObject([{ hop: 'node2/eth0', field: 'encapsulation', userspace: 'none', kernel: 'vxlan' }]);
  });

  test('finds an envelope with another network identifier', () => {
    const c = compareWith(s =>
      s.hop === 'node2/eth0' && s.frame.envelope ? { ...s, frame: { ...s.frame, envelope: { ...s.frame.envelope, vni: 2 } } } : s,
    );
    expect(c.differences.map(d => [d.hop, d.field])).toEqual([
      ['node2/eth0', 'vxlan.vni'],
      ['node2/eth0', 'vxlan.vni'],
    ]);
  });

  test('finds a direction that a hop never saw', () => {
    const c = compareWith(s => (s.hop === 'node1/flannel.1' && s.direction === 'in' ? undefined : s));
    expect(c.differences).toMatchObject([{ hop: 'node1/flannel.1', field: 'packet', userspace: null }]);
    expect(c.differences[0]!.flow).toContain('reply');
  });

  test('finds one of two appearances missing, and takes the other for what it is', () => {
    const c = compareWith(s => (s.hop === 'lan0' && s.frame.envelope === undefined ? undefined : s));
    expect(c.differences.map(d => [d.hop, d.field])).toEqual([
      ['lan0', 'packet'],
      ['lan0', 'packet'],
    ]);
  });

  test('finds the MAC of another interface', () => {
    const got = first(s =>
      s.hop === 'node1/eth0' && s.frame.envelope && s.direction === 'out'
        ? { ...s, frame: { ...s.frame, envelope: { ...s.frame.envelope, dstMac: '02:00:00:00:00:11' } } }
        : s,
    );
    expect(got).toEqual(['node1/eth0', 'outer.ethernet.dst', '02:00:00:00:00:11 (node1/eth0)', '02:00:00:00:00:12 (node2/eth0)']);
  });

  test('finds changed bytes though all lengths agree', () => {
    const spoiled = Uint8Array.from(bodyU);
    spoiled[bodyU.length - 1] = 0x21;
    const c = compareWith(undefined, download(spoiled, 1000));
    expect(c.differences[0]).toMatchObject({ hop: 'pod-b/eth0', field: 'payload.hash' });
  });

  test('finds bytes that never came', () => {
    const c = compareWith(s => (s.packet === 4 && s.hop === 'client/eth0' ? undefined : s));
    expect(c.differences.map(d => [d.hop, d.field])).toEqual([
      ['client/eth0', 'payload.missing'],
      ['client/eth0', 'payload.length'],
      ['client/eth0', 'payload.hash'],
    ]);
  });

  test('finds a connection that is reset in place of being closed', () => {
    const c = compareWith(s => (s.frame.flags === 0x11 && s.frame.payload.length === 0 ? { ...s, frame: { ...s.frame, flags: 0x14 } } : s));
    expect(c.differences.slice(0, 2).map(d => [d.hop, d.field, d.userspace, d.kernel])).toEqual([
      ['client/eth0', 'tcp.fin', false, true],
      ['client/eth0', 'tcp.rst', true, false],
    ]);
  });

  test('finds a port that one run keeps and the other changes', () => {
    const c = compareWith(s =>
      s.frame.src === '10.244.1.0'
        ? { ...s, frame: { ...s.frame, srcPort: 1024 } }
        : s.frame.dst === '10.244.1.0'
          ? { ...s, frame: { ...s.frame, dstPort: 1024 } }
          : s,
    );
    expect(c.differences[0]).toMatchObject({ hop: 'node1/flannel.1', field: 'l4.srcPort', userspace: 1024, kernel: 51_234 });
  });

  test('finds an extra datagram', () => {
    const question: readonly Sent[] = [{ by: 'client', protocol: 'udp', payload: text('question') }];
    const twice: Spoil = s => (s.hop === 'pod-b/eth0' ? [s, s] : s);
    const c = compareConversation(runOf(question, chosenByUserspace, twice), runOf(question, chosenByKernel), { hops });
    expect(c.differences[0]).toEqual({
      hop: 'pod-b/eth0',
      flow: 'udp 203.0.113.9:51234 > 192.168.56.11:30080, original',
      field: 'packets',
      userspace: 2,
      kernel: 1,
    });
  });

  test('finds a connection that only one run has', () => {
    const other = runOf([{ by: 'client', flags: 0x02 }], { ...chosenByUserspace, clientIsn: 5, clientPort: 40_001 });
    const run = runOf(download(bodyU, 1000), chosenByUserspace);
    const both = new Map([...run.hops].map(([hop, frames]) => [hop, [...frames, ...other.hops.get(hop)!]]));
    const c = compareConversation({ ...run, hops: both }, kernel(), { hops });
    expect(c.differences).toMatchObject([
      { hop: 'client/eth0', field: 'flow', userspace: 'tcp 203.0.113.9:40001 > 192.168.56.11:30080', kernel: null },
    ]);
  });

  test('finds a datagram that was cut into other fragments', () => {
    const fragment = (run: typeof userspaceRun, offset: number, length: number) => {
      const frames = run.hops.get('pod-b/eth0')!;
      const b = Uint8Array.from(frames[0]!.bytes).subarray(0, 34 + length);
      ipv4.setTotalLength(b, 14, 20 + length);
      ipv4.setFragmentWord(b, 14, offset >> 3);
      return captured('pod-b/eth0', 'in', frames[0]!.timeNs + 1n, b);
    };
    const whole: readonly Sent[] = [{ by: 'client', protocol: 'udp', payload: text('x'.repeat(64)) }];
    const userspaceRun = runOf(whole, chosenByUserspace);
    const kernelRun = runOf(whole, chosenByKernel);
    const withFragment = (run: typeof userspaceRun, offset: number) => ({
      ...run,
      hops: new Map(run.hops).set('pod-b/eth0', [...run.hops.get('pod-b/eth0')!, fragment(run, offset, 24)]),
    });
    expect(compareConversation(withFragment(userspaceRun, 1400), withFragment(kernelRun, 1400), { hops }).differences).toEqual([]);
    expect(compareConversation(withFragment(userspaceRun, 1376), withFragment(kernelRun, 1400), { hops }).differences).toMatchObject([
      { hop: 'pod-b/eth0', field: 'fragments', userspace: '1376+44', kernel: '1400+44' },
    ]);
  });

  test('does not compare the clock that ping sends, nor the identifier of its echoes; fragments behind the first belong to no flow', () => {
    const ping = (seconds: number, id: number, last: number): Run => {
      const packet = packetBytes({ ...echo, payload: Uint8Array.from([...new Uint8Array(16), ...text('the same in both'), last]) });
      const view = new DataView(packet.buffer);
      packet[20] = 8; // an echo request
      view.setUint16(24, id);
      view.setUint32(28, seconds, true);
      const pieces = [packet, Uint8Array.from(packet)];
      ipv4.setFragmentWord(pieces[1]!, 0, 1400 >> 3);
      return {
        hops: new Map([
          ['pod-a/eth0', pieces.map((bytes, i) => ({ ...captured('pod-a/eth0', 'out', BigInt(2 - i), bytes), linkType: 101 }))],
        ]),
      };
    };
    const compare = (a: Run, b: Run) => compareConversation(a, b, { hops: ['pod-a/eth0'] });
    const same = compare(ping(1_800_000_000, 7, 1), ping(1_800_000_009, 8, 1));
    expect([same.compared.flows, same.differences]).toEqual([1, []]);
    expect(same.ignored).toContainEqual(expect.objectContaining({ what: "ping's clock", userspace: 1, kernel: 1 }));
    expect(compare(ping(1_800_000_000, 7, 1), ping(1_800_000_000, 7, 2)).differences).toMatchObject([{ field: 'payload.hash' }]);
  });

  test('does not call two empty captures the same', () => {
    expect(compareConversation(runOf([], chosenByUserspace), runOf([], chosenByKernel), { hops }).same).toBe(false);
  });

  test('keeps two connections with the same tuple apart', () => {
    const later = (s: Sent): Sent => ({ ...s, seq: (s.seq ?? 0) + 5_000_000, ...(s.ack === undefined ? {} : { ack: s.ack + 5_000_000 }) });
    const twice = (body: Uint8Array): Sent[] => [...download(body, 1000), ...download(body, 1000).map(later)];
    const c = compareConversation(runOf(twice(bodyU), chosenByUserspace), runOf(twice(bodyK), chosenByKernel), { hops });
    expect(c.compared.flows).toBe(2);
    expect(c.differences).toEqual([]);
  });
});

describe('a comparison in print', () => {
  test('shows both values, marks what repeats and lists what was left out', () => {
    const c = compareWith(s => (s.hop === 'node2/cni0' && s.direction === 'out' ? { ...s, frame: { ...s.frame, ttl: 63 } } : s));
    const printed = diffText([c]);
    expect(printed).toContain('conversation: 1 differences');
    expect(printed).toContain('node2/cni0: ipv4.ttl\n      userspace: 63\n      kernel:    62');
    expect(printed).toContain('pure ACKs (20, 20): their number depends on time');
    expect(JSON.parse(diffJson([c]))).toMatchObject({ schema: 'kubehop-diff/1', same: false });
  });
});
