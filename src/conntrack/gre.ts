/** The GRE tracker (`net/netfilter/nf_conntrack_proto_gre.c`). The call ids of PPTP (version 1) are not part of the tuple here. */
import type { Core } from './core.ts';
import { Event } from './events.ts';
import { ENTRY, STATUS } from './layout.ts';
import { Ips } from './status.ts';
import { Timeout } from './timeouts.ts';

export function trackGre(core: Core, i: number): void {
  const words = core.table.words;
  const status = words[i * ENTRY + STATUS]!;
  if ((status & Ips.SeenReply) === 0) {
    core.refresh(i, core.sysctl.timeouts[Timeout.Gre]!);
    return;
  }
  core.refresh(i, core.sysctl.timeouts[Timeout.GreStream]!);
  if ((status & Ips.Assured) !== 0) return;
  words[i * ENTRY + STATUS] = status | Ips.Assured;
  if (core.events !== null) core.events.note(i, Event.Assured);
}
