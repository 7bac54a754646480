/** Connections through a kernel, packet by packet: what it says of each packet, and of the entry afterwards. */
import { tcpStateNames } from '../../../src/conntrack/tcp/states.ts';
import type { EntryView } from '../../../src/conntrack/text/view.ts';
import type { Packet } from '../../../src/packet/packet.ts';
import { Hook } from '../../../src/packet/verdict.ts';
import { Network } from '../net/network.ts';
import { PlainHost } from '../net/plain-host.ts';
import { closeHosts, ruledHost } from '../net/plane.ts';
import type { RuledHost } from '../net/ruled-host.ts';

/** Two hosts, each on a link of its own, and the kernel between them. */
export const POD = '10.244.1.5';
export const BACKEND = '10.244.2.7';
const PORTS = (40_000 << 16) | 80;
const TCP = 6;

export interface Judged {
  ctinfo: 'valid' | 'invalid';
  /** undefined: no entry any more. */
  entry: EntryView | undefined;
  tcpState: string | null;
  /** What it found wrong with the packet, also when it let it pass as one of its connection. */
  complaint: string | undefined;
}

export class Tracker {
  readonly network = new Network();
  readonly host: RuledHost;

  constructor() {
    closeHosts();
    const link = (name: string, n: number) => ({
      name,
      mac: `02:00:00:00:00:0${n}`,
      addresses: [`10.244.${n}.1/24`],
      mtu: 9000,
      segment: name,
    });
    this.host = this.network.add(
      ruledHost({ name: 'kernel', interfaces: [link('in', 1), link('out', 2)], routes: [], sysctl: { 'net.ipv4.ip_forward': 1 } }),
    );
    for (const [address, segment, n] of [
      [POD, 'in', 1],
      [BACKEND, 'out', 2],
    ] as const) {
      const host = this.network.add(
        new PlainHost({
          name: address,
          interfaces: [{ name: 'eth0', mac: `02:00:00:00:01:0${n}`, addresses: [`${address}/24`], segment }],
          routes: [{ to: 'default', via: `10.244.${n}.1` }],
        }),
      );
      host.stack.silent = true;
    }
    // A rule that asks for it turns conntrack on.
    this.host.iptables(['-t', 'mangle', '-A', 'PREROUTING', '-m', 'conntrack', '--ctstate', 'INVALID']);
  }

  /** @param p from whom it is decides where it comes in; its connection is POD:40000 to BACKEND:80 */
  send(p: Packet): Judged {
    const bytes = p.bytes.slice(p.l3, p.end);
    this.network.begin();
    this.host.complaints = [];
    this.network.send({ host: this.network.host(bytes.subarray(12, 16).join('.')), bytes });
    const seen = this.host.hooks.find(h => h.hook === Hook.Prerouting && h.packet.bytes.length === bytes.length);
    if (!seen) throw new Error('the kernel has not seen the packet');
    const entry = this.entry();
    return {
      ctinfo: seen.ctstate === 'INVALID' ? 'invalid' : 'valid',
      entry,
      complaint: this.host.complaints?.[0],
      tcpState: entry ? tcpStateNames[entry.state]! : null,
    };
  }
  /** From now on it says what it finds wrong. */
  complain(): void {
    this.host.tool('sysctl', ['-q', '-w', 'net.netfilter.nf_log.2=nfnetlink_log', 'net.netfilter.nf_conntrack_log_invalid=255']);
  }
  entry(): EntryView | undefined {
    return this.host.entry(POD, BACKEND, PORTS, TCP);
  }
  wait(ms: number): void {
    this.network.advance(ms);
  }
}
