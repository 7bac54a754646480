/** TCP header: ports, flags, an option's presence (`xt_tcpudp`). */
import type { TcpMatch } from '../ruleset.ts';
import { defineMatch } from '../text/extension.ts';
import { listPorts, printPorts } from '../text/ports.ts';
import { bang, portRange, unsigned } from '../text/values.ts';
import type { Words } from '../text/words.ts';

const flagNames = [
  ['FIN', 1],
  ['SYN', 2],
  ['RST', 4],
  ['PSH', 8],
  ['ACK', 16],
  ['URG', 32],
] as const;
const flagWords: ReadonlyMap<string, number> = new Map([...flagNames, ['ALL', 63], ['NONE', 0]]);
/** `--syn`: SYN,RST,ACK,FIN SYN. */
const SYN_ONLY = { mask: 23, value: 2 };

function readFlags(list: string, words: Words): number {
  let bits = 0;
  for (const name of list.split(',')) {
    if (name === '') continue;
    bits |= flagWords.get(name.toUpperCase()) ?? words.bad(`TCP flags SYN ACK FIN RST URG PSH ALL NONE (bad flag "${name}")`);
  }
  return bits;
}

const printFlags = (bits: number): string =>
  flagNames
    .filter(([, bit]) => bits & bit)
    .map(([name]) => name)
    .join(',') || 'NONE';

const hex = (bits: number): string => `0x${bits.toString(16).toUpperCase().padStart(2, '0')}`;

export const tcp = defineMatch('tcp', {
  options: {
    sport: { parse: portRange('tcp', true), not: true, aliases: ['source-port'] },
    dport: { parse: portRange('tcp', true), not: true, aliases: ['destination-port'] },
    syn: { not: true, excludes: ['tcp-flags'] },
    'tcp-flags': {
      parse: (word, words) => {
        const mask = readFlags(word, words);
        return { mask, value: readFlags(words.second('a mask and the flags that must be set'), words) };
      },
      not: true,
    },
    'tcp-option': { parse: unsigned(1, 255), not: true },
  },
  read({ sport, dport, syn, 'tcp-flags': flags, 'tcp-option': option }): TcpMatch {
    return {
      kind: 'tcp',
      ...(sport && { srcPort: { ...sport.value, not: sport.not } }),
      ...(dport && { dstPort: { ...dport.value, not: dport.not } }),
      ...(syn && { flags: { ...SYN_ONLY, not: syn.not } }),
      ...(flags && (flags.value.mask !== 0 || flags.not) && { flags: { ...flags.value, not: flags.not } }),
      ...(option && { option: { number: option.value, not: option.not } }),
    };
  },
  print(m) {
    const option = m.option ? `${bang(m.option.not)} --tcp-option ${m.option.number}` : '';
    const flags = m.flags ? `${bang(m.flags.not)} --tcp-flags ${printFlags(m.flags.mask)} ${printFlags(m.flags.value)}` : '';
    return printPorts('--sport', m.srcPort) + printPorts('--dport', m.dstPort) + option + flags;
  },
  list(m, { numeric }) {
    const option = m.option ? ` option=${m.option.not ? '!' : ''}${m.option.number}` : '';
    const show = numeric ? hex : printFlags;
    const flags = m.flags ? ` flags:${m.flags.not ? '!' : ''}${show(m.flags.mask)}/${show(m.flags.value)}` : '';
    return ` tcp${listPorts('spt', m.srcPort, 'tcp', numeric)}${listPorts('dpt', m.dstPort, 'tcp', numeric)}${option}${flags}`;
  },
  places: { protocols: [6] },
});
