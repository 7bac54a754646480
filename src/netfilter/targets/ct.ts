/** What conntrack shall do with the packet before it sees it: leave it alone, a zone, a helper (`xt_CT`). */
import { type CtTarget, ctEvents } from '../ruleset.ts';
import { defineTarget } from '../text/extension.ts';
import { MAX_U16, text, unsigned } from '../text/values.ts';
import type { Words } from '../text/words.ts';

const expEvents = [['new', 1]] as const;

const readEvents =
  (known: readonly (readonly [string, number])[]) =>
  (word: string, words: Words): number => {
    let bits = 0;
    for (const item of word.split(',')) {
      bits |= known.find(([name]) => name === item)?.[1] ?? words.bad(`a list of ${known.map(([n]) => n).join(',')} (bad item "${item}")`);
    }
    return bits;
  };
const printEvents = (known: readonly (readonly [string, number])[], bits: number): string =>
  known
    .filter(([, bit]) => bits & bit)
    .map(([name]) => name)
    .join(',');

type Zone = number | 'mark';
const readZone = (word: string, words: Words): Zone => (word.toLowerCase() === 'mark' ? 'mark' : unsigned(0, MAX_U16)(word, words));

/** Names are fields of 16 and 32 bytes with an end mark. */
const name = (max: number) => (word: string, words: Words) =>
  /[\s"]/.test(word) ? words.bad('a name without " and white space') : text(1, max)(word, words);

function words(t: CtTarget, p: string): string {
  const zone = t.zone;
  const direction = zone === undefined || zone.direction === 'both' ? '' : `-${zone.direction}`;
  return (
    (t.notrack ? ` ${p}notrack` : '') +
    (t.helper === undefined ? '' : ` ${p}helper ${t.helper}`) +
    (t.timeout === undefined ? '' : ` ${p}timeout ${t.timeout}`) +
    (t.ctEvents === undefined ? '' : ` ${p}ctevents ${printEvents(ctEvents, t.ctEvents)}`) +
    (t.expEvents === undefined ? '' : ` ${p}expevents ${printEvents(expEvents, t.expEvents)}`) +
    // Zone 0 is where everything is, so the kernel does not know it from none.
    (zone === undefined || zone.id === 0 ? '' : ` ${p}zone${direction} ${zone.id}`)
  );
}
const raw = { tables: ['raw'] };

export const ct = defineTarget('CT', {
  options: {
    notrack: {},
    helper: { parse: name(15) },
    timeout: { parse: name(31) },
    ctevents: { parse: readEvents(ctEvents) },
    expevents: { parse: readEvents(expEvents) },
    'zone-orig': { parse: readZone },
    'zone-reply': { parse: readZone },
    zone: { parse: readZone },
  },
  read(given, at, head): CtTarget {
    if (given.helper && (head.protocol === 0 || head.protocolNot))
      at.fail('CT --helper wants the protocol of the helper: -p tcp or -p udp');
    const { 'zone-orig': orig, 'zone-reply': reply } = given;
    // The last one counts, and each leaves its direction behind.
    const zone = [given.zone, orig, reply].reduce((a, b) => ((b?.at ?? -1) > (a?.at ?? -1) ? b : a));
    const direction = (orig !== undefined) === (reply !== undefined) ? 'both' : orig ? 'orig' : 'reply';
    return {
      kind: 'CT',
      notrack: given.notrack !== undefined,
      ...(given.helper && { helper: given.helper.value }),
      ...(given.timeout && { timeout: given.timeout.value }),
      ...(given.ctevents && { ctEvents: given.ctevents.value }),
      ...(given.expevents && { expEvents: given.expevents.value }),
      ...(zone && { zone: { direction, id: zone.value } }),
    };
  },
  print: t => words(t, '--'),
  list: t => ` CT${words(t, '')}`,
  places: raw,
});

/** The older name of `CT --notrack`, printed as it was given. */
export const notrack = defineTarget('NOTRACK', {
  options: {},
  read: () => ({ kind: 'NOTRACK' }),
  print: () => '',
  list: () => ' NOTRACK',
  listName: 'CT',
  places: raw,
});
