import { expect, test } from 'vitest';
import { LabError } from '../../src/base/errors.ts';
import { sysctlCommand } from '../../src/node/sysctl-command.ts';

function values(start: Record<string, number>) {
  const held = { ...start };
  const access = async (name: string, value: number | null): Promise<number> => {
    if (held[name] === undefined) throw new LabError('BAD_INPUT', `sysctl ${name}: the router does not know this name`);
    if (Number.isNaN(value)) throw new LabError('BAD_INPUT', `sysctl ${name}: must be an integer`);
    if (value !== null) held[name] = value;
    return held[name];
  };
  return { held, access };
}

test('reads by either form of the name', async () => {
  const { access } = values({ 'net.ipv4.conf.eth0.route_localnet': 0, 'net.ipv4.conf.flannel/1.rp_filter': 2 });
  const { stdout, status } = await sysctlCommand(['net.ipv4.conf.eth0.route_localnet', 'net/ipv4/conf/flannel.1/rp_filter'], access);
  expect({ stdout, status }).toEqual({
    stdout: 'net.ipv4.conf.eth0.route_localnet = 0\nnet.ipv4.conf.flannel/1.rp_filter = 2\n',
    status: 0,
  });
});

test('writes with and without -w, and says what stands there now', async () => {
  const { held, access } = values({ 'net.ipv4.ip_forward': 0, 'net.ipv4.ip_default_ttl': 64 });
  const { stdout } = await sysctlCommand(['-w', 'net.ipv4.ip_forward=1', 'net.ipv4.ip_default_ttl=32'], access);
  expect(stdout).toBe('net.ipv4.ip_forward = 1\nnet.ipv4.ip_default_ttl = 32\n');
  expect(held).toEqual({ 'net.ipv4.ip_forward': 1, 'net.ipv4.ip_default_ttl': 32 });
});

test('-n is the value alone, -q says nothing of what it writes', async () => {
  const { access } = values({ 'net.ipv4.ip_forward': 1 });
  expect(await sysctlCommand(['-n', 'net.ipv4.ip_forward'], access)).toMatchObject({ stdout: '1\n' });
  expect(await sysctlCommand(['-q', 'net.ipv4.ip_forward=0'], access)).toMatchObject({ stdout: '', status: 0 });
});

test('goes on after a name that is not known, or a word that is no number, and ends with 1', async () => {
  const { held, access } = values({ 'net.ipv4.ip_forward': 0 });
  const result = await sysctlCommand(['net.ipv4.nothing=1', 'net.ipv4.ip_forward=yes', 'net.ipv4.ip_forward=1'], access);
  expect(result).toEqual({
    stdout: 'net.ipv4.ip_forward = 1\n',
    stderr: 'sysctl net.ipv4.nothing: the router does not know this name\nsysctl net.ipv4.ip_forward: must be an integer\n',
    status: 1,
  });
  expect(held['net.ipv4.ip_forward']).toBe(1);
});

test('names the option that it does not know', async () => {
  expect(await sysctlCommand(['-a'], values({}).access)).toMatchObject({ stderr: expect.stringContaining('"-a"'), status: 1 });
});

test('takes short options together, as people type them', async () => {
  const { held, access } = values({ 'net.ipv4.ip_forward': 0 });
  expect(await sysctlCommand(['-qw', 'net.ipv4.ip_forward=1'], access)).toEqual({ stdout: '', stderr: '', status: 0 });
  expect(held).toEqual({ 'net.ipv4.ip_forward': 1 });
  expect(await sysctlCommand(['-wx', 'net.ipv4.ip_forward=1'], access)).toMatchObject({
    status: 1,
    stderr: expect.stringContaining(`unknown option "-x"`),
  });
});
