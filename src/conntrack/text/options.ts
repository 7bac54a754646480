/** The command line of conntrack(8), as far as a table of connections answers it; errors in the tool's words, exit code 2. */
import { maskOf, tryParseIpv4 } from '../../base/address.ts';
import { Ips } from '../status.ts';
import { tcpStateNames } from '../tcp/states.ts';
import type { Filter } from './filter.ts';
import { type Output, protocolNames } from './print.ts';

/** A usage error. `message` is what the tool prints behind its own name. */
export class UsageError extends Error {}

export type Command = 'L' | 'D' | 'C' | 'S' | 'F' | 'E' | 'G' | 'V' | 'h';
export interface Parsed {
  command: Command;
  table: 'conntrack' | 'expect' | 'dying' | 'unconfirmed';
  filter: Filter;
  output: Output;
  /** `-z`: zero the counters while listing. */
  zero: boolean;
  /** `-e`: kinds of events. */
  kinds: ReadonlySet<'NEW' | 'UPDATE' | 'DESTROY'>;
}

const commands: Record<string, Command> = {
  '-L': 'L',
  '--dump': 'L',
  '-D': 'D',
  '--delete': 'D',
  '-C': 'C',
  '--count': 'C',
  '-S': 'S',
  '--stats': 'S',
  '-F': 'F',
  '--flush': 'F',
  '-E': 'E',
  '--event': 'E',
  '-G': 'G',
  '--get': 'G',
  '-V': 'V',
  '--version': 'V',
  '-h': 'h',
  '--help': 'h',
};

/** Long names by every spelling; the first of each group is what the tool calls it in its messages. */
const spellings: Record<string, string> = {};
for (const group of [
  ['--orig-src', '-s', '--src'],
  ['--orig-dst', '-d', '--dst'],
  ['--reply-src', '-r'],
  ['--reply-dst', '-q'],
  ['--protonum', '-p', '--proto'],
  ['--family', '-f'],
  ['--timeout', '-t'],
  ['--status', '-u'],
  ['--zone', '-w'],
  ['--orig-zone'],
  ['--reply-zone'],
  ['--mark', '-m'],
  ['--src-nat', '-n'],
  ['--dst-nat', '-g'],
  ['--any-nat', '-j'],
  ['--zero', '-z'],
  ['--output', '-o'],
  ['--event-mask', '-e'],
  ['--buffer-size', '-b'],
  ['--mask-src'],
  ['--mask-dst'],
  ['--orig-port-src', '--sport'],
  ['--orig-port-dst', '--dport'],
  ['--reply-port-src'],
  ['--reply-port-dst'],
  ['--state'],
  ['--icmp-type'],
  ['--icmp-code'],
  ['--icmp-id'],
]) {
  for (const name of group) spellings[name] = group[0]!;
}
const FILTERS = 'LDE';
/** Which commands take an option; what is not named is a filter. */
const allowed: Record<string, string> = {
  '--timeout': '',
  '--zero': 'L',
  '--output': 'LGDE',
  '--event-mask': 'E',
  '--buffer-size': 'LDE',
  '--family': 'LDGEF',
};
/** Options that only a protocol brings along. */
const ofProtocol: Record<string, number[]> = {
  '--orig-port-src': [6, 17, 33, 132, 136],
  '--orig-port-dst': [6, 17, 33, 132, 136],
  '--reply-port-src': [6, 17, 33, 132, 136],
  '--reply-port-dst': [6, 17, 33, 132, 136],
  '--state': [6],
  '--icmp-type': [1],
  '--icmp-code': [1],
  '--icmp-id': [1],
};
const optional = new Set(['--src-nat', '--dst-nat', '--any-nat']);
const statusWords: Record<string, number> = {
  ASSURED: Ips.Assured,
  SEEN_REPLY: Ips.SeenReply,
  FIXED_TIMEOUT: Ips.FixedTimeout,
  EXPECTED: Ips.Expected,
};
const kindWords: Record<string, ('NEW' | 'UPDATE' | 'DESTROY')[]> = {
  ALL: ['NEW', 'UPDATE', 'DESTROY'],
  NEW: ['NEW'],
  UPDATES: ['UPDATE'],
  DESTROY: ['DESTROY'],
};

/** @throws UsageError */
export function parse(args: readonly string[]): Parsed {
  const filter: Filter = {};
  const output: Output = {};
  const parsed: Parsed = { command: 'h', table: 'conntrack', filter, output, zero: false, kinds: new Set(kindWords.ALL) };
  const used: string[] = [];
  let named = false;
  // The protocol decides which other options there are, wherever it stands.
  const at = args.findIndex(a => spellings[a] === '--protonum');
  if (at >= 0 && args[at + 1] !== undefined) filter.protocol = protocolOf(args[at + 1]!);

  for (let i = 0; i < args.length; i++) {
    const word = args[i]!;
    const command = commands[word];
    if (command !== undefined) {
      if (named) throw new UsageError('Invalid commands combination');
      named = true;
      parsed.command = command;
      const table = args[i + 1];
      if (table !== undefined && !table.startsWith('-')) {
        if (!['conntrack', 'expect', 'dying', 'unconfirmed'].includes(table)) throw new UsageError(`unknown type \`${table}'`);
        parsed.table = table as Parsed['table'];
        i++;
      }
      continue;
    }
    const name = spellings[word];
    if (name === undefined || (ofProtocol[name] && !ofProtocol[name].includes(filter.protocol ?? -1))) {
      throw new UsageError(`unknown option \`${word}'`);
    }
    used.push(name);
    if (name === '--zero') {
      parsed.zero = true;
      continue;
    }
    const value = args[i + 1];
    const has = value !== undefined && !value.startsWith('-');
    if (!has && !optional.has(name)) throw new UsageError(`option \`${word}' requires an argument`);
    if (has) i++;
    read(parsed, name, has ? value : undefined);
  }
  for (const name of used) {
    if (!(allowed[name] ?? `${FILTERS}G`).includes(parsed.command)) throw new UsageError(`Illegal option \`${name}' with this command`);
  }
  if (parsed.command === 'G' && (filter.origSrc === undefined || filter.origDst === undefined)) {
    throw new UsageError("you have to specify `--src' and `--dst'");
  }
  return parsed;
}

