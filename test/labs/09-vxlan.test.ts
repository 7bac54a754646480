import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { Kubehop, lacking, title } from './support.ts';

/** A segment quoted in an ICMP error is cut, on both data planes: its checksum cannot be looked at. */
const BAD =
  '_ws.malformed || ip.checksum.status == 0 || udp.checksum.status == 0 || icmp.checksum.status == 0 || (tcp.checksum.status == 0 && !icmp)';

/**
 * Frames of a capture that tshark takes offence at, each looked at by itself: where it puts streams together, the last byte of an answer that TCP
 * sends a second time is a "reassembly error" to it.
 */
const offences = (file: string): string =>
  execFileSync(
    'tshark',
    [
      ...['ip', 'tcp', 'udp'].flatMap(protocol => ['-o', `${protocol}.check_checksum:TRUE`]),
      ...['-o', 'tcp.desegment_tcp_streams:FALSE'],
      ...['-d', 'udp.port==8472,vxlan', '-r', file],
      ...['-Y', BAD],
    ],
    { stdio: ['ignore', 'pipe', 'ignore'] },
  ).toString();

describe.skipIf(lacking !== '')(title('exercise 09'), () => {
  const kubehop = new Kubehop();
  const run = (where: string, command: string) => kubehop.run('exec', where, '--', 'sh', '-c', command);
  afterEach(() => kubehop.run('lab', 'down', '--all'));
  afterAll(() => kubehop.close());

  test.each(['both', 'userspace:node1,kernel:node2', 'kernel:node1,userspace:node2'])(
    'on %s passes, and no frame of it is malformed or has a bad checksum',
    async on => {
      const out = join(kubehop.home, `out-${on}`);
      const { code, stdout, stderr } = await kubehop.run('lab', 'run', '09', '--on', on, '--solution', '--out', out);
      expect({ code, stderr: code === 0 ? '' : stderr + stdout }).toEqual({ code: 0, stderr: '' });
      const folders = on === 'both' ? ['userspace', 'kernel'] : ['mixed'];
      const files = folders.flatMap(folder => readdirSync(join(out, folder, 'hops')).map(file => join(out, folder, 'hops', file)));
      expect(files.length).toBeGreaterThanOrEqual(11 * folders.length);
      for (const file of files) expect([file, offences(file)]).toEqual([file, '']);
    },
  );

  test.each(['userspace', 'kernel'])('%s: the black hole, and the clamp that mends it', async plane => {
    expect(await kubehop.run('lab', 'up', '09', '--on', plane)).toMatchObject({ code: 0 });
    expect(await run('pod-b', 'ip link set eth0 mtu 1500')).toMatchObject({ code: 0 });
    expect(await run('node2', 'iptables -I OUTPUT -p icmp --icmp-type fragmentation-needed -j DROP')).toMatchObject({ code: 0 });
    const fetched = async (path: string) =>
      (await run('client', `curl -s --max-time 5 http://192.168.56.11:30080${path} -o /dev/null -w '%{http_code} %{size_download}'`))
        .stdout;
    expect(await fetched('/')).toMatch(/^200 [1-9]/);
    expect(await fetched('/10MiB')).toBe('000 0');
    const clamp = 'iptables -t mangle -A FORWARD -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --set-mss 1410';
    expect(await run('node2', clamp)).toMatchObject({ code: 0 });
    expect(await fetched('/10MiB')).toBe('200 10485760');
  });
});
