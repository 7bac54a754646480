/** Reads the file that `ipset save` writes: `create NAME TYPE options`, `add NAME element options`. */
import { type Ipv4, maskOf, parseCidr, tryParseIpv4 } from '../../base/address.ts';
import { TextError } from '../../base/errors.ts';
import type { IpSet } from './ip-set.ts';

type Mutable<T> = T extends { members: readonly (infer M)[] } ? Omit<T, 'members'> & { members: M[] } : never;
type Growing = Mutable<IpSet>;

/** Options of `create` and `add` that take no value; all others take one. */
const flags = new Set(['counters', 'comment', 'skbinfo', 'forceadd', 'nomatch']);
const protocols: Readonly<Record<string, number>> = { icmp: 1, tcp: 6, udp: 17, sctp: 132, udplite: 136 };
const icmpNames: Readonly<Record<string, number>> = { 'echo-reply': 0, pong: 0, 'echo-request': 8 << 8, ping: 8 << 8 };
/** No line may stand for more members than this. */
const MAX_MEMBERS = 65_536;

/** @throws TextError RULES, or RULES_UNSUPPORTED for a type of set that is not one of ours */
export function readIpSets(text: string, file = 'ipset'): ReadonlyMap<string, IpSet> {
  const sets = new Map<string, Growing>();
  for (const [i, line] of text.split('\n').entries()) {
    const words = line.trim().split(/\s+/);
    if (words[0] === '' || words[0]!.startsWith('#')) continue;
    const fail = (message: string, code: 'RULES' | 'RULES_UNSUPPORTED' = 'RULES'): never => {
      throw new TextError(code, { file, line: i + 1, column: 1 }, message);
    };
    const [verb, name = '', what = '', ...rest] = words;
    if (verb === 'create') sets.set(name, create(name, what, options(rest), fail));
    else if (verb === 'add') add(sets.get(name) ?? fail(`set ${name} does not exist`), what, options(rest), fail);
    else fail(`"${verb}": not a line of ipset save; create and add are`);
  }
  return sets as ReadonlyMap<string, IpSet>;
}

type Fail = (message: string, code?: 'RULES' | 'RULES_UNSUPPORTED') => never;

function options(words: readonly string[]): Map<string, string> {
  const found = new Map<string, string>();
  for (let i = 0; i < words.length; i++) found.set(words[i]!, flags.has(words[i]!) ? '' : (words[++i] ?? ''));
  return found;
}

function create(name: string, type: string, given: ReadonlyMap<string, string>, fail: Fail): Growing {
  if ((given.get('family') ?? 'inet') !== 'inet')
    fail(`set ${name}: family ${given.get('family')}: only inet can be executed`, 'RULES_UNSUPPORTED');
  switch (type) {
    case 'hash:ip':
      return { name, type, mask: maskOf(Number(given.get('netmask') ?? 32)), members: [] };
    case 'hash:net':
      return { name, type, members: [] };
    case 'hash:ip,port':
      return { name, type, members: [] };
    case 'bitmap:port':
      return { name, type, members: [] };
    default:
      return fail(`set ${name}: type ${type} cannot be executed`, 'RULES_UNSUPPORTED');
  }
}

function add(set: Growing, element: string, given: ReadonlyMap<string, string>, fail: Fail): void {
  switch (set.type) {
    case 'hash:ip':
      for (const address of addresses(element, fail)) set.members.push(address & set.mask);
      break;
    case 'hash:net': {
      const { address, prefix, mask } = parseCidr(element);
      if (prefix === 0) fail(`"${element}": a network of the whole address space is not taken`);
      set.members.push({ address: address & mask, prefix, nomatch: given.has('nomatch') });
      break;
    }
    case 'hash:ip,port': {
      const [hosts = '', port = ''] = element.split(',');
      for (const address of addresses(hosts, fail)) for (const p of protocolPorts(port, fail)) set.members.push({ address, ...p });
      break;
    }
    case 'bitmap:port':
      set.members.push(...ports(element, fail));
      break;
  }
}

/** One address, a network, or `first-last`. */
function addresses(text: string, fail: Fail): Ipv4[] {
  const [first = '', last] = text.split('-');
  const { address, prefix, mask } = parseCidr(first);
  const from = (address & mask) >>> 0;
  const to = last === undefined ? from + 2 ** (32 - prefix) - 1 : (tryParseIpv4(last) ?? fail(`"${last}": not an address`)) >>> 0;
  if (to < from || to - from >= MAX_MEMBERS) fail(`"${text}": not a range of at most ${MAX_MEMBERS} addresses`);
  return Array.from({ length: to - from + 1 }, (_, i) => (from + i) | 0);
}

function protocolPorts(text: string, fail: Fail): { protocol: number; port: number }[] {
  const [name, value] = text.includes(':') ? text.split(':') : ['tcp', text];
  const protocol = protocols[name!] ?? (/^\d+$/.test(name!) ? Number(name) : fail(`"${text}": an unknown protocol`));
  if (protocol === 1) return [{ protocol, port: icmpNames[value!] ?? icmpType(value!, fail) }];
  return ports(value!, fail).map(port => ({ protocol, port }));
}

function icmpType(text: string, fail: Fail): number {
  const m = /^(\d+)\/(\d+)$/.exec(text);
  return m ? (Number(m[1]) << 8) | Number(m[2]) : fail(`"${text}": not an ICMP type/code`);
}

function ports(text: string, fail: Fail): number[] {
  const m = /^(\d+)(?:-(\d+))?$/.exec(text);
  if (!m) return fail(`"${text}": not a port`);
  const from = Number(m[1]);
  const to = Number(m[2] ?? from);
  if (to > 0xffff || to < from) fail(`"${text}": not a range of ports`);
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}
