/** /dev/net/tun: opened, and an interface of each kind made in a namespace of our own. */
import { type Check, lastLine, missing, ok, SETUP } from './check.ts';

export const tun: Check = {
  name: 'tun',
  use: 'TAP and TUN ports of a userspace node',
  required: true,
  run({ sandbox }) {
    const { status, output } = sandbox(
      'ls /dev/net/tun >/dev/null\nip tuntap add dev tap0 mode tap vnet_hdr\nip tuntap add dev tun0 mode tun',
    );
    if (status === 0) return ok('/dev/net/tun opens; TAP and TUN interfaces can be made');
    const said = lastLine(output);
    if (/ls: .*No such file/.test(said)) return missing('/dev/net/tun does not exist', `${SETUP} (it loads the module tun)`);
    if (/Permission denied/.test(said))
      return missing(
        '/dev/net/tun may not be opened by this user',
        `${SETUP} (it opens it by a udev rule: the kernel still asks for CAP_NET_ADMIN in the namespace)`,
      );
    return missing(`/dev/net/tun: ${said}`, SETUP);
  },
};