function read(parsed: Parsed, name: string, value: string | undefined): void {
  const f = parsed.filter;
  switch (name) {
    case '--orig-src':
      f.origSrc = address(value!);
      break;
    case '--orig-dst':
      f.origDst = address(value!);
      break;
    case '--reply-src':
      f.replySrc = address(value!);
      break;
    case '--reply-dst':
      f.replyDst = address(value!);
      break;
    case '--mask-src':
      f.maskSrc = address(value!).address;
      break;
    case '--mask-dst':
      f.maskDst = address(value!).address;
      break;
    case '--family':
      if (value !== 'ipv4' && value !== 'ipv6') throw new UsageError(`\`${value}' unsupported protocol`);
      f.family = value;
      break;
    case '--status':
      f.status = 0;
      for (const word of value!.split(',')) {
        const bit = statusWords[word];
        if (bit === undefined) throw new UsageError(`Bad parameter \`${word}'`);
        f.status |= bit;
      }
      break;
    case '--zone':
      f.zone = number(value!);
      break;
    case '--orig-zone':
      f.origZone = number(value!);
      break;
    case '--reply-zone':
      f.replyZone = number(value!);
      break;
    case '--mark': {
      const [mark, mask] = value!.split('/');
      f.mark = { value: number(mark!) >>> 0, mask: mask === undefined ? 0xffff_ffff : number(mask) >>> 0 };
      break;
    }
    case '--src-nat':
      f.srcNat = natAddress(value);
      break;
    case '--dst-nat':
      f.dstNat = natAddress(value);
      break;
    case '--any-nat':
      f.anyNat = natAddress(value);
      break;
    case '--output':
      for (const word of value!.split(',')) {
        if (word !== 'extended' && word !== 'id' && word !== 'timestamp' && word !== 'ktimestamp')
          throw new UsageError(`Bad parameter \`${word}'`);
        parsed.output[word] = true;
      }
      break;
    case '--event-mask':
      parsed.kinds = new Set(
        value!.split(',').flatMap(word => {
          const kinds = kindWords[word];
          if (kinds === undefined) throw new UsageError(`Bad parameter \`${word}'`);
          return kinds;
        }),
      );
      break;
    case '--orig-port-src':
      f.origSrcPort = number(value!) & 0xffff;
      break;
    case '--orig-port-dst':
      f.origDstPort = number(value!) & 0xffff;
      break;
    case '--reply-port-src':
      f.replySrcPort = number(value!) & 0xffff;
      break;
    case '--reply-port-dst':
      f.replyDstPort = number(value!) & 0xffff;
      break;
    case '--icmp-type':
      f.icmpType = number(value!);
      break;
    case '--icmp-code':
      f.icmpCode = number(value!);
      break;
    case '--icmp-id':
      f.icmpId = number(value!);
      break;
    case '--state': {
      const state = (tcpStateNames as readonly string[]).indexOf(value!);
      if (state < 0) throw new UsageError(`unknown TCP state \`${value}'`);
      f.state = state;
      break;
    }
  }
}

function protocolOf(text: string): number {
  const known = Object.entries(protocolNames).find(([, name]) => name === text.toLowerCase());
  if (known) return Number(known[0]);
  if (/^\d+$/.test(text) && Number(text) < 256) return Number(text);
  throw new UsageError(`\`${text}' unsupported protocol`);
}

/** strtoul(3) with base 0: what cannot be read is 0. */
function number(text: string): number {
  const m = /^(0x[0-9a-f]+|0[0-7]*|[1-9]\d*)/i.exec(text);
  if (!m) return 0;
  return /^0[0-7]+$/.test(m[1]!) ? Number.parseInt(m[1]!, 8) : Number(m[1]);
}

function address(text: string): { address: number; mask: number } {
  const [head, bits] = text.split('/');
  const value = tryParseIpv4(head!);
  if (value === undefined) throw new UsageError(`Invalid IP address \`${head}'`);
  if (bits === undefined) return { address: value, mask: -1 };
  if (!/^\d+$/.test(bits) || Number(bits) > 32) throw new UsageError('Invalid netmask');
  return { address: value, mask: maskOf(Number(bits)) };
}

function natAddress(text: string | undefined): { address?: number; port?: number } {
  if (text === undefined) return {};
  const [head, port] = text.split(':');
  const value = tryParseIpv4(head!);
  if (value === undefined) throw new UsageError(`Invalid IP address \`${head}'`);
  return port === undefined ? { address: value } : { address: value, port: number(port) };
}
