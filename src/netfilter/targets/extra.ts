import type { TargetExtension } from '../text/extension.ts';
export const extraTargets: readonly TargetExtension[] = [];
