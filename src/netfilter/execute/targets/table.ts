/** Every target that can be executed, but for those that are the walk itself (ACCEPT, DROP, RETURN, jump, goto): `compile.ts` has these. */
import type { Target } from '../../ruleset.ts';
import type { Act } from '../execution.ts';
import type { TargetExtension } from '../extension.ts';
import { mark } from './mark.ts';
import { dnat, masquerade, netmap, redirect, snat } from './nat.ts';
import { reject } from './reject.ts';

export const targetExtensions = {
  DNAT: dnat,
  MARK: mark,
  MASQUERADE: masquerade,
  NETMAP: netmap,
  REDIRECT: redirect,
  REJECT: reject,
  SNAT: snat,
} as const;

export const targetExtension = (t: Target): TargetExtension<Target> | undefined =>
  (targetExtensions as Partial<Record<Target['kind'], TargetExtension<never>>>)[t.kind] as TargetExtension<Target> | undefined;

/** By op-code, counted from FIRST_TARGET. */
export const acts: readonly Act[] = [...new Set(Object.values(targetExtensions).flatMap((e): readonly Act[] => e.acts))];
export const actOps: ReadonlyMap<Act, number> = new Map(acts.map((act, op) => [act, op]));
