/** `-m owner`: which process made the packet. The router cannot know: sockets are the kernel's. */

import { Hook } from '../../../packet/verdict.ts';
import type { MatchExtension, MatchOf } from '../extension.ts';
import { only } from '../extension.ts';
import { never } from './header.ts';

export const owner: MatchExtension<MatchOf<'owner'>> = {
  tests: [never],
  refuse: (_m, place) => (only(place, Hook.Output, Hook.Postrouting) ? undefined : '-m owner is only for OUTPUT and POSTROUTING'),
  warn: () => '-m owner never matches: the router does not see sockets',
  emit: (_m, out) => out.test(never, false),
};
