// Broken data planes, one fault each: the comparison must find it, at the right hop and with the right field first.
import { describe, expect, test } from 'vitest';
import { compareProbe } from '../../../src/capture/compare/probe.ts';
import { captured, frameBytes, text } from '../support/frames.ts';
import { chosenByKernel, chosenByUserspace, hops, runOf, type Sent, type Spoil } from '../support/node-port-path.ts';

/** Injected: the lab fixes ids and sequence numbers, so they are the same in both runs; what nodes and the server choose is not. */
const injected = { clientPort: 40_000, clientIsn: 1000, id: 0x1000 };
const userspaceChosen = { ...chosenByUserspace, ...injected };
const kernelChosen = { ...chosenByKernel, ...injected };
const probe: readonly Sent[] = [
  { by: 'client', flags: 0x02 },
  { by: 'server', flags: 0x12, ack: 1 },
  { by: 'client', flags: 0x18, seq: 1, ack: 1, payload: text('GET / HTTP/1.1\r\n\r\n') },
];
const options = { hops, injectedAt: ['client/eth0'] };
const kernel = () => runOf(probe, kernelChosen, undefined, 1_800_000_000_000_000_000n);
const compareWith = (spoil: Spoil) => compareProbe(runOf(probe, userspaceChosen, spoil), kernel(), options);

