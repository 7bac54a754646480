/** `kubehop walk`: the path of a packet through a saved rule set. Needs no privilege, no network and no Linux. */
import { existsSync } from 'node:fs';
import { InvalidArgumentError } from 'commander';
import { LabError } from '../../base/errors.ts';
import { readCapture } from '../../capture/pcapng/reader.ts';
import { readIpSets } from '../../netfilter/ipset/read.ts';
import { frameToWalk } from '../../walk/frame.ts';
import { parsePacket } from '../../walk/packet-words.ts';
import { printStory } from '../../walk/print.ts';
import { type Surroundings, SurroundingsReader } from '../../walk/surroundings.ts';
import { type WalkOptions, walk } from '../../walk/walk.ts';
import type { Define } from '../commands.ts';
import { readBytes, readText } from '../read-text.ts';

interface Options {
  rules: string;
  packet?: string;
  pcap?: string;
  frame: number;
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

Example:
  iptables-save > node1.rules; ip -j addr > node1.addr; ip -j route > node1.route
  kubehop walk --rules node1.rules --address node1.addr --route node1.route \\
    --packet 'tcp 203.0.113.9:40000 > 192.168.56.11:30080' --in eth0`;

export const define: Define = (command, io) => {
  command
    .requiredOption('--rules <FILE>', 'what iptables-save wrote; - is stdin')
    .option('--packet <WORDS>', "the packet: 'tcp 203.0.113.9:40000 > 192.168.56.11:30080'")
    .option('--pcap <FILE>', 'or a frame of a capture (pcap, pcapng)')
    .option('--frame <N>', 'its number, 1 is the first', count, 1)
    .option('--in <NAME>', 'interface by which it comes in; without it the node itself has made the packet')
    .option('--out <NAME>', 'interface by which it leaves where no route says so')
    .option('--address <NAME=ADDRESS/LEN>', 'an address of the node, or a file of `ip -j addr`; may be given again', gather, [])
    .option('--route <ROUTE>', "as in '10.244.2.0/24 dev flannel.1', or a file of `ip -j route`; may be given again", gather, [])
    .option('--sets <FILE>', 'what `ipset save` wrote, for rules that ask for sets')
    .option('--sysctl <NAME=VALUE>', 'as in net.ipv4.conf.all.route_localnet=1; may be given again', gather, [])
    .option('--choose <N>', 'take the N-th backend of a choice', count)
    .option('--seed <N>', 'draw random choices from this seed', Number, 1)
    .option('--all', 'also the rules that were tried and did not match, with the test that failed')
    .option('--json', 'the story as data')
    .option('--lenient', 'keep rules that are not supported: they never match')
    .addHelpText('after', HELP)
    .action((o: Options) => {
      const { story, warnings } = walk({
        rules: {
          text: readText(o.rules),
          file: o.rules === '-' ? 'stdin' : o.rules,
          lenient: o.lenient ?? false,
          ...(o.sets !== undefined && { sets: readIpSets(readText(o.sets), o.sets) }),
        },
        packet: packetOf(o),
        surroundings: surroundingsOf(o),
        sysctl: o.sysctl.map(sysctlOf),
        all: o.all ?? false,
        seed: o.seed,
        ...(o.in !== undefined && { in: o.in }),
        ...(o.out !== undefined && { out: o.out }),
        ...(o.choose !== undefined && { choose: o.choose }),
      });
      for (const warning of warnings) io.progress(`${io.paintErr('yellow', 'warning:')} ${warning}`);
      if (o.json) io.printJson(story);
      else for (const line of printStory(story, (colour, text) => io.paint(colour, text))) io.print(line);
    });
};

const gather = (value: string, before: string[]): string[] => [...before, value];

function count(text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new InvalidArgumentError('a whole number from 1');
  return Number(text);
}

function packetOf({ packet, pcap, frame }: Options): WalkOptions['packet'] {
  if ((packet === undefined) === (pcap === undefined))
    throw new LabError('BAD_INPUT', 'expected a packet: either --packet WORDS or --pcap FILE');
  return packet !== undefined ? parsePacket(packet) : frameToWalk(readCapture(readBytes(pcap!), pcap!), frame, pcap!);
}

/** `NAME=ADDRESS` and words with blanks are said here; everything else is a file. */
function surroundingsOf({ address, route }: Options): Surroundings {
  const reader = new SurroundingsReader();
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
