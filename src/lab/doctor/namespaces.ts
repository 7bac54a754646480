/** Namespaces of our own: a lab lives in them, so that it needs no root on the host and leaves nothing behind. */
import { type Check, type Finding, lastLine, type Machine, missing, ok } from './check.ts';

const SYSCTL = '/proc/sys/';

export const namespaces: Check = {
  name: 'namespaces',
  use: 'user, mount, PID and network namespaces of its own for each lab',
  required: true,
  run(machine) {
    const { status, output } = machine.sandbox('test "$(id -u)" = 0 && test $$ = 1\nip link set lo up');
    if (status === 0)
      return ok(machine.uid === 0 ? 'mount, PID and network (root needs no user namespace)' : 'user, mount, PID and network');
    return refusal(machine, lastLine(output));
  },
};

/** Why unshare(1) was refused: the switches that distributions and containers have for it, the most definite first. */
function refusal(machine: Machine, said: string): Finding {
  const at = (name: string): string | undefined => machine.readLine(SYSCTL + name.replaceAll('.', '/'));
  const asRoot = 'or run kubehop with sudo';
  const lasting = (setting: string) =>
    `sudo sysctl -w ${setting}; to make it last: echo ${setting} | sudo tee /etc/sysctl.d/60-kubehop-userns.conf; ${asRoot}`;
  if (/ENOENT|not found/.test(said) && /unshare/.test(said)) return missing('unshare is not installed', 'sudo apt-get install util-linux');
  if (machine.uid === 0)
    return missing(
      `root may not make them here: ${said}`,
      'a container needs CAP_SYS_ADMIN and CAP_NET_ADMIN: run it --privileged, or use a virtual machine',
    );
  if (at('kernel.apparmor_restrict_unprivileged_userns') === '1') {
    return missing(
      'AppArmor keeps ordinary users from user namespaces (Ubuntu does so since 23.10)',
      lasting('kernel.apparmor_restrict_unprivileged_userns=0'),
    );
  }
  if (at('kernel.unprivileged_userns_clone') === '0') {
    return missing('user namespaces are switched off for ordinary users', lasting('kernel.unprivileged_userns_clone=1'));
  }
  if (at('user.max_user_namespaces') === '0')
    return missing('no user namespaces allowed at all', lasting('user.max_user_namespaces=15000'));
  return missing(
    `refused: ${said}`,
    'a container or a seccomp filter is in the way: use a virtual machine (`vagrant up`), or run kubehop with sudo',
  );
}
