import { describe, expect, test } from 'vitest';
import { buildJourney } from '../../src/capture/journey/journey.ts';
import { journeyLines, writeJourneyCapture } from '../../src/capture/journey/write.ts';
import { readCapture } from '../../src/capture/pcapng/reader.ts';
import type { TraceLine } from '../../src/capture/trace-text.ts';
import { captured, type Described, packetBytes, text } from './support/frames.ts';
import { journeyFaults } from './support/journey-schema.ts';
import { chosenByUserspace, runOf, type Sent } from './support/node-port-path.ts';

const names = new Map([
  ['203.0.113.9', 'client'],
  ['10.244.2.2', 'pod-b'],
  ['192.168.56.12', 'node2'],
]);
const sent: readonly Sent[] = [
  { by: 'client', flags: 2 },
  { by: 'server', flags: 0x12, ack: 1 },
  { by: 'client', flags: 0x18, seq: 1, ack: 1, payload: text('hello') },
];

describe('a journey', () => {
  const journey = buildJourney({ hops: runOf(sent, chosenByUserspace).hops, names });

  test('has a record for each time that a hop saw a packet, packet by packet', () => {
    expect(journey.header).toMatchObject({ schema: 'kubehop-journey/1', packets: 3, flows: 1, names: { '10.244.2.2': 'pod-b' } });
    expect(journey.records.map(r => r.packet)).toEqual([1, 2, 3].flatMap(id => Array.from({ length: 10 }, () => id)));
    expect(journey.records[0]).toMatchObject({
      hop: 'client/eth0',
      at: 0,
      flow: 1,
      way: 'original',
      certain: true,
      direction: 'out',
      rewrites: [],
    });
    expect(journey.records[10]).toMatchObject({ hop: 'pod-b/eth0', way: 'reply' });
  });

  test('tells in plain words what changed since the hop before', () => {
    const at = (hop: string, nth = 0) => journey.records.filter(r => r.packet === 1 && r.hop === hop)[nth]!;
    expect(at('node1/flannel.1').words).toEqual([
      'packet 1, 4 of 10, flow 1',
      'destination 192.168.56.11:30080 becomes 10.244.2.2 (pod-b):8080',
      'source 203.0.113.9 (client):40000 becomes 10.244.1.0:40000',
      'TTL 64 becomes 63',
      "next hop's MAC is 0e:aa:00:00:00:02",
    ]);
    expect(at('node1/eth0', 1).words[1]).toBe('put into VXLAN 1 from 192.168.56.11 to 192.168.56.12 (node2)');
    expect(at('node2/flannel.1').words[1]).toBe('taken out of the envelope');
    expect(at('lan0').words).toEqual(['packet 1, 2 of 10, flow 1']);
    expect(at('node2/cni0').rewrites).toContainEqual({ field: 'ipv4.ttl', from: 63, to: 62 });
  });

  test('is written as lines of JSON, the header first', () => {
    const lines = journeyLines(journey).trimEnd().split('\n');
    expect(lines.length).toBe(31);
    expect(JSON.parse(lines[0]!)).toEqual(journey.header);
    expect(JSON.parse(lines[5]!)).toEqual(JSON.parse(JSON.stringify(journey.records[4])));
  });

  test('is written as a capture: an interface per hop, one id per packet, comments, in order of time', () => {
    const chunks: Uint8Array[] = [];
    writeJourneyCapture(journey, bytes => chunks.push(bytes.slice()), {});
    const file = readCapture(Buffer.concat(chunks));
    expect(file.interfaces.map(i => i.name)).toEqual(journey.header.hops.map(h => h.name));
    expect(file.packets.length).toBe(30);
    expect(file.packets.every((p, i) => i === 0 || p.timeNs >= file.packets[i - 1]!.timeNs)).toBe(true);
    const first = file.packets.filter(p => p.packetId === 1n);
    expect(first.map(p => file.interfaces[p.interfaceId]!.name)).toEqual(journey.records.slice(0, 10).map(r => r.hop));
    expect(first[3]!.comments[0]).toContain('destination 192.168.56.11:30080 becomes 10.244.2.2 (pod-b):8080; source');
    expect(file.names.get(0x0af40202)).toEqual(['pod-b']);
  });
});

