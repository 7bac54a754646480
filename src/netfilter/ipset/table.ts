/**
 * A set as words of `Program.data`, and the look-up. Hashes have open addressing with linear probing, a power of two of slots, at most
 * half full.
 *
 *     hash:ip       kind | netmask | last slot | addresses, 0 = free
 *     hash:net      kind | lengths | per length, the longest first: mask, last slot, where its slots begin (from the set's first word)
 *                   slots: address, 0 free 1 member 2 nomatch
 *     hash:ip,port  kind | last slot | slots: address, protocol << 16 | port, 0 = free
 *     bitmap:port   kind | 2048 words with a bit per port
 */
import { type Ipv4, maskOf } from '../../base/address.ts';
import type { HashNet, IpSet } from './ip-set.ts';

export const Kind = { HashIp: 0, HashNet: 1, HashIpPort: 2, BitmapPort: 3 } as const;
/** What a look-up finds. */
export const Found = { No: 0, Member: 1, Nomatch: 2 } as const;

export function encodeIpSet(set: IpSet): Int32Array {
  switch (set.type) {
    case 'hash:ip': {
      const last = slotsFor(set.members.length) - 1;
      const words = new Int32Array(3 + last + 1);
      words.set([Kind.HashIp, set.mask, last]);
      for (const address of new Set(set.members)) {
        let at = mix(address) & last;
        while (words[3 + at] !== 0) at = (at + 1) & last;
        words[3 + at] = address;
      }
      return words;
    }
    case 'hash:net':
      return encodeNets(set);
    case 'hash:ip,port': {
      const last = slotsFor(set.members.length) - 1;
      const words = new Int32Array(2 + 2 * (last + 1));
      words.set([Kind.HashIpPort, last]);
      for (const { address, protocol, port } of set.members)
        insert(words, 2, last, address, (protocol << 16) | port, mixPort(address, protocol, port));
      return words;
    }
    case 'bitmap:port': {
      const words = new Int32Array(1 + 2048);
      words[0] = Kind.BitmapPort;
      for (const port of set.members) words[1 + (port >> 5)]! |= 1 << (port & 31);
      return words;
    }
  }
}

function encodeNets(set: HashNet): Int32Array {
  const lengths = [...new Set(set.members.map(m => m.prefix))].sort((a, b) => b - a);
  const words = [Kind.HashNet as number, lengths.length];
  const tables: Int32Array[] = [];
  let at = 2 + 3 * lengths.length;
  for (const prefix of lengths) {
    const members = set.members.filter(m => m.prefix === prefix);
    const last = slotsFor(members.length) - 1;
    const slots = new Int32Array(2 * (last + 1));
    for (const m of members) insert(slots, 0, last, m.address, m.nomatch ? Found.Nomatch : Found.Member, mix(m.address));
    words.push(maskOf(prefix), last, at);
    at += slots.length;
    tables.push(slots);
  }
  return Int32Array.from([...words, ...tables.flatMap(t => [...t])]);
}

function insert(words: Int32Array, base: number, last: number, key: number, value: number, hash: number): void {
  let at = hash & last;
  while (words[base + 2 * at + 1] !== 0) at = (at + 1) & last;
  words[base + 2 * at] = key;
  words[base + 2 * at + 1] = value;
}

const slotsFor = (n: number): number => 1 << Math.max(2, 32 - Math.clz32(2 * n));
function mix(v: number): number {
  const h = Math.imul(v ^ (v >>> 16), 0x45d9f3b);
  return h ^ (h >>> 16);
}
const mixPort = (address: Ipv4, protocol: number, port: number): number => mix(address ^ Math.imul((protocol << 16) | port, 0x9e3779b1));

/** @param port -1: the packet has none. @returns one of `Found` */
export function lookupIpSet(data: Int32Array, set: number, address: Ipv4, protocol: number, port: number): number {
  switch (data[set]) {
    case Kind.HashIp: {
      const key = address & data[set + 1]!;
      const last = data[set + 2]!;
      for (let at = mix(key) & last; data[set + 3 + at] !== 0; at = (at + 1) & last) if (data[set + 3 + at] === key) return Found.Member;
      return Found.No;
    }
    case Kind.HashNet:
      return lookupNet(data, set, address);
    case Kind.HashIpPort: {
      if (port < 0) return Found.No;
      const last = data[set + 1]!;
      const value = (protocol << 16) | port;
      for (let at = mixPort(address, protocol, port) & last; data[set + 3 + 2 * at] !== 0; at = (at + 1) & last) {
        if (data[set + 2 + 2 * at] === address && data[set + 3 + 2 * at] === value) return Found.Member;
      }
      return Found.No;
    }
    default:
      return port >= 0 && ((data[set + 1 + (port >> 5)]! >>> (port & 31)) & 1) === 1 ? Found.Member : Found.No;
  }
}

function lookupNet(data: Int32Array, set: number, address: Ipv4): number {
  const lengths = data[set + 1]!;
  for (let i = 0; i < lengths; i++) {
    const head = set + 2 + 3 * i;
    const key = address & data[head]!;
    const last = data[head + 1]!;
    const slots = set + data[head + 2]!;
    for (let at = mix(key) & last; data[slots + 2 * at + 1] !== 0; at = (at + 1) & last) {
      if (data[slots + 2 * at] === key) return data[slots + 2 * at + 1]!;
    }
  }
  return Found.No;
}
