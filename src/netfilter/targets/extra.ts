/** Targets that are read and printed, and that the router cannot execute. */
import type { TargetExtension } from '../text/extension.ts';
import { audit } from './audit.ts';
import { checksum } from './checksum.ts';
import { connsecmark } from './connsecmark.ts';
import { ecn } from './ecn.ts';
import { hmark } from './hmark.ts';
import { idletimer } from './idletimer.ts';
import { led } from './led.ts';
import { queue } from './queue.ts';
import { rateest } from './rateest.ts';
import { secmark } from './secmark.ts';
import { set } from './set.ts';
import { synproxy } from './synproxy.ts';
import { tcpoptstrip } from './tcpoptstrip.ts';
import { tee } from './tee.ts';
import { tproxy } from './tproxy.ts';

export const extraTargets: readonly TargetExtension[] = [
  ...[audit, checksum, connsecmark, ecn, hmark, idletimer, led, queue, rateest, secmark, set, synproxy, tcpoptstrip, tee, tproxy],
];
