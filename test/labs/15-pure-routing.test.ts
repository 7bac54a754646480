import { execFileSync, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { findBird } from '../../src/lab/bird/program.ts';
import { hostState, Kubehop, lacking, title } from './support.ts';

const FIXTURES = fileURLToPath(new URL('../fixtures/labs', import.meta.url));
const noBird = findBird() === undefined ? 'there is no BIRD here: package bird2' : '';
const PROBE = 'kubehop-ipip';
/** Has this kernel the module? */
const kernelIpip = (): boolean => {
  const made = spawnSync('ip', ['link', 'add', PROBE, 'type', 'ipip', 'local', '127.0.0.1', 'remote', '127.0.0.2']).status === 0;
  if (made) execFileSync('ip', ['link', 'del', PROBE]);
  return made;
};

const kubehop = new Kubehop();
const fixtures = { KUBEHOP_LABS: FIXTURES };
const output = async (where: string, command: string): Promise<string> => {
  const { stdout, stderr } = await kubehop.run('exec', where, '--', 'sh', '-c', command);
  return stdout + stderr;
};
const routes = (node: string) => output(node, 'ip route');

afterEach(() => kubehop.run('lab', 'down', '--all'));
afterAll(() => kubehop.close());

describe.skipIf(lacking !== '' || noBird !== '')(title(`exercise 15${noBird === '' ? '' : ` (skipped: ${noBird})`}`), () => {
  test.each(['both', 'userspace:node1,userspace:node2,kernel:node3', 'kernel:node1,userspace:node2,userspace:node3'])(
    'on %s passes',
    { timeout: 300_000 },
    async on => {
      const { code, stdout, stderr } = await kubehop.run('lab', 'run', '15', '--on', on);
      expect({ code, stderr: code === 0 ? '' : stderr + stdout }).toEqual({ code: 0, stderr: '' });
    },
  );

  test('with IPIP passes, and where the kernel has none says so', { timeout: 300_000 }, async () => {
    const run = (on: string) => kubehop.run('lab', 'run', '15', '--network', 'calico-ipip', '--on', on);
    expect(await run('userspace')).toMatchObject({ code: 0 });
    const kernel = await run('kernel');
    if (kernelIpip()) expect(kernel).toMatchObject({ code: 0 });
    else expect(kernel.stderr).toMatch(/^error IPIP_MISSING: node1 is a kernel node of calico-ipip, and this kernel has no module "ipip"/m);
  });

  test.each(['kernel', 'userspace'])('on %s its daemons die with it, however it ends', async on => {
    const before = hostState();
    expect(await kubehop.run('lab', 'up', '15', '--on', on)).toMatchObject({ code: 0 });
    expect(await output('tor', 'birdc show protocols | grep -c Established')).toBe('3\n');
    expect(await output('node3', 'birdc show protocols | grep -c Established')).toBe('2\n');
    const commands = kubehop.processes().map(pid => execFileSync('ps', ['-o', 'args=', '-p', String(pid)]).toString());
    expect(commands.filter(each => /\/bird -f -c /.test(each))).toHaveLength(5);
    process.kill(kubehop.daemon()!, 'SIGKILL');
    await kubehop.empty();
    await kubehop.run('lab', 'down', '--all');
    expect(kubehop.sockets()).toEqual([]);
    expect(hostState()).toEqual(before);
  });

  test.each(['kernel', 'userspace'])('on %s a node that joins is told of, and one that leaves is forgotten', async on => {
    expect(await kubehop.with(fixtures).run('lab', 'up', '96', '--on', on)).toMatchObject({ code: 0 });
    const before = [await routes('node1'), await routes('node2')];
    expect(await kubehop.with(fixtures).run('lab', 'join', 'node3', '--on', on)).toMatchObject({ code: 0 });
    expect(await routes('node1')).toContain('10.244.3.0/26 via 192.168.56.13 dev eth0 proto bird \n');
    expect(await routes('node3')).toContain('10.244.2.0/26 via 192.168.56.12 dev eth0 proto bird \nblackhole 10.244.3.0/26 proto bird \n');
    expect(await output('node3', 'ping -n -c 1 -W 5 10.244.1.2')).toContain('ttl=63');
    expect(await kubehop.with(fixtures).run('lab', 'leave', 'node3')).toMatchObject({ code: 0 });
    expect([await routes('node1'), await routes('node2')]).toEqual(before);
  });
});

describe.skipIf(lacking !== '')(title('without a BIRD on the machine'), () => {
  const without = { KUBEHOP_BIRD: '/nowhere/bird' };

  test('an exercise about BGP names the package, and leaves nothing', async () => {
    const { code, stderr } = await kubehop.with(without).run('lab', 'up', '15', '--on', 'kernel');
    expect(code).not.toBe(0);
    expect(stderr).toContain('error BIRD_MISSING: tor is to speak BGP, and there is no BIRD on this machine: it is in the package bird2');
    expect(stderr).toContain('apt install bird2');
    await kubehop.empty();
    expect(kubehop.sockets()).toEqual([]);
  });

  test.each(['kernel', 'userspace'])('on %s a lab without such a router has the same routes, by hand', async on => {
    const { code, stderr } = await kubehop.with({ ...fixtures, ...without }).run('lab', 'up', '96', '--on', on);
    expect(code).toBe(0);
    expect(stderr).toContain('there is no BIRD on this machine (package bird2): the routes between nodes are written by hand');
    expect(await routes('node1')).toBe(
      [
        'default via 192.168.56.1 dev eth0 ',
        'blackhole 10.244.1.0/26 proto bird ',
        '10.244.1.2 dev cali5e1c4d6c68c scope link ',
        '10.244.2.0/26 via 192.168.56.12 dev eth0 proto bird ',
        '192.168.56.0/24 dev eth0 proto kernel scope link src 192.168.56.11 ',
        '',
      ].join('\n'),
    );
    expect(await output('pod-a', 'curl -s --max-time 10 http://10.96.0.50/')).toContain('"pod":"pod-b"');
    expect(await kubehop.with({ ...fixtures, ...without }).run('lab', 'join', 'node3', '--on', on)).toMatchObject({ code: 0 });
    expect(await output('node3', 'ping -n -c 1 -W 5 10.244.1.2')).toContain('ttl=63');
    expect(await kubehop.with({ ...fixtures, ...without }).run('lab', 'leave', 'node3')).toMatchObject({ code: 0 });
    expect(await routes('node1')).not.toContain('10.244.3.0');
  });
});
