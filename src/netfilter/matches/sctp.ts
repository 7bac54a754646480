/** SCTP header and chunks (`xt_sctp`). */
import type { NotRange, SctpChunk, SctpMatch } from '../ruleset.ts';
import { defineMatch } from '../text/extension.ts';
import { listPorts } from '../text/ports.ts';
import { bang, oneOf, portRange, printRange } from '../text/values.ts';
import type { Words } from '../text/words.ts';

/** Name, chunk type (RFC 9260 and its extensions), letters of the flags from bit 7 down to bit 0. */
const chunkNames: readonly (readonly [string, number, string])[] = [
  ['DATA', 0, '----IUBE'],
  ['INIT', 1, '--------'],
  ['INIT_ACK', 2, '--------'],
  ['SACK', 3, '--------'],
  ['HEARTBEAT', 4, '--------'],
  ['HEARTBEAT_ACK', 5, '--------'],
  ['ABORT', 6, '-------T'],
  ['SHUTDOWN', 7, '--------'],
  ['SHUTDOWN_ACK', 8, '--------'],
  ['ERROR', 9, '--------'],
  ['COOKIE_ECHO', 10, '--------'],
  ['COOKIE_ACK', 11, '--------'],
  ['ECN_ECNE', 12, '--------'],
  ['ECN_CWR', 13, '--------'],
  ['SHUTDOWN_COMPLETE', 14, '-------T'],
  ['I_DATA', 64, '----IUBE'],
  ['RE_CONFIG', 130, '--------'],
  ['PAD', 132, '--------'],
  ['ASCONF', 193, '--------'],
  ['ASCONF_ACK', 128, '--------'],
  ['FORWARD_TSN', 192, '--------'],
  ['I_FORWARD_TSN', 194, '--------'],
];

type Chunks = Omit<NonNullable<SctpMatch['chunkTypes']>, 'not'>;

function readChunks(how: string, words: Words): Chunks {
  const kind = oneOf('all', 'any', 'only')(how, words);
  const list = words.second('all, any or only, and a list of chunk types');
  if (/^(all|none)$/i.test(list)) return { how: kind, every: /^all$/i.test(list), chunks: [] };
  const found = new Map<number, SctpChunk>();
  for (const item of list.split(',')) {
    if (item === '') continue;
    const [name, letters] = item.split(':');
    const known = chunkNames.find(([n]) => n === name!.toUpperCase()) ?? words.bad(`SCTP chunk types (bad type "${name}")`);
    const before = found.get(known[1]);
    const flags = readFlags(known[2], letters ?? '', before?.flags, words);
    found.set(known[1], { type: known[1], ...(flags.mask !== 0 && { flags }) });
  }
  return { how: kind, every: false, chunks: [...found.values()].sort((a, b) => a.type - b.type) };
}

/** An upper-case letter asks for the bit to be set, a lower-case one for it to be clear. */
function readFlags(known: string, letters: string, before: SctpChunk['flags'], words: Words): NonNullable<SctpChunk['flags']> {
  let { mask, value } = before ?? { mask: 0, value: 0 };
  for (const letter of letters) {
    const at = letter === '-' ? -1 : known.indexOf(letter.toUpperCase());
    if (at < 0) words.bad(`the flags of that chunk type: ${known.replaceAll('-', '') || 'it has none'}`);
    const bit = 1 << (7 - at);
    mask |= bit;
    if (letter === letter.toUpperCase()) value |= bit;
  }
  return { mask, value };
}

function printChunk(chunk: SctpChunk, numeric: boolean): string {
  const [name, , letters] = chunkNames.find(([, type]) => type === chunk.type)!;
  let text = numeric ? `0x${chunk.type.toString(16).toUpperCase().padStart(4, '0')}` : name;
  if (chunk.flags) {
    text += ':';
    for (let bit = 7; bit >= 0; bit--) {
      if ((chunk.flags.mask & (1 << bit)) === 0) continue;
      const letter = letters[7 - bit]!;
      text += chunk.flags.value & (1 << bit) ? letter : letter.toLowerCase();
    }
  }
  return text;
}

const printChunks = (c: Chunks, numeric: boolean): string =>
  ` ${c.how} ${c.every ? 'ALL' : c.chunks.map(chunk => printChunk(chunk, numeric)).join(',') || 'NONE'}`;

/** Unlike tcp, all ports are printed when they were asked for. */
const printPorts = (option: string, r: NotRange | undefined): string => (r ? `${bang(r.not)} ${option} ${printRange(r)}` : '');

export const sctp = defineMatch('sctp', {
  options: {
    sport: { parse: portRange('sctp', true), not: true, aliases: ['source-port'] },
    dport: { parse: portRange('sctp', true), not: true, aliases: ['destination-port'] },
    'chunk-types': { parse: readChunks, not: true },
  },
  read: ({ sport, dport, 'chunk-types': chunks }): SctpMatch => ({
    kind: 'sctp',
    ...(sport && { srcPort: { ...sport.value, not: sport.not } }),
    ...(dport && { dstPort: { ...dport.value, not: dport.not } }),
    ...(chunks && { chunkTypes: { ...chunks.value, not: chunks.not } }),
  }),
  print(m) {
    const chunks = m.chunkTypes ? `${bang(m.chunkTypes.not)} --chunk-types${printChunks(m.chunkTypes, false)}` : '';
    return printPorts('--sport', m.srcPort) + printPorts('--dport', m.dstPort) + chunks;
  },
  list(m, { numeric }) {
    const chunks = m.chunkTypes ? bang(m.chunkTypes.not) + printChunks(m.chunkTypes, numeric) : '';
    return ` sctp${listPorts('spt', m.srcPort, 'sctp', numeric)}${listPorts('dpt', m.dstPort, 'sctp', numeric)}${chunks}`;
  },
  places: { protocols: [132] },
});
