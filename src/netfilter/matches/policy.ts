/** IPsec policies that were, or will be, applied to the packet (`xt_policy`). */
import { formatIpv4 } from '../../base/address.ts';
import type { ExtraOption } from '../ruleset.ts';
import { asText, defineExtraMatch, type ExtraGiven, extraOption } from '../text/extra.ts';
import { systemNames } from '../text/names.ts';
import { hex } from '../text/numbers.ts';
import { hostMask, oneOf, printOptionalMask, protocolNumber, u32 } from '../text/values.ts';
import type { Words } from '../text/words.ts';

const MAX_ELEMENTS = 4;
/** In the order of printing. */
const elementOptions = ['reqid', 'spi', 'proto', 'mode', 'tunnel-dst', 'tunnel-src'] as const;

function readProtocol(word: string, words: Words): string {
  const number = protocolNumber(word, words);
  return [50, 51, 108].includes(number) ? systemNames.protocolName(number)! : words.bad('ah, esp or ipcomp');
}
const address = { parse: asText(hostMask, a => formatIpv4(a.address) + printOptionalMask(a.mask)), not: true, repeat: true };

interface Piece {
  readonly name: string;
  readonly at: number;
  readonly not: boolean;
  readonly value: string | true | undefined;
}

/** `--next` cuts the options, in the order in which they were written, into elements. */
function elements(given: ExtraGiven): Piece[][] {
  const pieces: Piece[] = [];
  for (const name of [...elementOptions, 'next'])
    for (const g of given[name] ? [...(given[name].earlier ?? []), given[name]] : [])
      pieces.push({ name, at: g.at, not: g.not, value: g.value });
  pieces.sort((a, b) => a.at - b.at);
  const list: Piece[][] = [[]];
  for (const piece of pieces) {
    if (piece.name === 'next') list.push([]);
    else list.at(-1)!.push(piece);
  }
  return list;
}

function checkElement(element: readonly Piece[], strict: boolean, words: Words): void {
  const names = element.map(p => p.name);
  if (new Set(names).size < names.length) words.fail('policy: an option stands twice in one element: expected --next between them');
  if (strict && element.length === 0) words.fail('policy: --strict wants every element to name something');
  const mode = element.find(p => p.name === 'mode');
  const tunnel = mode !== undefined && (mode.value === 'tunnel') !== mode.not;
  // 1.8.9 takes tunnel ends where no mode was named, unless the policy is strict: the kernel wants to know then.
  if (names.some(n => n.startsWith('tunnel-')) && (mode !== undefined ? !tunnel : strict))
    words.fail('policy: --tunnel-src and --tunnel-dst want --mode tunnel');
}

export const policy = defineExtraMatch('policy', {
  options: {
    dir: { parse: oneOf('in', 'out'), required: true },
    pol: { parse: oneOf('none', 'ipsec') },
    strict: {},
    reqid: { parse: asText(u32), not: true, repeat: true },
    spi: { parse: asText(u32, hex), not: true, repeat: true },
    proto: { parse: readProtocol, not: true, repeat: true },
    mode: { parse: oneOf('transport', 'tunnel'), not: true, repeat: true },
    'tunnel-src': address,
    'tunnel-dst': address,
    next: { repeat: true, needs: ['strict'] },
  },
  read(given, words) {
    const none = given.pol?.value === 'none';
    const strict = given.strict !== undefined;
    if (none && strict) words.fail('policy: --pol none and --strict exclude each other');
    const list = elements(given);
    if (none && list.length > 1) words.fail('policy: --pol none takes no elements');
    if (list.length > MAX_ELEMENTS) words.fail(`policy: at most ${MAX_ELEMENTS} elements`);
    const options: ExtraOption[] = [extraOption('dir', given.dir!.value as string), extraOption('pol', none ? 'none' : 'ipsec')];
    if (strict) options.push(extraOption('strict'));
    for (const [i, element] of (none ? [] : list).entries()) {
      checkElement(element, strict, words);
      if (i > 0) options.push(extraOption('next'));
      for (const name of elementOptions) {
        const piece = element.find(p => p.name === name);
        if (piece) options.push(extraOption(name, piece.value as string, piece.not));
      }
    }
    return options;
  },
  list(o, { numeric }) {
    let text = ' policy match';
    let element = -1;
    const strict = o.has('strict');
    for (const { name, not, value } of o.all) {
      const inElement = !['dir', 'pol', 'strict'].includes(name);
      if (strict && inElement && (element < 0 || name === 'next')) text += ` [${++element}]`;
      if (name === 'next') continue;
      const shown = name === 'proto' && numeric ? systemNames.protocolNumber(value!) : value;
      text += `${not ? ' !' : ''} ${name}${shown === undefined ? '' : ` ${shown}`}`;
    }
    return text;
  },
  places: options => ({ hooks: options[0]!.value === 'in' ? ['PREROUTING', 'INPUT', 'FORWARD'] : ['FORWARD', 'OUTPUT', 'POSTROUTING'] }),
});
