/** The faults, in the order of their numbers. Whoever wants to find them by looking for them reads no further. */
import type { Trouble } from '../../src/lab/trouble/trouble.ts';
import { bridgeNf } from './faults/01-bridge-nf.ts';
import { hairpin } from './faults/02-hairpin.ts';
import { targetPort } from './faults/03-target-port.ts';
import { readiness } from './faults/04-readiness.ts';
import { forwardDrop } from './faults/05-forward-drop.ts';
import { nodePortAddresses } from './faults/06-node-port-addresses.ts';
import { publicIp } from './faults/07-public-ip.ts';
import { rpFilter } from './faults/08-rp-filter.ts';
import { mtu } from './faults/09-mtu.ts';
import { mark } from './faults/10-mark.ts';
import { staleUdp } from './faults/11-stale-udp.ts';
import { sourceRanges } from './faults/12-source-ranges.ts';
import { conntrackFull } from './faults/13-conntrack-full.ts';

export const troubles: readonly Trouble[] = [
  bridgeNf,
  hairpin,
  targetPort,
  readiness,
  forwardDrop,
  nodePortAddresses,
  publicIp,
  rpFilter,
  mtu,
  mark,
  staleUdp,
  sourceRanges,
  conntrackFull,
];
