/** The kernel's sets, made from lines of `ipset save` (`include/uapi/linux/netfilter/ipset/ip_set.h`): no tool is needed for them. */
import type { IpSet } from '../../netfilter/ipset/ip-set.ts';
import { readIpSets } from '../../netfilter/ipset/read.ts';
import { AF_INET } from '../../os/libc.ts';
import { inNetworkOrder, Nfnetlink } from '../../os/nfnetlink.ts';

const IPSET = 6 << 8;
const Command = { create: IPSET | 2, destroy: IPSET | 3, rename: IPSET | 5, swap: IPSET | 6, header: IPSET | 12, add: IPSET | 9 } as const;
const NLM_F_CREATE = 0x400;
const NLM_F_EXCL = 0x200;
const PROTOCOL_VERSION = 6;
/** `otherName` is where a new name stands when sets are swapped or renamed. */
const Attribute = { protocol: 1, setName: 2, typeName: 3, otherName: 3, revision: 4, family: 5, data: 7 } as const;
const Data = { ip: 1, cidr: 3, port: 4, portTo: 5, proto: 7, flags: 8, maxElements: 19, netmask: 20 } as const;
const ADDRESS_IPV4 = 1;
const FLAG_NOMATCH = 1 << 2;

/** Behind the name of a set while it is filled. */
const TEMPORARY = '-t';

export class KernelSets {
  readonly #socket = new Nfnetlink();
  #lines = '';
  #made: string[] = [];
  /** Names that are not made again: one that is given up stays until its rules are gone. */
  #old: string[] = [];

  /** @param lines of `ipset save`; names that are not in use, or the sets that are there */
  make(lines: readonly string[]): void {
    if (lines.join('\n') === this.#lines) return;
    this.#lines = lines.join('\n');
    this.#old.push(...this.#made);
    const sets = readIpSets(lines.join('\n'));
    for (const line of lines.filter(l => l.startsWith('create '))) this.#create(line.split(' '));
    this.#made = [...sets.keys()];
    this.#fill(sets);
  }

  /** As `ipset restore` does, but whole: a set that is there gets these members in place of its own in one moment, under the rules that ask for it. */
  replace(text: string): void {
    const temporary = text.replaceAll(/^(create|add) (\S+)/gm, `$1 $2${TEMPORARY}`);
    for (const line of temporary.split('\n').filter(l => l.startsWith('create '))) this.#create(line.split(' '));
    const sets = readIpSets(temporary);
    this.#fill(sets);
    for (const name of sets.keys()) this.#takePlace(name, name.slice(0, -TEMPORARY.length));
  }

  #takePlace(temporary: string, name: string): void {
    this.#begin(Command.header, name);
    const there = this.#socket.ask().errno === 0;
    this.#begin(there ? Command.swap : Command.rename, temporary);
    this.#socket.putText(Attribute.otherName, name);
    this.#socket.demand(`${there ? 'swap with' : 'rename to'} set ${name}`);
    if (there) this.#destroy(temporary);
  }

  #fill(sets: ReadonlyMap<string, IpSet>): void {
    for (const [name, set] of sets) {
      for (const member of set.members) {
        this.#begin(Command.add, name, NLM_F_EXCL);
        const data = this.#socket.open(Attribute.data);
        if (typeof member !== 'number') {
          this.#address(member.address);
          if ('prefix' in member) this.#socket.put8(Data.cidr, member.prefix);
          if ('nomatch' in member && member.nomatch) this.#socket.put32(inNetworkOrder(Data.flags), FLAG_NOMATCH);
          if ('port' in member) {
            this.#socket.put16(inNetworkOrder(Data.port), member.port);
            this.#socket.put8(Data.proto, member.protocol);
          }
        } else if (set.type === 'hash:ip') this.#address(member);
        else this.#socket.put16(inNetworkOrder(Data.port), member);
        this.#socket.shut(data);
        this.#socket.demand(`add to set ${name}`);
      }
    }
  }

  /** Those of earlier rules, which are gone now. */
  forgetOld(): void {
    for (const name of this.#old) this.#destroy(name);
    this.#old = [];
  }

  close(): void {
    this.#socket.close();
  }

  #destroy(name: string): void {
    this.#begin(Command.destroy, name);
    this.#socket.demand(`destroy set ${name}`);
  }
  #create([, name, type, ...options]: readonly string[]): void {
    const bitmap = type === 'bitmap:port';
    this.#begin(Command.create, name!, NLM_F_CREATE | NLM_F_EXCL);
    this.#socket.putText(Attribute.typeName, type!);
    this.#socket.put8(Attribute.revision, bitmap ? 0 : type === 'hash:net' ? 3 : 1);
    this.#socket.put8(Attribute.family, AF_INET);
    const data = this.#socket.open(Attribute.data);
    if (bitmap) {
      this.#socket.put16(inNetworkOrder(Data.port), 0);
      this.#socket.put16(inNetworkOrder(Data.portTo), 0xffff);
    }
    const netmask = options.indexOf('netmask');
    if (netmask >= 0) this.#socket.put8(Data.netmask, Number(options[netmask + 1]));
    const maxElements = options.indexOf('maxelem');
    if (maxElements >= 0) this.#socket.put32(inNetworkOrder(Data.maxElements), Number(options[maxElements + 1]));
    this.#socket.shut(data);
    this.#socket.demand(`create set ${name}`);
  }
  #begin(command: number, name: string, flags = 0): void {
    this.#socket.begin(command, AF_INET, flags);
    this.#socket.put8(Attribute.protocol, PROTOCOL_VERSION);
    this.#socket.putText(Attribute.setName, name);
  }
  #address(address: number): void {
    const nested = this.#socket.open(Data.ip);
    this.#socket.put32(inNetworkOrder(ADDRESS_IPV4), address);
    this.#socket.shut(nested);
  }
}
