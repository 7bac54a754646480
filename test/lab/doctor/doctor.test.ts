import { describe, expect, test } from 'vitest';
import { bridgeNetfilter } from '../../../src/lab/doctor/bridge-netfilter.ts';
import type { Machine } from '../../../src/lab/doctor/check.ts';
import { checks, diagnose } from '../../../src/lab/doctor/doctor.ts';
import { foreignCalls } from '../../../src/lab/doctor/foreign-calls.ts';
import { iptablesNft } from '../../../src/lab/doctor/iptables.ts';
import { veth } from '../../../src/lab/doctor/links.ts';
import { namespaces } from '../../../src/lab/doctor/namespaces.ts';
import { nodeVersion } from '../../../src/lab/doctor/node-version.ts';
import { unshareArguments } from '../../../src/lab/doctor/sandbox.ts';
import { stateDirectory } from '../../../src/lab/doctor/state-directory.ts';
import { tun } from '../../../src/lab/doctor/tun.ts';

const machine = (over: Partial<Machine> = {}): Machine => ({
  uid: 1000,
  env: {},
  nodeVersion: '24.21.0',
  readLine: () => undefined,
  sandbox: () => ({ status: 0, output: '' }),
  ...over,
});
const saying = (output: string, over: Partial<Machine> = {}) => machine({ sandbox: () => ({ status: 1, output }), ...over });

describe('doctor', () => {
  test('says that labs can run when all that is required is there', async () => {
    const found = await diagnose(machine(), [nodeVersion, namespaces, veth, tun]);
    expect(found.labsCanRun).toBe(true);
    expect(found.findings.map(f => f.finding.state)).toEqual(['ok', 'ok', 'ok', 'ok']);
  });

  test('says that they cannot when one required thing is missing, with the mend', async () => {
    const found = await diagnose(machine({ nodeVersion: '20.19.0' }), [nodeVersion, veth]);
    expect(found.labsCanRun).toBe(false);
    expect(found.findings[0]!.finding).toEqual({
      state: 'missing',
      detail: 'Node.js 20.19.0, and 22.19 or later is needed',
      mend: 'sudo scripts/setup (it brings Node.js 24 as an npm package)',
    });
  });

  test('does without what is not required', async () => {
    const extra = { ...veth, required: false };
    expect((await diagnose(saying('no'), [nodeVersion, extra])).labsCanRun).toBe(true);
  });

  test('leaves untried what needs a namespace when none can be made', async () => {
    const found = await diagnose(saying('unshare failed: Operation not permitted'), [nodeVersion, namespaces, veth]);
    expect(found.findings.map(f => f.finding.state)).toEqual(['ok', 'missing', 'untried']);
    expect(found.labsCanRun).toBe(false);
  });

  test('names each check once', () => {
    const names = checks.map(check => check.name);
    expect(new Set(names).size).toBe(names.length);
  });

  test('tries things in the namespaces of a lab: without a user namespace as root, with one as anybody else', () => {
    expect(unshareArguments(0)).not.toContain('--user');
    expect(unshareArguments(1000).slice(0, 2)).toEqual(['--user', '--map-root-user']);
  });
});

describe('namespaces', () => {
  const refused = (switches: Record<string, string>, uid = 1000) =>
    namespaces.run(saying('unshare: unshare failed: Operation not permitted', { uid, readLine: path => switches[path] })) as {
      detail: string;
      mend: string;
    };

  test('names the AppArmor switch of Ubuntu', () => {
    const { detail, mend } = refused({ '/proc/sys/kernel/apparmor_restrict_unprivileged_userns': '1' });
    expect(detail).toContain('AppArmor');
    expect(mend).toContain('sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0');
  });
  test('names the switch of Debian', () => {
    expect(refused({ '/proc/sys/kernel/unprivileged_userns_clone': '0' }).mend).toContain('kernel.unprivileged_userns_clone=1');
  });
  test('names the limit', () => {
    expect(refused({ '/proc/sys/user/max_user_namespaces': '0' }).mend).toContain('user.max_user_namespaces=');
  });
  test('points root to the container that it is in', () => {
    expect(refused({}, 0).mend).toContain('--privileged');
  });
  test('repeats what was said when no switch explains it', () => {
    expect(refused({}).detail).toContain('Operation not permitted');
  });
});

test.each([
  ['ls: cannot access /dev/net/tun: No such file or directory', '/dev/net/tun does not exist'],
  ['open: Permission denied', '/dev/net/tun may not be opened by this user'],
  ['ioctl(TUNSETIFF): Device or resource busy', '/dev/net/tun: ioctl(TUNSETIFF): Device or resource busy'],
])('tun: "%s" is told as "%s"', (output, detail) => {
  expect(tun.run(saying(output))).toMatchObject({ state: 'missing', detail, mend: expect.stringContaining('sudo scripts/setup') });
});

test('iptables: the kinds of rules that the kernel refuses have their names', () => {
  const found = iptablesNft.run(machine({ sandbox: () => ({ status: 0, output: 'missing recent\nmissing CT\n' }) }));
  expect(found).toMatchObject({ state: 'missing', detail: 'the kernel refuses: recent, CT' });
});

test('iptables: a back end that is not installed is told so', () => {
  const found = iptablesNft.run(machine({ sandbox: () => ({ status: 127, output: 'no iptables-nft\n' }) }));
  expect(found).toMatchObject({ state: 'missing', detail: 'no iptables-nft' });
});

test('bridge-nf: the sysctl itself is asked for, not a module', () => {
  expect(bridgeNetfilter.run(saying('no net.bridge.bridge-nf-call-iptables in a new network namespace\n'))).toMatchObject({
    state: 'missing',
    detail: 'no net.bridge.bridge-nf-call-iptables in a new network namespace',
  });
});

test('koffi loads where these tests run', async () => {
  expect(await foreignCalls.run(machine())).toMatchObject({ state: 'ok' });
});

test('state: a directory that cannot be made is named', () => {
  expect(stateDirectory.run(machine({ env: { XDG_STATE_HOME: '/dev/null' } }))).toMatchObject({
    state: 'missing',
    detail: '/dev/null/kubehop cannot be written: ENOTDIR',
  });
});
