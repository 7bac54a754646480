/** The options that every rule may have: addresses, interfaces, protocol, fragments, `-m` and `-j`. */
import { findMatch } from '../matches/index.ts';
import type { NotInterface } from '../ruleset.ts';
import { findTarget } from '../targets/index.ts';
import { type AddressList, type Draft, load } from './rule-draft.ts';
import { dotted, interfaceName, netmask, protocolNumber } from './values.ts';
import type { Words } from './words.ts';

/** Reads one of `-s -d -p -i -o -f -m -j -g -4 -6` with its value. */
export function readHead(option: string, not: boolean, words: Words, draft: Draft, isChain: (name: string) => boolean): void {
  switch (option) {
    case '-s':
      if (draft.source) words.fail('-s can only be given once');
      draft.source = { list: addresses(words), not };
      return;
    case '-d':
      if (draft.destination) words.fail('-d can only be given once');
      draft.destination = { list: addresses(words), not };
      return;
    case '-p': {
      if (draft.protocolWord !== undefined) words.fail('-p can only be given once');
      const word = words.value().toLowerCase();
      const number = protocolNumber(word, words);
      if (number === 0 && not) words.fail('"! -p all" would never match');
      draft.protocolWord = word;
      words.protocol = number;
      words.protocolNot = not;
      if (number !== 0) draft.protocol = { number, not };
      return;
    }
    case '-i':
      if (draft.inInterface) words.fail('-i can only be given once');
      draft.inInterface = device(words, not);
      return;
    case '-o':
      if (draft.outInterface) words.fail('-o can only be given once');
      draft.outInterface = device(words, not);
      return;
    case '-f':
      if (draft.fragment) words.fail('-f can only be given once');
      draft.fragment = { not };
      return;
    case '-m': {
      if (not) words.fail('-m cannot be inverted');
      const name = words.value();
      load(findMatch(name) ?? words.unsupported(`no match named "${name}"`), draft);
      return;
    }
    case '-4':
      return;
    case '-6':
      words.unsupported('-6: IPv6 rules are not read');
      return;
    default:
      jump(option, not, words, draft, isChain);
  }
}

function jump(option: string, not: boolean, words: Words, draft: Draft, isChain: (name: string) => boolean): void {
  if (not) words.fail(`${option} cannot be inverted`);
  if (draft.target || draft.loaded.some(l => l.extension.side === 'target')) words.fail('a rule has one -j or -g');
  const name = words.value();
  if (name === '' || /\s/.test(name) || name.length > 28) words.bad('a target, or a chain of at most 28 characters');
  if (option === '-g') {
    if (!isChain(name)) words.fail(`there is no chain "${name}" to go to: expected a chain that was declared before`);
    draft.target = { kind: 'goto', chain: name };
    return;
  }
  const extension = findTarget(name);
  if (extension !== undefined) load(extension, draft);
  else if (isChain(name)) draft.target = { kind: 'jump', chain: name };
  else words.unsupported(`no target named "${name}", and no chain of that name was declared before`);
}

/** `a/mask,b` with short networks such as `10/8`. A mask of 0 makes the address 0. */
function addresses(words: Words): AddressList['list'] {
  const word = words.value();
  return word.split(',').map(item => {
    const slash = item.lastIndexOf('/');
    const mask = slash < 0 ? -1 : netmask(item.slice(slash + 1));
    if (mask === undefined) return words.bad('an address with /prefix 0..32 or /netmask');
    if (mask === 0) return { address: 0, mask: 0 };
    const address = dotted((slash < 0 ? item : item.slice(0, slash)).trimStart(), true);
    if (address === undefined) return words.bad('an IPv4 address or network such as 10.0.0.0/8 (names are not resolved)');
    return { address: address & mask, mask };
  });
}

function device(words: Words, not: boolean): NotInterface {
  const word = words.value();
  if (word === '') words.bad('the name of an interface: an empty one is likely a mistake');
  const { name, prefix } = interfaceName(word, words);
  return { name, prefix, not };
}
