/** What the page shows, as it stands in it: JSON that `lab` makes of a run's folder. */
import type { JourneyHeader, JourneyRecord } from '../capture/journey/record.ts';

export interface ReportData {
  /** Number of the exercise. */
  lab: string;
  title: string;
  /** One or two: userspace and kernel, side by side. */
  runs: ReportRun[];
  places: Place[];
  /** When both data planes ran. */
  verdict?: { same: boolean; text: string };
}

export interface ReportRun {
  label: string;
  header: JourneyHeader;
  /** By packet, each in the order of its way. */
  records: ReportRecord[];
  /** Packets of the journey that are not in here: the page would be too large. */
  leftOut: number;
  /** What conntrack(8) said at the end, by node. */
  conntrack: Record<string, string>;
}

export interface ReportRecord extends JourneyRecord {
  /** The frame as the hop saw it, hexadecimal: all headers, and the beginning of the payload. */
  bytes: string;
  /** Entries of the node's connection table that this packet has made or changed here, as they are now. */
  tracked?: TrackedEntry[];
}

/** One line of a node's connection table at one moment: the packets seen so far replayed through the kernel's table of states. */
export interface TrackedEntry {
  /** The same for every state of one entry of a node. */
  id: number;
  node: string;
  protocol: string;
  original: Ends;
  /** The answer that is awaited: not the original turned round where an address is translated. */
  reply: Ends;
  /** TCP's state; empty for other protocols. */
  state: string;
  /** In the table for all to see: its first packet has passed the last hook. */
  confirmed: boolean;
  /** Packets of either direction. */
  seen: [number, number];
}

export interface Ends {
  src: string;
  srcPort: number;
  dst: string;
  dstPort: number;
}

/** A namespace, as it is drawn. */
export interface Place {
  name: string;
  role: 'client' | 'upstream' | 'switch' | 'node' | 'pod';
  address?: string;
  /** What it hangs on: a pod on its node, a node on `lan0`, a client on `upstream` or `lan0`. */
  on?: string;
  /** Of a node: do its rules and its connection table see what its bridge carries from pod to pod (bridge-nf-call-iptables)? */
  bridgeNf?: boolean;
  /** Interfaces at which packets are looked at, as hops are called. */
  hops: string[];
}
