/** Up to fifteen ports of source, destination or either; a range counts as two (`xt_multiport`). */
import type { MultiportMatch, Range } from '../ruleset.ts';
import { defineMatch } from '../text/extension.ts';
import { systemNames } from '../text/names.ts';
import { portText } from '../text/ports.ts';
import { bang, port, printRange } from '../text/values.ts';
import type { Words } from '../text/words.ts';

const MAX_PORTS = 15;
/** tcp, udp, dccp, sctp, udplite. */
const protocols = [6, 17, 33, 132, 136];

function readPorts(word: string, words: Words): Range[] {
  if (words.protocolNot || words.protocol === 0) words.fail('multiport wants one of -p tcp, udp, udplite, sctp, dccp before it');
  const name = systemNames.protocolName(words.protocol);
  const ports: Range[] = [];
  let count = 0;
  for (const item of word.split(',')) {
    const colon = item.indexOf(':');
    count += colon < 0 ? 1 : 2;
    if (count > MAX_PORTS) words.bad(`at most ${MAX_PORTS} ports, a range counts as two`);
    const low = port(colon < 0 ? item : item.slice(0, colon), words, name);
    const high = colon < 0 ? low : port(item.slice(colon + 1), words, name);
    if (colon >= 0 && low >= high) words.bad('ranges whose first port is below the last');
    ports.push({ low, high });
  }
  return ports;
}

export const multiport = defineMatch('multiport', {
  options: {
    sports: { parse: readPorts, not: true, aliases: ['source-ports'], excludes: ['dports', 'ports'] },
    dports: { parse: readPorts, not: true, aliases: ['destination-ports'], excludes: ['sports', 'ports'] },
    ports: { parse: readPorts, not: true, excludes: ['sports', 'dports'] },
  },
  read(given, words): MultiportMatch {
    for (const which of ['sports', 'dports', 'ports'] as const) {
      const g = given[which];
      if (g) return { kind: 'multiport', which, ports: g.value, not: g.not };
    }
    return words.fail('multiport wants --sports, --dports or --ports');
  },
  print: m => `${bang(m.not)} --${m.which} ${m.ports.map(printRange).join(',')}`,
  list(m, { numeric, protocol }) {
    const name = systemNames.protocolName(protocol) ?? '';
    const text = (p: Range): string =>
      p.low === p.high ? portText(p.low, name, numeric) : `${portText(p.low, name, numeric)}:${portText(p.high, name, numeric)}`;
    return ` multiport ${m.which} ${bang(m.not)}${m.ports.map(text).join(',')}`;
  },
  places: { protocols },
});
