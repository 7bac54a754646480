/**
 * What `walk` foretells, done by the kernel: the same rules, addresses and routes, one SYN from outside.
 * Needs: root, iptables, conntrack.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { tell } from '../../walk/support.ts';

const missing = process.getuid?.() === 0 ? undefined : 'not root';
const rules = readFileSync(new URL('../../fixtures/walk/node-port.rules', import.meta.url), 'utf8');
const node = `walk${process.pid}-n`;
const client = `walk${process.pid}-c`;
const ip = (line: string): string => execFileSync('ip', line.split(' '), { encoding: 'utf8', stdio: 'pipe' });
const inNode = (argv: readonly string[], input = '') => spawnSync('ip', ['netns', 'exec', node, ...argv], { encoding: 'utf8', input });

describe.skipIf(missing !== undefined)(`walk and the kernel${missing ? ` (skipped: ${missing})` : ''}`, () => {
  beforeAll(() => {
    for (const name of [node, client]) ip(`netns add ${name}`);
    ip(`link add eth0 netns ${node} type veth peer name eth0 netns ${client}`);
    // No other node is there: what is sent into the tunnel is lost, after conntrack has seen it.
    ip(`-n ${node} link add flannel.1 type vxlan id 1 dev eth0 dstport 8472 nolearning`);
    ip(`-n ${node} link add cni0 type bridge`);
    for (const dev of ['lo', 'eth0', 'flannel.1', 'cni0']) ip(`-n ${node} link set ${dev} up`);
    ip(`-n ${client} link set eth0 up`);
    ip(`-n ${client} addr add 192.168.11.50/24 dev eth0`);
    ip(`-n ${node} addr add 192.168.11.170/24 dev eth0`);
    ip(`-n ${node} addr add 10.244.0.0/32 dev flannel.1`);
    ip(`-n ${node} addr add 10.244.0.1/24 dev cni0`);
    for (const n of [1, 3]) ip(`-n ${node} route add 10.244.${n}.0/24 via 10.244.${n}.0 dev flannel.1 onlink`);
    inNode(['sysctl', '-qw', 'net.ipv4.ip_forward=1']);
    expect(inNode(['iptables-restore'], rules)).toMatchObject({ status: 0, stderr: '' });
    // What the node itself says at such a moment would be counted by the rules of nat too; the SYN from outside never sees OUTPUT.
    expect(inNode(['iptables', '-t', 'raw', '-A', 'OUTPUT', '-j', 'NOTRACK'])).toMatchObject({ status: 0 });
  });
  afterAll(() => {
    for (const name of [node, client]) ip(`netns del ${name}`);
  });

  const around = () => ({ addressFile: ip(`-n ${node} -j addr`), routeFile: ip(`-n ${node} -j route`) });
  /** The client's SYN, as bash sends it; nobody answers. @returns the entry, ports of the reply left out: they are drawn. */
  function kernelFlow(port: number, destination: string): string {
    inNode(['conntrack', '-F']);
    const connect = `timeout 0.3 bash -c "exec 3<>/dev/tcp/${destination}/${port}"`;
    spawnSync('ip', ['netns', 'exec', client, 'sh', '-c', connect]);
    return inNode(['conntrack', '-L', '-p', 'tcp', '--orig-port-dst', String(port)]).stdout;
  }

  test('a node port is translated to the pod and masqueraded behind flannel.1', () => {
    const entry = kernelFlow(30080, '192.168.11.170');
    const m = /src=192\.168\.11\.50 dst=192\.168\.11\.170 sport=(\d+) dport=30080 \[UNREPLIED\] src=(\S+) dst=(\S+) sport=(\d+)/.exec(
      entry,
    );
    expect(m, entry).not.toBeNull();
    const [, port, pod, masqueraded, podPort] = m!;
    const choose = pod === '10.244.1.16' ? 1 : 2;
    const { story } = tell(rules, `tcp 192.168.11.50:${port} > 192.168.11.170:30080`, around(), { in: 'eth0', choose });
    expect(story.undecided).toBe(0);
    expect(story.flow!.reply.source).toEqual({ address: pod, port: Number(podPort) });
    expect(story.flow!.reply.destination.address).toBe(masqueraded);
    expect(masqueraded).toBe('10.244.0.0');
  });

  test('a port that no rule knows comes to the node itself', () => {
    const { story } = tell(rules, 'tcp 192.168.11.50 > 192.168.11.170:81', around(), { in: 'eth0' });
    expect(story.outcome).toMatchObject({ verdict: 'ACCEPT', fate: 'delivered' });
    const answer = spawnSync('ip', ['netns', 'exec', client, 'bash', '-c', 'exec 3<>/dev/tcp/192.168.11.170/81'], { encoding: 'utf8' });
    expect(answer.stderr).toContain('Connection refused');
  });

  test('each rule that walk names has counted one packet more, and no other rule of nat has', () => {
    const [told, counted] = oneMore();
    expect(counted).toEqual(told);
  });

  /** @returns rules of nat that walk names for a SYN, and those that have counted one */
  function oneMore(): [told: string[], counted: string[]] {
    inNode(['iptables', '-t', 'nat', '-Z']);
    const entry = kernelFlow(30080, '192.168.11.170');
    const choose = entry.includes('src=10.244.1.16') ? 1 : 2;
    const { story } = tell(rules, 'tcp 192.168.11.50:40000 > 192.168.11.170:30080', around(), { in: 'eth0', choose });
    const told = story.events.flatMap(e => (e.event === 'rule' && e.table === 'nat' ? [e.text] : []));
    const lines = inNode(['iptables-save', '-c', '-t', 'nat']).stdout.split('\n');
    const counted = lines.flatMap(line => /^\[[1-9]\d*:\d+\] (.*)/.exec(line)?.[1] ?? []);
    return [told.sort(), counted.sort()];
  }
});
