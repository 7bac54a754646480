/** `kubehop walk`: the path of a packet, or of a capture's packets, through a saved rule set. Needs no privilege, no network and no Linux. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { InvalidArgumentError } from 'commander';
import { LabError } from '../../base/errors.ts';
import { readCapture } from '../../capture/pcapng/reader.ts';
import { readErrors, readObjects } from '../../cluster/objects/read.ts';
import { readIpSets } from '../../netfilter/ipset/read.ts';
import { type Collected, checkSaved, readCollected } from '../../walk/collected.ts';
import { readConnections } from '../../walk/connections.ts';
import { framesToWalk } from '../../walk/frame.ts';
import { frameLines } from '../../walk/frame-lines.ts';
import { parsePacket } from '../../walk/packet-words.ts';
import { printStory } from '../../walk/print.ts';
import type { Story } from '../../walk/story.ts';
import { type Surroundings, SurroundingsReader } from '../../walk/surroundings.ts';
import { type NodeOptions, walk, walkFrames } from '../../walk/walk.ts';
import type { Define } from '../commands.ts';
import type { Io } from '../io.ts';
import { readBytes, readText } from '../read-text.ts';
import { type Names, namesOf, withNames } from '../walk-names.ts';

interface Options {
  rules?: string;
  collected?: string;
  conntrack?: string;
  objects: string[];
  node?: string;
  packet?: string;
  pcap?: string;
  frame?: number;
  in?: string;
  out?: string;
  address: string[];
  route: string[];
  sets?: string;
  sysctl: string[];
  choose?: number;
  seed: number;
  all?: boolean;
  json?: boolean;
  lenient?: boolean;
}

const HELP = `
A packet in words:
  tcp|udp|sctp SRC[:PORT] > DST:PORT, icmp SRC > DST, then any of
  syn ack fin rst psh urg, mss N, type N, code N, ttl N, tos N, mark N, len N,
  state new|established|related|invalid|untracked

Addresses and routes: one by one, or files that \`ip -j addr\` and \`ip -j route\` wrote on the node. What is not told is unknown, and
rules that ask for it are shown as undecided.

A capture holds what came and what left; what left of its own accord is not walked again. Ports that a rule draws at random are drawn anew
here, so an answer to such a connection is not known as one.

A node of your own: copy scripts/collect there (plain sh, reads only), run it as root, and bring the directory back. Services and EndpointSlices in its
objects.json, or by --objects, give names to addresses and origins to rules.

Example:
  sudo sh collect node1; kubectl get services,endpointslices -A -o json > node1/objects.json
  kubehop walk --collected node1 --packet 'tcp 203.0.113.9:40000 > 192.168.56.11:30080' --in eth0
  iptables-save > node1.rules; ip -j addr > node1.addr; ip -j route > node1.route
  kubehop walk --rules node1.rules --address node1.addr --route node1.route \\
    --packet 'tcp 203.0.113.9:40000 > 192.168.56.11:30080' --in eth0`;

export const define: Define = (command, io) => {
  command
    .option('--collected <DIR>', 'what scripts/collect gathered on a node: rules, addresses, routes, connections, sysctls, sets')
    .option('--rules <FILE>', 'or what iptables-save wrote; - is stdin')
    .option('--conntrack <FILE>', 'what `conntrack -L -o extended` wrote: connections that the node knows')
    .option(
      '--objects <FILE>',
      'Services and EndpointSlices (kubectl get -o json, or YAML): names and origins; may be given again',
      gather,
      [],
    )
    .option('--node <NAME>', 'name of the node among the objects')
    .option('--packet <WORDS>', "the packet: 'tcp 203.0.113.9:40000 > 192.168.56.11:30080'")
    .option('--pcap <FILE>', 'or the frames of a capture (pcap, pcapng), one after the other: a line for each')
    .option('--frame <N>', 'the whole story of this frame, 1 is the first; conntrack knows the frames before it', count)
    .option(
      '--in <NAME>',
      'interface by which it comes in; without it the node itself has made the packet. Of a capture of several: eth0, node1/eth0, node1',
    )
    .option('--out <NAME>', 'interface by which it leaves where no route says so')
    .option('--address <NAME=ADDRESS/LEN>', 'an address of the node, or a file of `ip -j addr`; may be given again', gather, [])
    .option('--route <ROUTE>', "as in '10.244.2.0/24 dev flannel.1', or a file of `ip -j route`; may be given again", gather, [])
    .option('--sets <FILE>', 'what `ipset save` wrote, for rules that ask for sets')
    .option('--sysctl <NAME=VALUE>', 'as in net.ipv4.conf.all.route_localnet=1; may be given again', gather, [])
    .option('--choose <N>', 'take the N-th backend of a choice', count)
    .option('--seed <N>', 'draw random choices from this seed', Number, 1)
    .option('--all', 'also the rules that were tried and did not match, with the test that failed')
    .option('--json', 'the story as data; of a capture {frames: [{frame, story}], leftOut}')
    .option('--lenient', 'keep rules that are not supported: they never match')
    .addHelpText('after', HELP)
    .action((o: Options) => {
      const { node, names } = nodeOf(o, io);
      const named = (story: Story): Story => (names === undefined ? story : withNames(story, names));
      if ((o.packet === undefined) === (o.pcap === undefined))
        throw new LabError('BAD_INPUT', 'expected a packet: either --packet WORDS or --pcap FILE');
      if (o.packet === undefined) walkCapture(o, o.pcap!, node, named, io);
      else {
        const { story: plain, warnings } = walk({ ...node, packet: parsePacket(o.packet), ...(o.in !== undefined && { in: o.in }) });
        warn(warnings, io);
        const story = named(plain);
        if (o.json) io.printJson(story);
        else tell(story, io);
      }
    });
};

function walkCapture(o: Options, file: string, node: NodeOptions, named: (story: Story) => Story, io: Io): void {
  const { frames, leftOut } = framesToWalk(readCapture(readBytes(file), file), o.in, file);
  const asked = frames.findIndex(frame => frame.number === o.frame);
  if (o.frame !== undefined && asked < 0)
    throw new LabError('BAD_INPUT', `${file}: frame ${o.frame} is not one of the ${frames.length} that can be walked`);
  const walked = asked < 0 ? frames : frames.slice(0, asked + 1);
  const { stories: plain, warnings } = walkFrames(node, walked);
  const stories = plain.map(({ frame, story }) => ({ frame, story: named(story) }));
  warn(warnings, io);
  const only = asked >= 0 || stories.length === 1 ? stories.at(-1)! : undefined;
  if (only === undefined) for (const [why, n] of leftOut) io.progress(`${n} frames left out: ${why}`);
  if (o.json) io.printJson(o.frame === undefined ? { frames: stories, leftOut: Object.fromEntries(leftOut) } : only!.story);
  else if (only !== undefined) tell(only.story, io);
  else
    for (const line of frameLines(
      walked,
      stories.map(({ story }) => story),
      (colour, text) => io.paint(colour, text),
    ))
      io.print(line);
}

function tell(story: Story, io: Io): void {
  for (const line of printStory(story, (colour, text) => io.paint(colour, text))) io.print(line);
}

function warn(warnings: readonly string[], io: Io): void {
  for (const warning of warnings) io.progress(`${io.paintErr('yellow', 'warning:')} ${warning}`);
}

const gather = (value: string, before: string[]): string[] => [...before, value];

function count(text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new InvalidArgumentError('a whole number from 1');
  return Number(text);
}

/** From a collected directory, or from files and words; what is said beside a directory is added to it. */
function nodeOf(o: Options, io: Io): { node: NodeOptions; names: Names | undefined } {
  if ((o.rules === undefined) === (o.collected === undefined))
    throw new LabError('BAD_INPUT', 'expected the rules of a node: either --collected DIR or --rules FILE');
  const dir = o.collected;
  const collected = dir === undefined ? undefined : readCollected(name => readIfThere(join(dir, name)), dir);
  for (const line of collected?.missing ?? []) warn([`not collected: ${line}`], io);
  const file = dir !== undefined ? join(dir, 'rules') : o.rules === '-' ? 'stdin' : o.rules!;
  const text = collected?.rules ?? readText(o.rules!);
  checkSaved(text, file);
  const sets = o.sets === undefined ? collected?.sets : readText(o.sets);
  const conntrack = o.conntrack === undefined ? collected?.conntrack : readText(o.conntrack);
  const known = conntrack === undefined ? undefined : readConnections(conntrack, o.conntrack ?? join(dir!, 'conntrack'));
  const objects = dir === undefined || !existsSync(join(dir, 'objects.json')) ? o.objects : [join(dir, 'objects.json'), ...o.objects];
  const node: NodeOptions = {
    rules: { text, file, lenient: o.lenient ?? false, ...(sets !== undefined && { sets: readIpSets(sets, o.sets ?? 'sets') }) },
    surroundings: surroundingsOf(o, collected),
    sysctl: [...(collected?.sysctl ?? []).filter(([name]) => name.startsWith('net.ipv4.')), ...o.sysctl.map(sysctlOf)],
    all: o.all ?? false,
    seed: o.seed,
    ...(known !== undefined && { connections: known.connections }),
    ...(o.out !== undefined && { out: o.out }),
    ...(o.choose !== undefined && { choose: o.choose }),
  };
  if (objects.length === 0) return { node, names: undefined };
  const read = objects.map(path => readObjects(readText(path), path));
  for (const line of read.flatMap(r => r.problems)) throw new LabError('BAD_INPUT', line);
  for (const line of read.flatMap(r => r.objects.flatMap(readErrors))) warn([line], io);
  return {
    node,
    names: namesOf(
      read.flatMap(r => r.objects),
      text,
      o.node ?? collected?.host ?? '',
    ),
  };
}

const readIfThere = (path: string): string | undefined => (existsSync(path) ? readText(path) : undefined);

/** `NAME=ADDRESS` and words with blanks are said here; everything else is a file. */
function surroundingsOf({ address, route, collected: dir }: Options, collected: Collected | undefined): Surroundings {
  const reader = new SurroundingsReader();
  if (collected !== undefined) {
    reader.addressFile(collected.addr, join(dir!, 'addr'));
    reader.routeFile(collected.route, join(dir!, 'route'));
  }
  for (const a of address) {
    if (a.includes('=') && !existsSync(a)) reader.address(a);
    else reader.addressFile(readText(a), a);
  }
  for (const r of route) {
    if (/\s/.test(r.trim()) && !existsSync(r)) reader.route(r);
    else reader.routeFile(readText(r), r);
  }
  return reader.done();
}

function sysctlOf(text: string): [name: string, value: number] {
  const m = /^([^=\s]+)\s*=\s*(-?\d+)$/.exec(text);
  if (!m) throw new LabError('BAD_INPUT', `--sysctl ${text}: expected NAME=VALUE, as in net.ipv4.conf.all.route_localnet=1`);
  return [m[1]!, Number(m[2])];
}
