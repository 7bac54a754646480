/** netfilter/constants: defaults and limits, each observed in what conntrack does or says. */
import { parseIpv4 } from '../../../src/base/address.ts';
import { Manip, RangeFlag } from '../../../src/conntrack/nat/range.ts';
import { MAX_ATTEMPTS } from '../../../src/conntrack/nat/taken.ts';
import { SYN_SENT2_S } from '../../../src/conntrack/timeouts.ts';
import { Hook } from '../../../src/packet/verdict.ts';
import { udpPacket, world } from '../../conntrack/packets.ts';
import { defineSet, expectSame, unsupported } from '../set.ts';
import { tcpWindowRules } from './netfilter-tcp-window-rules.ts';

export interface ConstantCase {
  readonly id: string;
  readonly value: number | readonly [number, number];
}

/** Sysctls by case; the rest of a name follows nf_conntrack_. */
export const sysctls: Record<string, string> = {
  'tcp-loose-default': 'tcp_loose',
  'tcp-be-liberal-default': 'tcp_be_liberal',
  'tcp-max-retrans': 'tcp_max_retrans',
  'tcp-unacknowledged': 'tcp_timeout_unacknowledged',
  'tcp-retrans': 'tcp_timeout_max_retrans',
  'udp-unreplied': 'udp_timeout',
  'udp-stream': 'udp_timeout_stream',
  'udp-replied': 'udp_timeout_stream',
  icmp: 'icmp_timeout',
  generic: 'generic_timeout',
};
for (const state of ['syn-sent', 'syn-recv', 'established', 'fin-wait', 'close-wait', 'last-ack', 'time-wait', 'close']) {
  sysctls[`tcp-${state}`] = `tcp_timeout_${state.replace('-', '_')}`;
}

/** Lowest and highest source port that many flows with this one are given, which are all in each other's way. */
function portClass(port: number): [number, number] {
  const w = world({ capacity: 65_536 });
  const [node, seen] = [parseIpv4('192.168.56.11'), new Set<number>()];
  for (let n = 0; n < 4000; n++) {
    const p = udpPacket({ src: `10.244.${n >> 8}.${n & 255}`, sport: port, dst: '203.0.113.9' });
    w.ct.track(p, Hook.Prerouting);
    w.ct.nat.bind(p.ct, Manip.Src, RangeFlag.MapIps, node, node, 0, 0);
    w.ct.confirm(p);
    if (p.ct >= 0) seen.add(w.ct.replyDstPort(p.ct));
  }
  return [Math.min(...seen), Math.max(...seen)];
}

export const constants = defineSet<ConstantCase>('netfilter/constants', async c => {
  const sysctl = sysctls[c.id];
  if (sysctl !== undefined) return expectSame(c.id, c.value, world().ct.sysctl.get(`nf_conntrack_${sysctl}`));
  switch (c.id) {
    case 'tcp-syn-sent2':
      return expectSame(c.id, c.value, SYN_SENT2_S);
    case 'tcp-max-ack-window-floor': {
      const verdict = await tcpWindowRules.check({ id: c.id, bound: 'ack-lower' } as never, { schema: '', cases: [] });
      return verdict.kind === 'passed' ? expectSame(c.id, c.value, 66_000) : verdict;
    }
    case 'nat-port-class-low':
      return expectSame(c.id, c.value, portClass(100));
    case 'nat-port-class-middle':
    case 'nat-port-class-mid':
      return expectSame(c.id, c.value, portClass(600));
    case 'nat-port-class-high': {
      // Too many ports to see each: none below the class, and some near both of its ends.
      const [low, high] = portClass(2000);
      const [from, to] = c.value as readonly [number, number];
      return expectSame(c.id, [true, true], [low >= from && low < from + 200, high <= to && high > to - 200]);
    }
    case 'nat-max-attempts':
      return expectSame(c.id, c.value, MAX_ATTEMPTS);
  }
  return unsupported(`nothing here is called "${c.id}"`);
});
