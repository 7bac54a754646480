/** The real device of a port: packet socket, TAP or TUN in this thread's namespace. */
import { parseMac } from '../base/address.ts';
import type { Device } from '../device/device.ts';
import { PacketSocket } from '../device/packet-socket.ts';
import { silenceKernel } from '../device/silence.ts';
import { openTap } from '../device/tap.ts';
import { openTun } from '../device/tun.ts';
import type { Region } from '../os/memory.ts';
import type { Closable } from './build.ts';
import type { PortDescription } from './description.ts';

/**
 * @param memory for the packets that the device keeps itself
 * @throws LabError naming the interface; what was opened before stands in `opened`.
 */
export function openPort(port: PortDescription, opened: Closable[], memory: (size: number) => Region): Device {
  const name = port.interface ?? port.name;
  const mtu = port.mtu === undefined ? {} : { mtu: port.mtu };
  const mac = port.mac === undefined ? {} : { mac: parseMac(port.mac) };
  switch (port.kind) {
    case 'packet': {
      opened.push(silenceKernel(name));
      const { offload, qdiscBypass = false } = port;
      const socket = new PacketSocket(name, { offload, qdiscBypass, promiscuous: port.mac !== undefined, memory });
      if (port.mac !== undefined) socket.mac.set(parseMac(port.mac));
      if (port.mtu !== undefined) socket.mtu = port.mtu;
      return socket;
    }
    case 'tap':
      return openTap({ name, ...mtu, ...mac, offload: port.offload, memory });
    case 'tun':
      return openTun({ name, ...mtu, offload: port.offload, memory });
  }
}
