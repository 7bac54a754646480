/** Puts a frame on a wire of a lab, past the sender's own network stack. */
import { LabError } from '../../base/errors.ts';
import { PacketSocket } from '../../device/packet-socket.ts';
import { arena } from '../../os/memory.ts';
import { insideNetns } from '../../os/netns.ts';
import { Packet } from '../../packet/packet.ts';

/** @param netns path of the sender's namespace @throws LabError DEVICE, NETNS_EPERM, OS */
export function inject(netns: string, name: string, frame: Uint8Array): void {
  insideNetns(netns, () => {
    const socket = new PacketSocket(name, { frames: 8 });
    try {
      const memory = arena(frame.length);
      memory.bytes.set(frame);
      const packet = new Packet();
      packet.borrow(memory, 0, 0, frame.length, frame.length);
      const taken = socket.transmit(packet);
      socket.flush();
      if (!taken || socket.failure !== undefined) throw socket.failure ?? new LabError('DEVICE', `"${name}" did not take the probe`);
    } finally {
      socket.close();
    }
  });
}
