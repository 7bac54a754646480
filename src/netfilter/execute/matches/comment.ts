/** `-m comment`: every packet passes, so there is nothing to run. */
import type { MatchExtension, MatchOf } from '../extension.ts';

export const comment: MatchExtension<MatchOf<'comment'>> = { tests: [], emit: () => undefined };
