import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readHopFiles } from '../../src/capture/captured-frame.ts';
import { readCaptureFile } from '../../src/capture/pcapng/reader.ts';
import { sectionsOf } from '../../src/lab/evidence.ts';
import { journeyFaults } from '../capture/support/journey-schema.ts';
import { Kubehop, lacking, title } from './support.ts';

const hasTshark = spawnSync('sh', ['-c', 'command -v tshark && command -v capinfos && command -v tcpdump']).status === 0;
const readme = readFileSync(new URL('../../labs/07-nodeport/README.md', import.meta.url), 'utf8');

/** Question, the frames that are looked at, and what their comments must say. */
const questions: [string, string, RegExp[]][] = [
  [
    "Which field of which object makes node 1 take port 30080 for a Service's?",
    'frame.interface_name == "node1/flannel.1"',
    [/KUBE-NODEPORTS #\d takes it for traffic of a Service \(from Service default\/web field spec\.ports\[0\]\.nodePort\)/],
  ],
  [
    'Who chose the backend, and among how many?',
    'frame.interface_name == "node1/flannel.1"',
    [
      /KUBE-SVC-\w{16} #2 chose the backend 10\.244\.2\.2:8080: it is the only endpoint/,
      /> KUBE-SVC-\w{16} #2 \(1\/1\) > KUBE-SEP-\w{16} DNAT/,
    ],
  ],
  [
    'Why is the packet that was sent to node 1 forwarded and not delivered there?',
    'frame.interface_name == "node1/flannel.1"',
    [
      /DNAT writes the destination; the route is looked up after that/,
      /destination 192\.168\.56\.11 \(node1\):30080 becomes 10\.244\.2\.2 \(pod-b\):8080|DNAT 192\.168\.56\.11:30080 -> 10\.244\.2\.2:8080/,
    ],
  ],
  [
    'Why was the source changed?',
    'frame.interface_name == "node1/flannel.1"',
    [
      /KUBE-MARK-MASQ #1 marks it to be masqueraded .*KUBE-EXT-\w{16} #1 "masquerade traffic for default\/web external destinations"/,
      /mark 0 -> 0x4000/,
    ],
  ],
  [
    'To which address was it changed, and why that one?',
    'frame.interface_name == "node1/flannel.1"',
    [
      /MASQUERADE 203\.0\.113\.9:40001 -> 10\.244\.1\.0:\d+/,
      /MASQUERADE writes the address of the interface by which the packet leaves, flannel\.1/,
    ],
  ],
  [
    'Why is the envelope not masqueraded as well?',
    'frame.interface_name == "node1/flannel.1" || frame.interface_name == "node1/eth0"',
    [
      /takes the mark off again: an envelope around the packet has the same mark/,
      /nat POSTROUTING > KUBE-POSTROUTING #1 RETURN, policy ACCEPT/,
    ],
  ],
  ['Does node 2 translate anything?', 'frame.interface_name == "node2/cni0"', [/no rule of nat translates it/]],
];
const answer: [string, string, RegExp[]] = [
  'Why does the answer come from the address that the client asked?',
  'frame.interface_name == "node1/eth0"',
  [
    /conntrack knows it as the answer to tcp 203\.0\.113\.9:40001 > 192\.168\.56\.11:30080: .*its translations are turned round/,
    /ct ESTABLISHED reply/,
  ],
];

interface JourneyLine {
  packet: number;
  certain: boolean;
  hop: string;
  flow?: number;
  way?: string;
  direction?: string;
}

describe.skipIf(lacking !== '')(title('the journey of exercise 07'), () => {
  const kubehop = new Kubehop();
  const out = join(kubehop.home, 'out');
  let report = '';
  beforeAll(async () => {
    const { code, stdout } = await kubehop.run('lab', 'run', '07', '--out', out);
    expect(code).toBe(0);
    report = stdout;
  }, 60_000);
  afterAll(() => kubehop.close());

  const tshark = (plane: string, filter: string, ...fields: string[]): string[] =>
    execFileSync('tshark', ['-r', join(out, plane, 'journey.pcapng'), '-Y', filter, '-T', 'fields', ...fields.flatMap(f => ['-e', f])], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
      .trimEnd()
      .split('\n');
  const journey = (plane: string): JourneyLine[] =>
    readFileSync(join(out, plane, 'journey.jsonl'), 'utf8')
      .trimEnd()
      .split('\n')
      .slice(1)
      .map(line => JSON.parse(line) as JourneyLine);
  const answerOf = (plane: string): number => journey(plane).find(r => r.flow === 1 && r.way === 'reply')!.packet;

  test('has the questions that the text asks', () => {
    for (const [i, [question]] of [...questions, answer].entries()) expect(readme).toContain(`${i + 1}. ${question}\n`);
  });

  test.each([
    ['the way, hop by hop, with what is rewritten', /node1\/flannel\.1 +10\.244\.1\.0:\d+ > 10\.244\.2\.2:8080 SYN, TTL 62\n/],
    [
      'rules with the object that each was made from',
      /nat KUBE-NODEPORTS #\d: to KUBE-EXT-\w+ +<- Service default\/web field spec\.ports\[0\]\.nodePort\n/,
    ],
    ['the way of the answer', /The answer\n +pod-b\/eth0 +10\.244\.2\.2:8080 > 10\.244\.1\.0:\d+ SYN,ACK, TTL 64\n/],
    ['the path drawn, both ways: rewrites are marked', /node1\/flannel\.1 +\| 10\.244\.1\.0:\d+ > 10\.244\.2\.2:8080 \* +\| \^\n/],
    ['and envelopes', /\| \[ v in 192\.168\.56\.11 > 192\.168\.56\.12 \] +\| \[ \^ \]\n/],
    [
      'the entry of conntrack',
      /What conntrack remembers of it\n +node1 +tcp 6 .*src=203\.0\.113\.9 dst=192\.168\.56\.11 sport=40001 dport=30080 /,
    ],
    ['where to look', /In Wireshark\n +\S+\/journey\.pcapng\n +filter: frame\.packet_id == 1 \|\| frame\.packet_id == \d+\n/],
  ])('is shown when it has run: %s', (_, words) => {
    expect(report).toMatch(words);
  });

  describe.skipIf(!hasTshark)("in Wireshark's tools (skipped without tshark, capinfos and tcpdump)", () => {
    test.each(['userspace', 'kernel'])('the comments of the %s run answer each question', plane => {
      const asked = [...questions.map(q => [...q, 1] as const), [...answer, answerOf(plane)] as const];
      for (const [question, filter, expected, packet] of asked) {
        const comments = tshark(plane, `frame.packet_id == ${packet} && (${filter})`, 'frame.comment').join('\n');
        for (const words of expected) expect(comments, question).toMatch(words);
      }
    });

    test.each(['userspace', 'kernel'])('every file of the %s run is read without error, and says where and in which direction', plane => {
      const files = [
        'journey.pcapng',
        ...execFileSync('ls', [join(out, plane, 'hops')], { encoding: 'utf8' })
          .trim()
          .split('\n')
          .map(f => `hops/${f}`),
      ];
      for (const file of files) {
        const path = join(out, plane, file);
        const info = spawnSync('capinfos', [path], { encoding: 'utf8' });
        expect({ file, status: info.status, errors: info.stderr.replace(/^Running as user.*$/m, '').trim() }).toEqual({
          file,
          status: 0,
          errors: '',
        });
        expect(info.stdout).toContain('nanoseconds (9)');
        for (const word of ['hardware', 'oper-sys', 'application']) expect(info.stdout).toMatch(new RegExp(`Capture ${word}: +\\S`));
        expect(info.stdout).toMatch(/Description = \S/);
        expect(spawnSync('tshark', ['-r', path], { encoding: 'utf8' }).status).toBe(0);
        const dump = spawnSync('tcpdump', ['-nr', path], { encoding: 'utf8' });
        expect({ file, status: dump.status }).toEqual({ file, status: 0 });
      }
      const all = spawnSync('capinfos', ['-M', join(out, plane, 'journey.pcapng')], { encoding: 'utf8' }).stdout;
      expect(all).toMatch(/Strict time order: +True/);
      expect(all).toMatch(/Number of resolved IPv4 addresses in file: [1-9]/);
      const rows = tshark(
        plane,
        'frame.packet_id == 1',
        'frame.interface_name',
        'frame.packet_flags_direction',
        'frame.interface_description',
      );
      expect(rows[0]!.split('\t')).toEqual(['client/eth0', '0x00000002', 'client, eth0']);
    });
  });

  test.each(['userspace', 'kernel'])(
    'every file of the %s run says of each interface what it is and what it counted, and of each frame what it must',
    plane => {
      const hops = readHopFiles(join(out, plane, 'hops'));
      const whole = readCaptureFile(join(out, plane, 'journey.pcapng'));
      expect(whole.interfaces.map(i => i.name).sort()).toEqual([...hops.interfaces.keys()].sort());
      for (const i of [...hops.interfaces.values(), ...whole.interfaces]) {
        const { name, ticksPerSecond, statistics, hardware, description } = i;
        expect({ name, ticksPerSecond }).toEqual({ name, ticksPerSecond: 1_000_000_000n });
        expect({ name, told: hardware !== '' && description !== '' }).toEqual({ name, told: true });
        expect({ name, dropped: statistics!.dropped, counted: statistics!.received }).toEqual({
          name,
          dropped: 0,
          counted: hops.frames.get(name)!.length,
        });
        const isDevice = hardware !== 'kubehop router';
        expect([name, isDevice, isDevice]).toEqual([name, i.mac !== undefined, (i.speedBps ?? (hardware === 'vxlan' ? 1 : 0)) > 0]);
      }
      for (const [address, name] of [
        [0x0af40202, 'pod-b'],
        [0xc0a8380b | 0, 'node1'],
        [0x0a60000a, 'service/web'],
      ] as const)
        expect(whole.names.get(address)).toEqual([name]);
      for (const [i, p] of whole.packets.entries()) {
        const { name, hardware } = whole.interfaces[p.interfaceId]!;
        const isHook = hardware === 'kubehop router' && !/\/(cni0|flannel\.1)$/.test(name);
        expect([name, p.direction !== undefined]).toEqual([name, !isHook]);
        expect([name, p.packetId !== undefined, p.comments.length]).toEqual([name, true, 1]);
        expect(i === 0 || p.timeNs >= whole.packets[i - 1]!.timeNs).toBe(true);
      }
    },
  );

  test.each(['userspace', 'kernel'])('journey.jsonl of the %s run fits its schema', plane => {
    const lines = readFileSync(join(out, plane, 'journey.jsonl'), 'utf8')
      .trimEnd()
      .split('\n');
    expect(JSON.parse(lines[0]!).schema).toBe('kubehop-journey/1');
    expect(lines.flatMap(line => journeyFaults(JSON.parse(line)))).toEqual([]);
  });

  test('the packets that came into node 1 can be walked through its rules, and go where they went', async () => {
    const rules = join(kubehop.home, 'node1.rules');
    writeFileSync(rules, sectionsOf(readFileSync(join(out, 'kernel', 'rules.txt'), 'utf8'), ['node1', 'node2']).get('node1')!);
    const around = ['--address', 'eth0=192.168.56.11/24', '--address', 'flannel.1=10.244.1.0/32', '--address', 'cni0=10.244.1.1/24'];
    const routes = ['--route', '10.244.2.0/24 via 10.244.2.0 dev flannel.1', '--route', 'default via 192.168.56.1 dev eth0'];
    const capture = join(out, 'kernel', 'journey.pcapng');
    const { code, stdout } = await kubehop.run('walk', '--rules', rules, '--pcap', capture, '--in', 'node1/eth0', ...around, ...routes);
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /eth0 +tcp 203\.0\.113\.9:40001 > 192\.168\.56\.11:30080 SYN +NEW +ACCEPT forwarded by flannel\.1, 10\.244\.1\.0, a random port > 10\.244\.2\.2:8080\n/,
    );
  });

  test.each(['userspace', 'kernel'])('has every packet of the probe at every hop of the %s run, none a guess', plane => {
    const records = journey(plane);
    const way = [
      'client/eth0',
      'upstream/eth0',
      'lan0',
      'node1/eth0',
      'node1/flannel.1',
      'node1/eth0',
      'lan0',
      'node2/eth0',
      'node2/flannel.1',
      'node2/cni0',
      'pod-b/eth0',
    ];
    const probe = records.filter(r => r.flow === 1);
    const packets = [...Map.groupBy(probe, r => r.packet).values()];
    expect(packets.map(p => p.filter(r => r.direction !== undefined).map(r => r.hop))).toEqual([way, way.toReversed(), way]);
    expect(probe.every(r => r.certain)).toBe(true);
    const talk = [
      ...Map.groupBy(
        records.filter(r => r.flow === 2),
        r => r.packet,
      ).values(),
    ];
    expect(talk.length).toBeGreaterThan(8);
    expect(talk.filter(p => !p[0]!.certain).length / talk.length).toBeLessThanOrEqual(0.01);
  });
});
