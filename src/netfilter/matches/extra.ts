import type { MatchExtension } from '../text/extension.ts';
export const extraMatches: readonly MatchExtension[] = [];
