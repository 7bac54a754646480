import { describe, expect, test } from 'vitest';
import { buildJourney } from '../../../src/capture/journey/journey.ts';
import { Mark, sightAt } from '../../../src/web/model/changes.ts';
import { drawingOf, wayOf } from '../../../src/web/model/drawing.ts';
import { badgesOf, endsOf, envelopeOf, stepsOf, travelsOf } from '../../../src/web/model/steps.ts';
import type { ReportRecord, ReportRun } from '../../../src/web/report-data.ts';
import { type Chosen, chosenByKernel, chosenByUserspace, runOf, type Sent } from '../../capture/support/node-port-path.ts';
import { conversation, handshake, places } from '../support/run-folder.ts';

function reportRun(label: string, sent: readonly Sent[], chosen: Chosen): ReportRun {
  const { header, records, frames } = buildJourney({ hops: runOf(sent, chosen).hops });
  const withBytes = records.map(record => ({ ...record, bytes: Buffer.from(frames.get(record)!.bytes).toString('hex') }));
  return { label, header, records: withBytes, leftOut: 0, conntrack: {} };
}

const userspace = reportRun('userspace', handshake, chosenByUserspace);
const kernel = reportRun('kernel', conversation(5), chosenByKernel);

describe('packets of two runs', () => {
  const travels = travelsOf([userspace, kernel]);

  test("are brought together though ports, ids and sequence numbers are each run's own", () => {
    expect(travels.map(t => [t.title, t.reply, t.ways.map(way => way.length)])).toEqual([
      ['SYN', false, [10, 10]],
      ['SYN,ACK', true, [10, 10]],
      ['ACK', false, [10, 10]],
      ['PSH,ACK 5 bytes', false, [0, 10]],
      ['PSH,ACK 5 bytes', false, [0, 10]],
    ]);
  });

  test('of one run alone have one way', () => {
    expect(travelsOf([kernel]).map(t => t.ways.length)).toEqual([1, 1, 1, 1, 1]);
    expect(stepsOf(travelsOf([kernel])[0]!).map(step => step.at)).toEqual(Array.from({ length: 10 }, (_, i) => [i]));
  });

  test('of routing daemons stand behind those of the exercise, though they came first', () => {
    const connections = ['tcp 192.168.56.2:40179 > 192.168.56.11:179', ...kernel.header.connections];
    const [syn] = kernel.records;
    const bgp = { ...syn!, packet: 0, flow: 1, at: -1 };
    const later = kernel.records.map(record => (record.flow === undefined ? record : { ...record, flow: record.flow + 1 }));
    const both = travelsOf([{ ...kernel, header: { ...kernel.header, connections }, records: [bgp, ...later] }]);
    expect(both.map(t => t.flow === connections[0])).toEqual([false, false, false, false, false, true]);
  });

  test('stand side by side at hops that both have, hooks of one between them', () => {
    const [syn] = travels;
    const hook = { ...syn!.ways[0]![2]!, hop: 'node1/prerouting' };
    delete hook.direction;
    const way = [...syn!.ways[0]!.slice(0, 3), hook, ...syn!.ways[0]!.slice(3)];
    const steps = stepsOf({ ...syn!, ways: [way, syn!.ways[1]!] });
    expect(steps.length).toBe(11);
    expect(steps.slice(2, 5)).toEqual([
      { hop: 'node1/eth0', at: [2, 2] },
      { hop: 'node1/prerouting', at: [3, -1] },
      { hop: 'node1/flannel.1', at: [4, 3] },
    ]);
  });
});

