/** Every target that can be executed, but for those that are the walk itself (ACCEPT, DROP, RETURN, jump, goto): `compile.ts` has these. */
import type { Target } from '../../ruleset.ts';
import type { Act } from '../execution.ts';
import type { TargetExtension } from '../extension.ts';
import { connmark } from './connmark.ts';
import { ct, notrack } from './ct.ts';
import { dscp, tos, ttl } from './ip-fields.ts';
import { mark } from './mark.ts';
import { dnat, masquerade, netmap, redirect, snat } from './nat.ts';
import { classifyTarget, log, nflog, trace } from './notice.ts';
import { reject } from './reject.ts';
import { tcpmss } from './tcpmss.ts';

export const targetExtensions = {
  CLASSIFY: classifyTarget,
  CONNMARK: connmark,
  CT: ct,
  DNAT: dnat,
  DSCP: dscp,
  LOG: log,
  MARK: mark,
  MASQUERADE: masquerade,
  NETMAP: netmap,
  NFLOG: nflog,
  NOTRACK: notrack,
  REDIRECT: redirect,
  REJECT: reject,
  SNAT: snat,
  TCPMSS: tcpmss,
  TOS: tos,
  TRACE: trace,
  TTL: ttl,
} as const;

export const targetExtension = (t: Target): TargetExtension<Target> | undefined =>
  (targetExtensions as Partial<Record<Target['kind'], TargetExtension<never>>>)[t.kind] as TargetExtension<Target> | undefined;

/** By op-code, counted from FIRST_TARGET. */
export const acts: readonly Act[] = [...new Set(Object.values(targetExtensions).flatMap((e): readonly Act[] => e.acts))];
export const actOps: ReadonlyMap<Act, number> = new Map(acts.map((act, op) => [act, op]));
