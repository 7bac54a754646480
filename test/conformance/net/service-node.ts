/**
 * A node as kube-proxy's cases see it: its addresses on an uplink, its pods behind a bridge, and single packets that are the first of
 * their connections. Everything beyond the node takes what it gets and answers nothing.
 */
import { inCidr, parseCidr, parseIpv4, parseMac } from '../../../src/base/address.ts';
import type { RuleSet } from '../../../src/netfilter/ruleset.ts';
import { Hook, Verdict } from '../../../src/packet/verdict.ts';
import { Attempt } from './attempt.ts';
import { Network } from './network.ts';
import { PlainHost } from './plain-host.ts';
import { onKernel, ruledHost } from './plane.ts';
import type { Protocol } from './protocol.ts';
import type { HookSight, RuledHost } from './ruled-host.ts';
import type { Sight } from './sight.ts';

export interface NodeSpec {
  /** Every address of the node but 127.0.0.1. */
  readonly ips: readonly string[];
  readonly podCIDR: string;
}
export interface FlowSpec {
  readonly what: Protocol;
  readonly src: string;
  readonly dst: string;
  readonly dport: number;
}
/** What became of the first packet of a connection. */
export interface Outcome {
  readonly kind: 'endpoints' | 'reject' | 'drop' | 'accept' | 'none';
  /** `ip:port` that it was sent to in the end. */
  readonly destination: string;
  /** Its mark when the verdict fell, before POSTROUTING took it off. */
  readonly mark: number;
  /** The source with which it left the node, when it left. */
  readonly sourceOnWire: string | undefined;
}

const GATEWAY = '192.168.255.254';
const MACS = { eth0: '02:00:00:00:00:01', cni0: '02:00:00:00:01:01', uplink: '02:00:00:00:00:02', pods: '02:00:00:00:01:02' } as const;

export class ServiceNode {
  readonly network = new Network();
  readonly node: RuledHost;
  readonly #spec: NodeSpec;
  readonly #uplink: PlainHost;
  readonly #pods: PlainHost;
  #sport = 1024;
  #accepts = 0;

  constructor(spec: NodeSpec) {
    this.#spec = spec;
    const addresses = spec.ips.filter(ip => !ip.startsWith('127.')).map(ip => `${ip}/32`);
    const sysctl = {
      'net.ipv4.ip_forward': 1,
      // kube-proxy turns it on for node ports on 127.0.0.1.
      'net.ipv4.conf.all.route_localnet': 1,
      'net.ipv4.conf.all.send_redirects': 0,
      'net.ipv4.conf.eth0.send_redirects': 0,
      'net.ipv4.conf.cni0.send_redirects': 0,
    };
    this.node = this.network.add(
      ruledHost(
        {
          name: 'node',
          interfaces: [
            { name: 'eth0', mac: MACS.eth0, addresses, segment: 'uplink' },
            { name: 'cni0', mac: MACS.cni0, addresses: [], segment: 'pods' },
          ],
          routes: [
            { to: spec.podCIDR, dev: 'cni0' },
            { to: 'default', via: GATEWAY, dev: 'eth0' },
          ],
          sysctl,
        },
        { connections: 65_536 },
      ),
    );
    const everybody = (name: 'uplink' | 'pods', address: string): PlainHost => {
      const host = new PlainHost({
        name,
        interfaces: [{ name: 'eth0', mac: MACS[name], addresses: [`${address}/32`], segment: name }],
        routes: [],
        everybody: true,
      });
      host.stack.silent = true;
      return this.network.add(host);
    };
    this.#uplink = everybody('uplink', GATEWAY);
    this.#pods = everybody('pods', '0.0.0.1');
  }

  /** Other rules, whose counters begin at 0. */
  install(rules: RuleSet): void {
    this.node.install(rules);
    this.#accepts = 0;
  }

  /** A new connection's first packet. Every call takes a source port that was not used before. */
  try({ what, src, dst, dport }: FlowSpec): Outcome {
    this.#sport = this.#sport === 65_535 ? 1025 : this.#sport + 1;
    const local = src.startsWith('127.') || this.#spec.ips.includes(src);
    const fromPod = inCidr(parseIpv4(src), parseCidr(this.#spec.podCIDR));
    const from = local ? this.node : fromPod ? this.#pods : this.#uplink;
    const attempt = new Attempt(from, { what, src, sport: this.#sport, dst, dport });
    this.network.begin();
    if (local) attempt.run(this.network);
    else {
      const to = fromPod ? MACS.cni0 : MACS.eth0;
      this.network.transmit(
        from,
        'eth0',
        Uint8Array.from([...parseMac(to), ...parseMac(fromPod ? MACS.pods : MACS.uplink), 8, 0, ...attempt.bytes]),
      );
    }
    return this.#outcome(attempt);
  }

  #outcome(attempt: Attempt): Outcome {
    const hooks = this.node.hooks.filter(h => attempt.is(h.packet));
    const before = hooks.filter(h => h.hook !== Hook.Postrouting).at(-1);
    const end = hooks.at(-1)?.packet ?? attempt.packet;
    const destination = `${end.dst}:${end.dport}`;
    const out = this.network.wire.find(w => w.from === 'node' && attempt.is(w.packet));
    return {
      kind: this.#kindOf(attempt, hooks, destination),
      destination,
      mark: before?.mark ?? 0,
      sourceOnWire: out?.packet.src,
    };
  }

  /** Resets and errors that came back to the sender. */
  #refusals({ packet, host }: Attempt): Sight[] {
    return host.stack.got.filter(p =>
      p.quoted ? p.quoted.dport === packet.dport && p.quoted.sport === packet.sport : p.flags.includes('R') && p.dport === packet.sport,
    );
  }

  #kindOf(attempt: Attempt, hooks: readonly HookSight[], destination: string): Outcome['kind'] {
    if (isDropped(hooks)) return this.#refusals(attempt).length > 0 ? 'reject' : 'drop';
    if (destination !== `${attempt.packet.dst}:${attempt.packet.dport}`) return 'endpoints';
    return this.#accepted() ? 'accept' : 'none';
  }

  /** Has a rule for node ports of health checks accepted it? By what these rules have counted: all planes count. */
  #accepted(): boolean {
    const rules = this.node.counted().tables.get('filter')?.chains.get('KUBE-NODEPORTS')?.rules ?? [];
    const before = this.#accepts;
    this.#accepts = rules.reduce((sum, r) => sum + (r.target?.kind === 'ACCEPT' ? r.packets : 0), 0);
    return this.#accepts > before;
  }
}

/** The kernel shows where a packet was let pass, the router also where it was not. */
function isDropped(hooks: readonly HookSight[]): boolean {
  if (hooks.some(h => h.verdict === Verdict.Drop)) return true;
  const last = hooks.at(-1)?.hook;
  return onKernel() && last !== Hook.Input && last !== Hook.Postrouting;
}
