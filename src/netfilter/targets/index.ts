/** Every target by name. A new one is a new file and one word here. */
import type { Target } from '../ruleset.ts';
import type { TargetExtension } from '../text/extension.ts';
import { classify } from './classify.ts';
import { connmark } from './connmark.ts';
import { ct, notrack } from './ct.ts';
import { dnat } from './dnat.ts';
import { dscp } from './dscp.ts';
import { extraTargets } from './extra.ts';
import { log } from './log.ts';
import { mark } from './mark.ts';
import { masquerade } from './masquerade.ts';
import { netmap } from './netmap.ts';
import { nflog } from './nflog.ts';
import { nfqueue } from './nfqueue.ts';
import { redirect } from './redirect.ts';
import { reject } from './reject.ts';
import { snat } from './snat.ts';
import { tcpmss } from './tcpmss.ts';
import { tos } from './tos.ts';
import { trace } from './trace.ts';
import { ttl } from './ttl.ts';
import { accept, drop, returns } from './verdict.ts';

const targets: readonly TargetExtension[] = [
  ...[accept, classify, connmark, ct, dnat, drop, dscp, log, mark, masquerade, netmap, nflog, nfqueue, notrack],
  ...[redirect, reject, returns, snat, tcpmss, tos, trace, ttl, ...extraTargets],
];

const byName: ReadonlyMap<string, TargetExtension> = new Map(targets.map(t => [t.name, t]));
export const findTarget = (name: string): TargetExtension | undefined => byName.get(name);

/** The extension of a target that is no chain. */
export const targetOf = (t: Target): TargetExtension => byName.get(t.kind === 'extra' ? t.name : t.kind)!;