describe('the probe comparison', () => {
  test('finds two equal runs the same, and says what it left out', () => {
    const c = compareWith(s => s);
    expect(c.differences).toEqual([]);
    expect(c.same).toBe(true);
    expect(c.compared).toMatchObject({ hops: 8, flows: 1, packets: 30 });
    expect(c.compared.fields).toBeGreaterThan(600);
    expect(c.ignored.map(i => i.what)).toEqual(
      expect.arrayContaining(['time', 'outer.udp.srcPort', 'tcp.seq', 'tcp.ack', 'MAC not pinned']),
    );
  });

  test('leaves out what routing daemons say meanwhile, and counts it', () => {
    const run = runOf(probe, userspaceChosen);
    const described = {
      srcMac: '02:00:c0:a8:38:0b',
      dstMac: '02:00:c0:a8:38:02',
      src: '192.168.56.11',
      dst: '192.168.56.2',
      ttl: 64,
      id: 9,
    };
    const bgp = frameBytes({
      ...described,
      protocol: 'tcp',
      srcPort: 40_179,
      dstPort: 179,
      seq: 1,
      ack: 1,
      flags: 0x18,
      payload: text('keepalive'),
    });
    const seen = captured('lan0', undefined, 1_700_000_000_000_000_001n, bgp);
    const c = compareProbe({ ...run, hops: new Map(run.hops).set('lan0', [...run.hops.get('lan0')!, seen]) }, kernel(), options);
    expect(c.same).toBe(true);
    expect(c.ignored.find(i => i.what === 'BGP')).toMatchObject({ userspace: 1, kernel: 0 });
  });

  test('finds a TTL that a node did not take from', () => {
    const c = compareWith(s => (s.packet === 0 && s.hop === 'node1/flannel.1' ? { ...s, frame: { ...s.frame, ttl: 64 } } : s));
    expect(c.differences).toMatchObject([
      { hop: 'node1/flannel.1', flow: 'tcp 203.0.113.9:40000 > 192.168.56.11:30080', field: 'ipv4.ttl', userspace: 64, kernel: 63 },
    ]);
  });

  test('finds a skipped masquerade at the first hop behind the node, and marks what follows from it', () => {
    const c = compareWith(s => (s.frame.src === '10.244.1.0' ? { ...s, frame: { ...s.frame, src: '203.0.113.9' } } : s));
    expect(c.differences[0]).toMatchObject({ hop: 'node1/flannel.1', field: 'ipv4.src', userspace: '203.0.113.9', kernel: '10.244.1.0' });
    // lan0 stands before the node in the path and sees its envelopes as well.
    expect(c.differences.find(d => d.hop === 'lan0')).toMatchObject({ field: 'ipv4.src', repeats: 'node1/flannel.1' });
    expect(new Set(c.differences.map(d => d.field))).toEqual(new Set(['ipv4.src']));
  });

  test('finds a missing envelope, and does not drown it in the fields of the envelope', () => {
    const bare: Spoil = s =>
      s.hop === 'node1/eth0' && s.frame.envelope && s.packet === 0 ? { ...s, frame: { ...s.frame, envelope: undefined } } : s;
    const c = compareWith(bare);
    expect(c.differences.map(d => [d.hop, d.field, d.userspace, d.kernel])).toEqual([['node1/eth0', 'encapsulation', 'none', 'vxlan']]);
  });

  test('finds a packet that was sent twice', () => {
    const c = compareWith(s => (s.packet === 2 && s.hop === 'node2/cni0' ? [s, s] : s));
    expect(c.differences).toMatchObject([{ hop: 'node2/cni0', field: 'packet', kernel: null }]);
    expect(c.differences[0]!.userspace).toContain('PSH,ACK, 18 bytes, TTL 62');
  });

  test('finds a packet that did not arrive', () => {
    const c = compareWith(s => (s.packet === 2 && s.hop === 'pod-b/eth0' ? undefined : s));
    expect(c.differences).toMatchObject([{ hop: 'pod-b/eth0', field: 'packet', userspace: null }]);
  });

  test('finds a hop that one run did not capture', () => {
    const run = runOf(probe, userspaceChosen);
    const without = { ...run, hops: new Map([...run.hops].filter(([hop]) => hop !== 'node2/flannel.1')) };
    const c = compareProbe(without, kernel(), options);
    expect(c.differences).toEqual([{ hop: 'node2/flannel.1', flow: '', field: 'hop', userspace: null, kernel: 'captured' }]);
  });

  test('lets the kernel of the injecting host choose what it sends after the frames of the lab', () => {
    const otherId: Spoil = s => (s.packet === 2 ? { ...s, frame: { ...s.frame, id: 0x2222 } } : s);
    expect(compareWith(otherId).differences[0]).toMatchObject({ field: 'ipv4.identification', userspace: 0x2222 });
    expect(compareProbe(runOf(probe, userspaceChosen, otherId), kernel(), { ...options, injected: 1 }).differences).toEqual([]);
  });

  test('finds the MAC of another interface', () => {
    const c = compareWith(s =>
      s.packet === 0 && s.hop === 'pod-b/eth0' ? { ...s, frame: { ...s.frame, srcMac: '02:00:00:00:00:12' } } : s,
    );
    expect(c.differences).toMatchObject([
      { hop: 'pod-b/eth0', field: 'ethernet.src', userspace: '02:00:00:00:00:12 (node2/eth0)', kernel: '0a:58:00:00:02:01 (node2/cni0)' },
    ]);
  });

  test('finds an unpinned MAC that is not used alike', () => {
    const c = compareWith(s =>
      s.packet === 2 && s.hop === 'node1/flannel.1' ? { ...s, frame: { ...s.frame, dstMac: '0e:cc:00:00:00:09' } } : s,
    );
    expect(c.differences).toMatchObject([{ hop: 'node1/flannel.1', field: 'ethernet.dst' }]);
  });

  test('finds a changed payload where it changed', () => {
    const spoiled = text('GET / HTTP/1.0\r\n\r\n');
    const c = compareWith(s =>
      s.packet === 2 && (s.hop === 'node2/cni0' || s.hop === 'pod-b/eth0') ? { ...s, frame: { ...s.frame, payload: spoiled } } : s,
    );
    expect(c.differences.map(d => [d.hop, d.field])).toEqual([
      ['node2/cni0', 'payload.hash'],
      ['pod-b/eth0', 'payload.hash'],
    ]);
  });

  test('finds an IP id of an injected packet that was rewritten', () => {
    const c = compareWith(s => (s.packet === 0 && s.hop === 'pod-b/eth0' ? { ...s, frame: { ...s.frame, id: 1 } } : s));
    expect(c.differences.map(d => [d.hop, d.field])).toEqual([['pod-b/eth0', 'ipv4.identification']]);
  });

  test('finds a source port that only one run has changed', () => {
    const spoil: Spoil = s => (s.packet === 0 && s.hop === 'pod-b/eth0' ? { ...s, frame: { ...s.frame, srcPort: 1024 } } : s);
    expect(compareWith(spoil).differences.map(d => [d.hop, d.field])).toEqual([['pod-b/eth0', 'tcp.srcPort']]);
  });

  test('allows a port that NAT chose in both runs, when it is used alike', () => {
    const masqueraded =
      (port: number): Spoil =>
      s => ({
        ...s,
        frame: {
          ...s.frame,
          ...(s.frame.src === '10.244.1.0' ? { srcPort: port } : {}),
          ...(s.frame.dst === '10.244.1.0' ? { dstPort: port } : {}),
        },
      });
    const c = compareProbe(runOf(probe, userspaceChosen, masqueraded(2000)), runOf(probe, kernelChosen, masqueraded(3000)), options);
    expect(c.differences).toEqual([]);
    expect(c.ignored.map(i => i.what)).toContain('port chosen by NAT');
  });

  test('finds answers that come in another order', () => {
    const two: readonly Sent[] = [
      { by: 'server', seq: 0, payload: text('one') },
      { by: 'server', seq: 3, payload: text('two') },
    ];
    const run = runOf(two, userspaceChosen);
    const list = run.hops.get('client/eth0')!;
    const [a, b] = [list[0]!, list[1]!];
    const swapped = new Map(run.hops).set('client/eth0', [
      { ...b, timeNs: a.timeNs },
      { ...a, timeNs: b.timeNs },
    ]);
    const c = compareProbe({ ...run, hops: swapped }, runOf(two, kernelChosen), options);
    expect(c.differences).toMatchObject([{ hop: 'client/eth0', field: 'order' }]);
  });

  test('does not call two empty captures the same', () => {
    const c = compareProbe(runOf([], userspaceChosen), runOf([], kernelChosen), options);
    expect(c.same).toBe(false);
    expect(c.differences).toEqual([{ hop: '', flow: '', field: 'packet', userspace: null, kernel: null }]);
  });
});
