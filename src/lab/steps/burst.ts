/** Many connections, one after the other: the same probe from as many source ports, each with a sequence number of its own. */
import { formatIpv4, parseIpv4 } from '../../base/address.ts';
import { LabError } from '../../base/errors.ts';
import { PacketSocket } from '../../device/packet-socket.ts';
import { type Arena, arena } from '../../os/memory.ts';
import { insideNetns } from '../../os/netns.ts';
import { Packet } from '../../packet/packet.ts';
import type { Clients, ProbePacket } from '../definition.ts';
import type { Sight } from '../sight.ts';
import type { Topology } from '../topology/model.ts';
import { probeFrame } from './probe-frame.ts';
import type { Watcher } from './watcher.ts';

/** Connections at once: few enough that no ring on the way fills. */
const AT_ONCE = 128;
const ANSWER_MS = 1000;
const LARGEST_FRAME = 128;

export type TcpProbe = Extract<ProbePacket, { protocol: 'tcp' }>;

export interface Burst {
  topology: Topology;
  /** Path of the sender's namespace. */
  netns: string;
  from: string;
  packet: TcpProbe;
  flows: number;
  clients: Clients;
  /** Looks at the sender's interface: a connection is answered by SYN,ACK or RST. */
  watcher: Watcher;
  /** Whoever captures this has seen what there was. */
  keepUp: () => Promise<void>;
}

/** NAT changes ports and addresses and leaves the sequence number alone: it tells at every hop which connection a SYN is of. */
export const flowPacket = (packet: TcpProbe, flow: number, { first, count }: Clients): TcpProbe => ({
  ...packet,
  ...(first !== undefined && { src: formatIpv4(parseIpv4(first) + (flow % count)) }),
  srcPort: packet.srcPort + flow,
  seq: packet.seq + flow,
});
/** @returns number of the connection, or -1 for a SYN that is none of them */
export const flowOf = (packet: TcpProbe, flows: number, seq: number): number =>
  seq >= packet.seq && seq < packet.seq + flows ? seq - packet.seq : -1;

/** Sends as fast as answers come and the capture keeps up; what is not answered is not waited for twice. @throws LabError DEVICE, NETNS_EPERM, OS */
export async function sendBurst({ topology, netns, from, packet, flows, clients, watcher, keepUp }: Burst): Promise<void> {
  const socket = insideNetns(netns, () => new PacketSocket('eth0', { frames: 64 }));
  try {
    const memory = arena(AT_ONCE * LARGEST_FRAME);
    const answers = new Answers(watcher, `${from}/eth0`);
    let lost = 0;
    for (let sent = 0; sent < flows; ) {
      const until = Math.min(sent + AT_ONCE, flows);
      for (let slot = 0; sent < until; slot++, sent++)
        place(socket, memory, slot * LARGEST_FRAME, probeFrame(topology, from, flowPacket(packet, sent, clients), sent));
      socket.flush();
      if (socket.failure !== undefined) throw socket.failure;
      if (!(await watcher.until(() => answers.count() >= sent - lost, ANSWER_MS))) lost = sent - answers.count();
      await watcher.during(keepUp());
    }
  } finally {
    socket.close();
  }
}

function place(socket: PacketSocket, memory: Arena, at: number, frame: Uint8Array): void {
  memory.bytes.set(frame, at);
  const packet = new Packet();
  packet.borrow(memory, at, at, at + frame.length, at + frame.length);
  if (!socket.transmit(packet)) throw new LabError('DEVICE', `"${socket.name}" did not take a probe`);
}

/** Counts what has come since the last look, so that thousands are not looked through again and again. */
class Answers {
  readonly #seen: () => readonly Sight[];
  #looked = 0;
  #count = 0;

  constructor(watcher: Watcher, hop: string) {
    this.#seen = () => watcher.at(hop);
  }

  count(): number {
    const seen = this.#seen();
    for (; this.#looked < seen.length; this.#looked++) {
      const { direction, flags } = seen[this.#looked]!;
      if (direction === 'in' && (flags === 'SYN,ACK' || flags === 'RST,ACK')) this.#count++;
    }
    return this.#count;
  }
}
