/** `-m owner`: which process made the packet. The router cannot know: sockets are the kernel's. */

import type { MatchExtension, MatchOf } from '../extension.ts';
import { never } from './header.ts';

export const owner: MatchExtension<MatchOf<'owner'>> = {
  tests: [never],
  warn: () => '-m owner never matches: the router does not see sockets',
  emit: (_m, out) => out.test(never, false),
};
