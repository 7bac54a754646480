/** How the frame was addressed at layer 2 (`xt_pkttype`). */
import { defineMatch } from '../text/extension.ts';
import { bang } from '../text/values.ts';
import type { Words } from '../text/words.ts';

/** Name and number of `PacketType`; the first name of a number is printed. */
const names: readonly (readonly [string, number])[] = [
  ['unicast', 0],
  ['broadcast', 1],
  ['multicast', 2],
  ['otherhost', 3],
  ['bcast', 1],
  ['mcast', 2],
  ['host', 0],
];
const readType = (word: string, words: Words): number =>
  names.find(([name]) => name === word.toLowerCase())?.[1] ?? words.bad('unicast, broadcast, multicast or otherhost');
const name = (type: number): string => names.find(([, t]) => t === type)![0];

export const pkttype = defineMatch('pkttype', {
  options: { 'pkt-type': { parse: readType, not: true, required: true } },
  read: ({ 'pkt-type': type }) => ({ kind: 'pkttype', type: type!.value, not: type!.not }),
  print: m => `${bang(m.not)} --pkt-type ${name(m.type)}`,
  list: m => ` PKTTYPE ${m.not ? '!' : ''}= ${name(m.type)}`,
});