describe("a journey with a router's trace", () => {
  const described: Described = {
    srcMac: '02:00:00:00:00:09',
    dstMac: '02:00:00:00:00:11',
    src: '203.0.113.9',
    srcPort: 40_000,
    dst: '192.168.56.11',
    dstPort: 30_080,
    ttl: 64,
    id: 7,
    protocol: 'tcp',
    seq: 1,
    ack: 0,
    flags: 2,
    payload: new Uint8Array(0),
  };
  const translated = { ...described, dst: '10.244.2.2', dstPort: 8080 };
  const hook = (hop: string, timeNs: bigint, d: Described) => ({
    ...captured(hop, undefined, timeNs, packetBytes(d)),
    linkType: 101,
    tracedId: 9,
  });
  const trace: TraceLine[] = [
    { node: 'node1', packet: 9, timeNs: '1100', kind: 'hop', hop: 'eth0' },
    { node: 'node1', packet: 9, timeNs: '1110', kind: 'conntrack', state: 'NEW' },
    { node: 'node1', packet: 9, timeNs: '1120', kind: 'rule', hook: 'PREROUTING', event: 'matched', counter: 4 },
    { node: 'node1', packet: 9, timeNs: '1125', kind: 'rule', hook: 'PREROUTING', event: 'end', counter: 5 },
    { node: 'node1', packet: 9, timeNs: '1130', kind: 'nat', rewrite: 'destination', from: '192.168.56.11:30080', to: '10.244.2.2:8080' },
    { node: 'node1', packet: 9, timeNs: '1300', kind: 'rule', hook: 'FORWARD', event: 'policy', counter: 8, verdict: 'DROP' },
    { node: 'node1', packet: 9, timeNs: '1310', kind: 'drop', hop: 'eth0', reason: 'NETFILTER_DROP' },
    { node: 'node2', packet: 9, timeNs: '1120', kind: 'rule', hook: 'PREROUTING', event: 'matched', counter: 1 },
  ];
  const journey = buildJourney({
    hops: new Map([
      [
        'node1/eth0',
        [captured('node1/eth0', 'in', 1000n, runOf([{ by: 'client', flags: 2 }], chosenByUserspace).hops.get('lan0')![0]!.bytes)],
      ],
      ['node1/prerouting', [hook('node1/prerouting', 1200n, translated)]],
    ]),
    trace,
    ruleOf: (node, counter) => ({
      table: counter === 8 ? 'filter' : 'nat',
      chain: counter === 8 ? 'FORWARD' : 'PREROUTING',
      number: counter === 8 ? 0 : counter,
      text: counter === 8 ? '' : `-p tcp -m comment --comment "${node}" -j DNAT --to-destination 10.244.2.2:8080`,
    }),
  });

  test('puts rules, conntrack and NAT at the hop that follows them, and a drop at the last', () => {
    const record = journey.records.find(r => r.hop === 'node1/prerouting')!;
    expect(record.events.map(e => e.text)).toEqual([
      'conntrack NEW',
      'PREROUTING nat PREROUTING rule 4: -p tcp -m comment --comment "node1" -j DNAT --to-destination 10.244.2.2:8080',
      'destination NAT: 192.168.56.11:30080 becomes 10.244.2.2:8080',
      'FORWARD filter FORWARD policy: DROP',
      'dropped: NETFILTER_DROP',
    ]);
    expect(record.rules).toBe('nat PREROUTING #4 DNAT 192.168.56.11:30080 -> 10.244.2.2:8080; filter FORWARD policy DROP | ct NEW');
    expect(record.traced).toEqual({ node: 'node1', packet: 9 });
    expect(record.dropped).toBe('dropped: NETFILTER_DROP');
  });

  test('marks the frame as dropped in the capture', () => {
    const chunks: Uint8Array[] = [];
    writeJourneyCapture(journey, bytes => chunks.push(bytes.slice()), {});
    expect(readCapture(Buffer.concat(chunks)).packets.map(p => p.verdict)).toEqual([undefined, 'drop']);
  });
});

describe('the schema of journey.jsonl', () => {
  const lines = journeyLines(buildJourney({ hops: runOf(sent, chosenByUserspace).hops, names }))
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line) as Record<string, unknown>);

  test('fits every line', () => {
    expect(lines.flatMap(line => journeyFaults(line))).toEqual([]);
  });

  test('does not fit a line that is wrong', () => {
    expect(journeyFaults({ ...lines[0], schema: 'kubehop-journey/2' })).not.toEqual([]);
    expect(journeyFaults({ ...lines[3], packet: 'three' })).not.toEqual([]);
    expect(journeyFaults({ ...lines[3], layers: [{ layer: 'gre' }] })).not.toEqual([]);
    const { hop: _, ...withoutHop } = lines[3]!;
    expect(journeyFaults(withoutHop)).not.toEqual([]);
  });
});
