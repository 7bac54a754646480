/**
 * What ioctl says and changes about one interface (netdevice(7)). A socket belongs to the namespace where it was made, so an
 * `InterfaceControl` goes on speaking to that namespace wherever its thread goes.
 */
import { LabError } from '../base/errors.ts';
import { check } from './errno.ts';
import { AF_INET, close, ioctl, SOCK_CLOEXEC, SOCK_DGRAM, socket } from './libc.ts';
import { arena } from './memory.ts';

const SIOCGIFNAME = 0x8910;
const SIOCGIFFLAGS = 0x8913;
const SIOCSIFFLAGS = 0x8914;
const SIOCGIFMTU = 0x8921;
const SIOCSIFMTU = 0x8922;
const SIOCSIFHWADDR = 0x8924;
const SIOCGIFHWADDR = 0x8927;
const SIOCGIFINDEX = 0x8933;
const SIOCETHTOOL = 0x8946;

const ETHTOOL_GSET = 1;
const ETHTOOL_GDRVINFO = 3;
/** struct ethtool_drvinfo, the longer of the two: driver at 4 (32 bytes). Of struct ethtool_cmd: speed at 12, its upper half at 28 (int16). */
const ETHTOOL_LEN = 196;
const SPEED_UNKNOWN = 0xffff_ffff;

export const IFF_UP = 1;
export const IFF_RUNNING = 0x40;
const ARPHRD_ETHER = 1;

//  struct ifreq: 0 name (16 bytes, zero at its end), 16 union: flags (int16), mtu or ifindex (int32), sockaddr (family, then the MAC at 18)
const IFREQ_LEN = 40;
const IFNAMSIZ = 16;
const UNION = 16;

/** Write an interface's name into `b` at `at`. @throws LabError DEVICE when it has no place there. */
export function setInterfaceName(b: Uint8Array, name: string, at = 0): void {
  const bytes = Buffer.from(name);
  if (bytes.length === 0 || bytes.length >= IFNAMSIZ)
    throw new LabError('DEVICE', `not an interface name: "${name}": must have 1 to 15 bytes`);
  b.fill(0, at, at + IFNAMSIZ);
  b.set(bytes, at);
}

export class InterfaceControl {
  readonly #fd = check(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), 'socket', 'AF_INET for interface ioctl');
  readonly #request = arena(IFREQ_LEN);
  readonly #view = new DataView(this.#request.bytes.buffer);

  #ask(request: number, call: string, name: string): void {
    check(ioctl(this.#fd, request, this.#request.base), `ioctl ${call}`, `"${name}"`, 'DEVICE');
  }
  #name(name: string): void {
    this.#request.bytes.fill(0);
    setInterfaceName(this.#request.bytes, name);
  }

  ifindex(name: string): number {
    this.#name(name);
    this.#ask(SIOCGIFINDEX, 'SIOCGIFINDEX', name);
    return this.#view.getInt32(UNION, true);
  }
  mtu(name: string): number {
    this.#name(name);
    this.#ask(SIOCGIFMTU, 'SIOCGIFMTU', name);
    return this.#view.getInt32(UNION, true);
  }
  setMtu(name: string, mtu: number): void {
    this.#name(name);
    this.#view.setInt32(UNION, mtu, true);
    this.#ask(SIOCSIFMTU, `SIOCSIFMTU ${mtu}`, name);
  }
  /** `veth`, `bridge`; '' when the driver does not say. */
  driver(name: string): string {
    const answer = this.#ethtool(ETHTOOL_GDRVINFO, name);
    return answer === undefined ? '' : Buffer.from(answer.subarray(4, 36)).toString().replace(/\0.*$/s, '');
  }
  /** As ethtool(8) shows it, in Mbit/s; undefined when the driver does not say. A veth calls itself 10000 and has no limit. */
  speedMbps(name: string): number | undefined {
    const answer = this.#ethtool(ETHTOOL_GSET, name);
    if (answer === undefined) return undefined;
    const view = new DataView(answer.buffer, answer.byteOffset);
    const speed = ((view.getUint16(28, true) << 16) | view.getUint16(12, true)) >>> 0;
    return speed === 0 || speed === SPEED_UNKNOWN ? undefined : speed;
  }
  #ethtool(command: number, name: string): Uint8Array | undefined {
    const answer = arena(ETHTOOL_LEN);
    new DataView(answer.bytes.buffer).setUint32(0, command, true);
    this.#name(name);
    this.#view.setBigUint64(UNION, BigInt(answer.base), true);
    return ioctl(this.#fd, SIOCETHTOOL, this.#request.base) < 0 ? undefined : answer.bytes;
  }
  mac(name: string): Uint8Array {
    this.#name(name);
    this.#ask(SIOCGIFHWADDR, 'SIOCGIFHWADDR', name);
    return this.#request.bytes.slice(UNION + 2, UNION + 8);
  }
  setMac(name: string, mac: Uint8Array): void {
    this.#name(name);
    this.#view.setUint16(UNION, ARPHRD_ETHER, true);
    this.#request.bytes.set(mac.subarray(0, 6), UNION + 2);
    this.#ask(SIOCSIFHWADDR, 'SIOCSIFHWADDR', name);
  }
  flags(name: string): number {
    this.#name(name);
    this.#ask(SIOCGIFFLAGS, 'SIOCGIFFLAGS', name);
    return this.#view.getUint16(UNION, true);
  }
  setUp(name: string, up: boolean): void {
    const flags = this.flags(name); // leaves the name in the request
    this.#view.setUint16(UNION, up ? flags | IFF_UP : flags & ~IFF_UP, true);
    this.#ask(SIOCSIFFLAGS, up ? 'SIOCSIFFLAGS up' : 'SIOCSIFFLAGS down', name);
  }

  /** Flags of the interface with this index, whatever its name is by now; -1 when it does not exist any more. Does not throw or allocate. */
  flagsOf(ifindex: number): number {
    this.#request.bytes.fill(0);
    this.#view.setInt32(UNION, ifindex, true);
    if (ioctl(this.#fd, SIOCGIFNAME, this.#request.base) < 0) return -1; // ENODEV
    if (ioctl(this.#fd, SIOCGIFFLAGS, this.#request.base) < 0) return -1;
    return this.#view.getUint16(UNION, true);
  }

  close(): void {
    close(this.#fd);
  }
}
