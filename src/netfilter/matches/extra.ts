/** Matches that are read and printed, and that the router cannot execute. */
import type { MatchExtension } from '../text/extension.ts';
import { ah } from './ah.ts';
import { bpf } from './bpf.ts';
import { cgroup } from './cgroup.ts';
import { cluster } from './cluster.ts';
import { connbytes } from './connbytes.ts';
import { connlabel } from './connlabel.ts';
import { connlimit } from './connlimit.ts';
import { cpu } from './cpu.ts';
import { dccp } from './dccp.ts';
import { devgroup } from './devgroup.ts';
import { ecn } from './ecn.ts';
import { esp } from './esp.ts';
import { helper } from './helper.ts';
import { ipcomp } from './ipcomp.ts';
import { ipvs } from './ipvs.ts';
import { osf } from './osf.ts';
import { policy } from './policy.ts';
import { quota } from './quota.ts';
import { rateest } from './rateest.ts';
import { realm } from './realm.ts';
import { socket } from './socket.ts';
import { string } from './string.ts';
import { time } from './time.ts';
import { u32 } from './u32.ts';

export const extraMatches: readonly MatchExtension[] = [
  ...[ah, bpf, cgroup, cluster, connbytes, connlabel, connlimit, cpu, dccp, devgroup, ecn, esp],
  ...[helper, ipcomp, ipvs, osf, policy, quota, rateest, realm, socket, string, time, u32],
];
