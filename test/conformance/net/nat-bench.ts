/** A masquerading router between an inside and an outside, for questions about its mappings. */
import { Attempt, type AttemptSpec } from './attempt.ts';
import { entryOf } from './entry.ts';
import type { PlainHost } from './plain-host.ts';
import { protocolOf } from './protocol.ts';
import { loadRules } from './rules.ts';
import type { Sight } from './sight.ts';
import { RouterNetwork } from './two-networks.ts';

export const OUTSIDE = { router: '203.0.113.1', servers: ['203.0.113.10', '203.0.113.11'] } as const;
export const INSIDE = { router: '10.0.0.1', hosts: ['10.0.0.11', '10.0.0.12'] } as const;
const MASQUERADE = ['*nat', '-A POSTROUTING -o out0 -j MASQUERADE'];

export type Datagram = Partial<Omit<AttemptSpec, 'what'>> & { readonly from: string; readonly to: string; readonly protocol?: string };

export class NatBench {
  readonly net = new RouterNetwork({ topology: { router: { out0: `${OUTSIDE.router}/24`, in0: `${INSIDE.router}/24` } } });

  constructor(rules: readonly string[] = MASQUERADE) {
    for (const address of [...OUTSIDE.servers, ...INSIDE.hosts]) this.net.hostAt(address);
    const refused = loadRules(
      rules,
      () => this.net.router,
      message => {
        throw new Error(message);
      },
    );
    if (refused) throw new Error('the rules of the bench cannot be executed');
  }

  host(address: string): PlainHost {
    return this.net.hostAt(address)!;
  }
  /** Nobody answers, or everybody does (the default). */
  silence(silent: boolean): this {
    for (const host of this.net.network.hosts.values()) host.stack.silent = silent;
    return this;
  }
  send({ from, to, protocol = 'udp', ...rest }: Datagram): Attempt {
    this.net.network.begin();
    return new Attempt(this.host(from), { what: protocolOf(protocol)!, dst: to, dport: 5432, ...rest }).run(this.net.network);
  }
  /** Packets as they stand. */
  raw(from: string, ...packets: readonly Uint8Array[]): void {
    this.net.network.begin();
    this.net.network.send(...packets.map(bytes => ({ host: this.host(from), bytes })));
  }
  /** As whom the target sees the sender: `ip:port`. */
  mapped(attempt: Attempt): string | undefined {
    const p = this.seen(attempt);
    return p && `${p.src}:${p.sport}`;
  }
  seen(attempt: Attempt): Sight | undefined {
    return attempt.arrivals(this.net.network)[0]?.packet;
  }
  after(seconds: number): this {
    this.net.network.advance(seconds * 1000);
    return this;
  }
  /** Is the connection still known? */
  knows({ packet }: Attempt): boolean {
    return entryOf(this.net.router, packet) !== undefined;
  }
}
