/** Constants and texts, asked of a kernel and of its tools. */
import { LabError } from '../../../src/base/errors.ts';
import { reverse, type Tcp, tcpPacket } from '../../conntrack/packets.ts';
import { Attempt } from '../net/attempt.ts';
import { NatBench, OUTSIDE } from '../net/nat-bench.ts';
import { ruledHost } from '../net/plane.ts';
import { protocolOf } from '../net/protocol.ts';
import type { RuledHost } from '../net/ruled-host.ts';
import { expectSame, failed, passed, unsupported, type Verdict } from '../set.ts';
import { type Result, type RuleCase, shellWords, wanted } from '../sets/iptables-rules.ts';
import { type ConstantCase, sysctls } from '../sets/netfilter-constants.ts';
import { windowOnKernel } from './tcp-sets.ts';
import { BACKEND, POD, Tracker } from './tracker.ts';

/** netfilter/constants. */
export function constantOnKernel(c: ConstantCase): Verdict {
  const sysctl = sysctls[c.id];
  if (sysctl !== undefined) return expectSame(c.id, c.value, new Tracker().host.readSysctl(`net.netfilter.nf_conntrack_${sysctl}`));
  switch (c.id) {
    case 'tcp-syn-sent2': {
      const t = new Tracker();
      const client: Tcp = { src: POD, sport: 40_000, dst: BACKEND, dport: 80 };
      t.send(tcpPacket({ ...client, flags: 'S', seq: 1 }));
      const { tcpState, entry } = t.send(tcpPacket({ ...reverse(client), flags: 'S', seq: 1 }));
      // A second that has begun is not told.
      const left = entry?.secondsLeft ?? 0;
      return expectSame(c.id, ['SYN_SENT2', c.value], [tcpState, left + 1 === c.value ? c.value : left]);
    }
    case 'tcp-max-ack-window-floor': {
      const verdict = windowOnKernel({ id: c.id, bound: 'ack-lower' });
      return verdict.kind === 'passed' ? expectSame(c.id, c.value, 66_000) : verdict;
    }
    case 'nat-port-class-low':
      return expectSame(c.id, c.value, portClass(100, 4000));
    case 'nat-port-class-middle':
    case 'nat-port-class-mid':
      return expectSame(c.id, c.value, portClass(600, 4000));
    case 'nat-port-class-high': {
      // Too many ports to see each: none below the class, and some near both of its ends.
      const [low, high] = portClass(2000, 4000);
      const [from, to] = c.value as readonly [number, number];
      return expectSame(c.id, [true, true], [low >= from && low < from + 200, high <= to && high > to - 200]);
    }
  }
  return unsupported('nothing that a kernel shows tells it');
}

/** Lowest and highest source port that many hosts with this one are given, which are all in each other's way. */
function portClass(port: number, hosts: number): [number, number] {
  const { net } = new NatBench();
  const inside = net.hostAt('10.0.0.11')!;
  inside.stack.silent = true;
  const seen = new Set<number>();
  const what = protocolOf('udp')!;
  for (let n = 0; n < hosts; n++) {
    net.network.begin();
    const attempt = new Attempt(inside, { what, src: `10.1.${n >> 8}.${n & 255}`, sport: port, dst: OUTSIDE.servers[0], dport: 5432 });
    const arrived = attempt.run(net.network).arrivals(net.network)[0];
    if (arrived) seen.add(arrived.packet.sport);
  }
  return [Math.min(...seen), Math.max(...seen)];
}

/** What the tools say of a kernel that lacks a module. */
const MODULE =
  /No chain\/target\/match by that name|Couldn't load (match|target)|No such file or directory|Protocol not supported|not supported/;

/** iptables/rules and iptables/rules-extra: the installed iptables, in its legacy variant, with the kernel behind it. */
export const rulesOnKernel =
  (missingModules: boolean) =>
  (c: RuleCase): Verdict => {
    const host = ruledHost({ name: 'node', interfaces: [], routes: [] });
    const want = wanted(c, missingModules);
    for (const step of c.setup ?? []) {
      try {
        const [name, ...args] = shellWords(step);
        host.tool(name === 'iptables' ? 'iptables-legacy' : name!, args);
      } catch {
        return unsupported(`cannot set up: ${step}`);
      }
    }
    for (const chain of c.chains) {
      const verdict = tryChain(host, c, chain, want);
      if (verdict.kind !== 'passed') return verdict;
    }
    return passed;
  };

function tryChain(host: RuledHost, c: RuleCase, chain: string, want: Result): Verdict {
  try {
    host.iptables(['-t', c.table, '-A', chain, ...shellWords(c.args)]);
  } catch (error) {
    if (!(error instanceof LabError)) throw error;
    if (!want.accepted) return passed;
    return MODULE.test(error.message) ? unsupported(error.message) : failed(`${chain}: refused: ${error.message}`);
  }
  const saved = host.tool('iptables-legacy', ['-t', c.table, '-S', chain]).trimEnd().split('\n').at(-1)!.slice(`-A ${chain} `.length);
  if (!want.accepted) return failed(`${chain}: taken and printed as: ${saved}`);
  const expected = want.saved ?? c.args;
  return saved === expected ? passed : failed(`${chain}: expected: ${expected}, got: ${saved}`);
}
