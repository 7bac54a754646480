/** A scenario under way: its network, its rules, and what steps leave for later ones. */
import { LabError } from '../../../src/base/errors.ts';
import { refuseUnknown } from '../fields.ts';
import { failed, unsupported, type Verdict } from '../set.ts';
import type { Attempt } from './attempt.ts';
import type { Host } from './host.ts';
import { Network } from './network.ts';
import { PlainHost } from './plain-host.ts';
import { ruledHost } from './plane.ts';
import type { RuledHost } from './ruled-host.ts';
import { loadRules, type RuleLine, readRuleLines } from './rules.ts';
import { placeHosts, WRITTEN_HOST, type WrittenHost } from './topology.ts';

export class Scenario {
  readonly network = new Network();
  /** The host that rules and checks mean when they name none. */
  readonly router: RuledHost;
  readonly written: Readonly<Record<string, WrittenHost>>;
  /** Every rule that was added, in order. */
  readonly lines: RuleLine[] = [];
  /** The last thing that was sent. */
  last: Attempt | undefined;
  /** Source ports that a client keeps when it tries again: by host, protocol and destination. */
  readonly kept = new Map<string, number>();

  private constructor(written: Readonly<Record<string, WrittenHost>>, router: RuledHost, network: Network) {
    this.written = written;
    this.router = router;
    this.network = network;
  }

  /** @param ruled names of hosts that need rules or are looked into */
  static open(written: Readonly<Record<string, WrittenHost>>, ruled: ReadonlySet<string>): Scenario | Verdict {
    for (const [name, host] of Object.entries(written)) {
      if ('vlanToVni' in host) return unsupported(`host ${name}: the router does not map VLANs to VNIs`);
      const stranger = refuseUnknown(`host ${name}`, host, WRITTEN_HOST);
      if (stranger) return stranger;
      if (host.addresses.some(a => /\bVRF\b/i.test(a))) return unsupported(`host ${name}: the router has no VRF`);
    }
    const placed = placeHosts(written);
    if (typeof placed === 'string') return unsupported(placed);
    const network = new Network();
    const routers: RuledHost[] = [];
    for (const { spec, written: host, rules } of placed) {
      const simple = spec.interfaces.length === 1 && host.role !== 'router' && !host.forwarding;
      if (simple && !ruled.has(spec.name)) {
        network.add(new PlainHost(spec));
      } else {
        const made = network.add(ruledHost(spec));
        for (const args of rules) made.iptables(args);
        if (rules.length > 0) made.commit();
        routers.push(made);
      }
      const { listens } = host;
      if (listens) network.host(spec.name).stack.open = (protocol, port) => listens.includes(`${protocol}/${port}`);
    }
    const router =
      routers.find(r => ruled.has(r.name)) ??
      routers.find(r => written[r.name]?.role === 'router') ??
      routers.find(r => r.spec.interfaces.length !== 1) ??
      routers[0];
    return router ? new Scenario(written, router, network) : unsupported('no host of the topology is a router');
  }

  addRules(lines: readonly string[]): Verdict | undefined {
    const bad = loadRules(lines, name => (name === undefined ? this.router : this.network.router(name)), failed);
    const read = readRuleLines(lines);
    if (!bad && typeof read !== 'string') this.lines.push(...read);
    return bad;
  }

  /** `nat OUTPUT`, `nat`. */
  clearRules(words: string): Verdict | undefined {
    const [table, chain] = words.split(' ');
    try {
      this.router.iptables(['-t', table!, '-F', ...(chain === undefined ? [] : [chain])]);
      this.router.commit();
      return undefined;
    } catch (error) {
      if (error instanceof LabError) return unsupported(`clearRules "${words}": ${error.message}`);
      throw error;
    }
  }

  /** `client[i]` means all of them. */
  hosts(name: string): Host[] {
    if (name === 'lo') return [this.router];
    const count = name.includes('[i]') ? (this.written[name]?.count ?? 1) : 0;
    if (count === 0) return [this.network.host(name)];
    return Array.from({ length: count }, (_, i) => this.network.host(name.replace('[i]', String(i + 1))));
  }

  /** Packets and bytes of the rule that is written like `text` behind its first `-m `. @returns undefined when there is none */
  counterOf(text: string): number | undefined {
    const numbers = new Map<string, number>();
    for (const { host, args } of this.lines) {
      const append = args.indexOf('-A');
      if (append < 0) continue;
      const [table, chain] = [args[1]!, args[append + 1]!];
      const key = `${host} ${table} ${chain}`;
      const number = numbers.get(key) ?? 0;
      numbers.set(key, number + 1);
      const match = args.indexOf('-m');
      if (match < 0 || args.slice(match + 1).join(' ') !== text) continue;
      const router = host === undefined ? this.router : this.network.router(host);
      const rules = router
        .counted()
        .tables.get(table as 'raw')
        ?.chains.get(chain)?.rules;
      return rules?.[number]?.packets;
    }
    return undefined;
  }
}
