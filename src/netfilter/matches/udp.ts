/** UDP header: ports (`xt_tcpudp`). */
import type { UdpMatch } from '../ruleset.ts';
import { defineMatch } from '../text/extension.ts';
import { listPorts, printPorts, resolvedRange } from '../text/ports.ts';

export const udp = defineMatch('udp', {
  options: {
    sport: { parse: resolvedRange, not: true, aliases: ['source-port'] },
    dport: { parse: resolvedRange, not: true, aliases: ['destination-port'] },
  },
  read: ({ sport, dport }): UdpMatch => ({
    kind: 'udp',
    ...(sport && { srcPort: { ...sport.value, not: sport.not } }),
    ...(dport && { dstPort: { ...dport.value, not: dport.not } }),
  }),
  print: m => printPorts('--sport', m.srcPort) + printPorts('--dport', m.dstPort),
  list: (m, { numeric }) => ` udp${listPorts('spt', m.srcPort, 'udp', numeric)}${listPorts('dpt', m.dstPort, 'udp', numeric)}`,
  places: { protocols: [17] },
});
