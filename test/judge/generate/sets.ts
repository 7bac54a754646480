/** Sets at random, of the types that both sides look things up in, from the addresses and ports that packets have. */
import { address, hosts, links } from '../topology.ts';
import type { Chooser } from './choose.ts';
import { ports } from './matches.ts';

export interface RandomSet {
  name: string;
  /** As `ipset save` writes them. */
  lines: string[];
  /** What stands behind `--match-set`. */
  uses: readonly string[];
}

const host = (c: Chooser): string => address(c.of(links).net, c.of(hosts));
const some = <T>(c: Chooser, make: () => T): T[] => [...new Set(Array.from({ length: 1 + c.below(5) }, make))];

/** @param name their names begin with it */
export function randomSets(c: Chooser, name: string): RandomSet[] {
  const make = (kind: string, create: string, elements: readonly string[], uses: readonly string[]): RandomSet => ({
    name: `${name}${kind}`,
    lines: [`create ${name}${kind} ${create}`, ...elements.map(e => `add ${name}${kind} ${e}`)],
    uses,
  });
  const one = ['src', 'dst'];
  return [
    make(
      'i',
      'hash:ip family inet',
      some(c, () => host(c)),
      one,
    ),
    make(
      'm',
      'hash:ip family inet netmask 24',
      some(c, () => `10.0.${c.of(links).net}.0`),
      one,
    ),
    make(
      'n',
      'hash:net family inet',
      [`10.0.${c.of(links).net}.0/24`, '198.51.100.0/24', ...some(c, () => `${host(c)}/32 nomatch`)],
      [...one, 'src --return-nomatch', 'dst --return-nomatch'],
    ),
    make(
      'p',
      'hash:ip,port family inet',
      some(c, () => `${host(c)},${c.of(['tcp', 'udp'])}:${c.of(ports)}`).concat(`${host(c)},icmp:8/0`, `${host(c)},99:0`),
      ['src,src', 'src,dst', 'dst,src', 'dst,dst'],
    ),
    make(
      'b',
      'bitmap:port range 0-65535',
      some(c, () => String(c.of(ports))),
      one,
    ),
  ];
}

export const setMatch = (c: Chooser, sets: readonly RandomSet[], not: string): string => {
  const set = c.of(sets);
  return `-m set ${not} --match-set ${set.name} ${c.of(set.uses)}`;
};