describe('a step', () => {
  const [syn] = travelsOf([userspace]);
  const way = syn!.ways[0]!;
  const at = (hop: string, nth = 0) => way.findIndex(r => r === way.filter(each => each.hop === hop)[nth]);
  const marked = (i: number, mark: number): string[] => {
    const sight = sightAt(way, i);
    const fields = sight.headers.flatMap(h =>
      h.fields.map(f => ({ name: `${h.name}.${f.name}`, bytes: sight.marks.subarray(f.at, f.end) })),
    );
    return fields.filter(f => f.bytes.includes(mark)).map(f => f.name);
  };

  test('marks the bytes that were rewritten, checksums among them', () => {
    const changed = marked(at('node1/flannel.1'), Mark.Changed);
    expect(changed).toEqual(
      expect.arrayContaining(['ethernet.dst', 'ipv4.ttl', 'ipv4.headerChecksum', 'ipv4.src', 'ipv4.dst', 'tcp.dstPort', 'tcp.checksum']),
    );
    expect(changed).not.toContain('tcp.seq');
    expect(sightAt(way, at('node1/flannel.1')).was.get('ipv4.dst')).toBe('192.168.56.11');
    expect(marked(at('lan0'), Mark.Changed)).toEqual([]);
  });

  test('marks an envelope as new, and what is in it as unchanged', () => {
    const wrapped = at('node1/eth0', 1);
    expect(marked(wrapped, Mark.New)).toEqual(
      expect.arrayContaining(['outer.ethernet.dst', 'outer.ipv4.src', 'outer.udp.dstPort', 'vxlan.vni']),
    );
    expect(marked(wrapped, Mark.Changed)).toEqual([]);
    expect(marked(wrapped + 1, Mark.New)).toEqual([]);
    expect(envelopeOf(way[wrapped]!)).toBe('192.168.56.11 > 192.168.56.12');
    expect(endsOf(way[wrapped]!)).toBe('10.244.1.0:40000 > 10.244.2.2:8080');
  });

  test('compares an interface with the interface before, so that hooks in between hide nothing', () => {
    const hook: ReportRecord = { ...way[3]!, hop: 'node1/postrouting' };
    const sight = sightAt([...way.slice(0, 3), hook, ...way.slice(3)], 4);
    expect(sight.was.get('ipv4.dst')).toBe('192.168.56.11');
  });

  test('says in a word what happened', () => {
    expect(badgesOf(way[at('node1/flannel.1')]!)).toEqual(['destination', 'source', 'TTL']);
    expect(badgesOf(way[at('node1/eth0', 1)]!)).toEqual(['wrapped']);
    expect(badgesOf({ ...way[0]!, dropped: 'NETFILTER_DROP' })).toEqual(['dropped']);
  });
});

describe('the drawing', () => {
  const drawing = drawingOf(places);

  test('has a point for each hop, and every box inside', () => {
    for (const hop of places.flatMap(p => p.hops)) expect(drawing.points.has(hop), hop).toBe(true);
    for (const hook of ['prerouting', 'input', 'forward', 'output', 'postrouting'])
      expect(drawing.points.has(`node2/${hook}`), hook).toBe(true);
    for (const { x, y, width, height } of drawing.boxes) {
      expect(Math.min(x, y)).toBeGreaterThanOrEqual(0);
      expect(x + width).toBeLessThanOrEqual(drawing.width);
      expect(y + height).toBeLessThanOrEqual(drawing.height);
    }
  });

  test('makes a node as wide as its interfaces need', () => {
    const ports = ['eth0', 'flannel.1', 'veth-pod-b', 'veth-pod-c'].map(name => `node2/${name}`);
    const { boxes, points, wires } = drawingOf(places.map(p => (p.name === 'node2' ? { ...p, hops: ports } : p)));
    const below = boxes.filter(b => ['flannel.1', 'veth-pod-b', 'veth-pod-c'].includes(b.label)).slice(1);
    expect(below.map(b => b.width >= 70)).toEqual([true, true, true]);
    expect(wires.map(([from]) => from.x)).toContain(points.get('node2/veth-pod-b')!.x);
  });

  test('lets two nodes stand beside each other on a narrow screen', () => expect(drawing.width).toBeLessThanOrEqual(390));

  test('leads the way along the node network from wire to wire', () => {
    const [, a, b] = wayOf(drawing, ['node1/eth0', 'lan0', 'node2/eth0']);
    const eth0 = (node: string) => drawing.points.get(`${node}/eth0`)!;
    expect([a, b].map(p => p!.x)).toEqual([eth0('node1').x, eth0('node2').x]);
    expect(a!.y).toBe(b!.y);
  });

  test('has room for many pods, for a client beside the nodes, and for a network without nodes', () => {
    const pods = Array.from({ length: 5 }, (_, i) => ({ name: `pod-${i}`, role: 'pod' as const, on: 'node1', hops: [`pod-${i}/eth0`] }));
    const crowded = drawingOf([...places, ...pods, { name: 'host', role: 'client', on: 'lan0', hops: ['host/eth0'] }]);
    const xs = pods.map(p => crowded.points.get(`${p.name}/eth0`)!.x);
    expect(new Set(xs).size).toBe(5);
    expect(crowded.points.get('host/eth0')!.y).toBeLessThan(crowded.points.get('lan0')!.y);
    expect(drawingOf([]).boxes).toEqual([]);
  });
});
