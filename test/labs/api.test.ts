import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hostState, Kubectl, Kubehop, lacking, title } from './support.ts';

process.env.KUBEHOP_LABS = fileURLToPath(new URL('../fixtures/labs', import.meta.url));
const fixture = (path: string): string => fileURLToPath(new URL(`../fixtures/${path}`, import.meta.url));

interface Asked {
  ms: number;
  pod?: string;
  error?: string;
}

describe.skipIf(lacking !== '').each(['userspace', 'kernel'])(title('a lab with an API on %s'), plane => {
  const kubehop = new Kubehop();
  let kubectl: Kubectl;
  let before: ReturnType<typeof hostState>;
  const inside = async (where: string, line: string): Promise<string> => {
    const { stdout, stderr } = await kubehop.run('exec', where, '--', 'sh', '-c', line);
    return stdout + stderr;
  };
  const dig = (words: string): Promise<string> => inside('tools', `dig +time=2 +tries=2 ${words}`);

  beforeAll(async () => {
    before = hostState();
    expect(await kubehop.run('lab', 'up', '95', '--on', plane)).toMatchObject({ code: 0 });
    kubectl = await Kubectl.of(kubehop, '95');
    await kubectl.run('apply', '-f', fixture('api/api.yaml'));
    await kubectl.run('wait', '--for=condition=ready', 'pod/tools', '--timeout=20s');
  });
  afterAll(async () => {
    await kubehop.run('lab', 'down', '--all');
    kubehop.close();
  });

  test('a Deployment goes from 1 to 10, to 1 and to 0, and nobody who asks every 10 ms is let down while a pod serves', {
    timeout: 120_000,
  }, async () => {
    await kubectl.run('create', 'deployment', 'web', '--image=kubehop/echo', '--port=8080');
    const grace = { spec: { template: { spec: { terminationGracePeriodSeconds: 4 } } } };
    await kubectl.run('patch', 'deployment', 'web', '-p', JSON.stringify(grace));
    await kubectl.run('expose', 'deployment', 'web', '--type=NodePort', '--port=80', '--target-port=8080');
    await kubectl.run('rollout', 'status', 'deployment', 'web', '--timeout=20s');
    const address = await kubectl.run('get', 'service', 'web', '-o', 'jsonpath={.spec.clusterIP}');
    await expect.poll(() => inside('tools', `curl -s --max-time 1 http://${address}/`)).toContain('"pod":"web-');

    const asking = kubehop.start('exec', 'tools', '--', process.execPath, fixture('programs/ask.ts'), `http://${address}/`, '10');
    await new Promise(resolve => asking.process.stderr!.once('data', resolve));
    const scale = async (replicas: number): Promise<void> => {
      await kubectl.run('scale', 'deployment', 'web', `--replicas=${replicas}`);
      await kubectl.run('rollout', 'status', 'deployment', 'web', '--timeout=30s');
    };
    const pods = async (): Promise<number> =>
      (await kubectl.run('get', 'pods', '-l', 'app=web', '-o', 'name')).split('\n').filter(Boolean).length;
    await scale(10);
    await new Promise(resolve => setTimeout(resolve, 1000));
    await scale(1);
    await expect.poll(pods, { timeout: 20_000 }).toBe(1);
    const toNoneMs = Date.now();
    await scale(0);
    await expect.poll(pods, { timeout: 20_000 }).toBe(0);
    const noneMs = Date.now();
    await new Promise(resolve => setTimeout(resolve, 500));
    process.kill(-asking.process.pid!, 'SIGTERM');
    const asked: Asked[] = JSON.parse((await asking.done).stdout);

    // The last one serves through its grace period, so that nothing fails before it has passed.
    expect(asked.filter(each => each.error !== undefined && each.ms < toNoneMs + 4000)).toEqual([]);
    expect(new Set(asked.filter(each => each.ms < toNoneMs).map(each => each.pod)).size).toBeGreaterThanOrEqual(10);
    const after = asked.filter(each => each.ms > noneMs);
    expect(after.length).toBeGreaterThan(0);
    expect(after.every(each => each.error !== undefined)).toBe(true);
    expect(asked.filter(each => each.ms < toNoneMs).length).toBeGreaterThan(200);
  });

  test('names are found as CoreDNS says them', { timeout: 60_000 }, async () => {
    await kubectl.run('scale', 'deployment', 'web', '--replicas=2');
    await kubectl.run('rollout', 'status', 'deployment', 'web', '--timeout=20s');
    const addresses = (await kubectl.run('get', 'pods', '-l', 'app=web', '-o', 'jsonpath={.items[*].status.podIP}')).split(' ').sort();
    expect(addresses).toHaveLength(2);
    const dashed = addresses.map(each => each.replaceAll('.', '-'));

    expect(await dig('+search +short named')).toBe('10.96.7.7\n');
    expect(await dig('+noall +answer named.default.svc.cluster.local')).toMatch(
      /^named\.default\.svc\.cluster\.local\.\s+5\s+IN\s+A\s+10\.96\.7\.7$/m,
    );
    expect(await dig('+short SRV _http._tcp.named.default.svc.cluster.local')).toBe('0 100 80 named.default.svc.cluster.local.\n');
    expect(await dig('+short -x 10.96.7.7')).toBe('named.default.svc.cluster.local.\n');
    expect((await dig('+short headless.default.svc.cluster.local')).trim().split('\n').sort()).toEqual(addresses);
    const srv = (await dig('+short SRV _http._tcp.headless.default.svc.cluster.local')).trim().split('\n').sort();
    expect(srv).toEqual(dashed.map(each => `0 50 8080 ${each}.headless.default.svc.cluster.local.`).sort());
    expect(await dig(`+short ${dashed[0]}.headless.default.svc.cluster.local`)).toBe(`${addresses[0]}\n`);
    expect(await dig(`+short -x ${addresses[0]}`)).toContain(`${dashed[0]}.headless.default.svc.cluster.local.\n`);
    expect(await dig('+noall +answer db.default.svc.cluster.local')).toMatch(/IN\s+CNAME\s+db\.example\.com\.$/m);
    // Nobody has it in the search list; as it stands it is outside of the cluster, and there is no upstream.
    const missed = await dig('+search nosuch');
    expect(missed).toContain('status: REFUSED');
    expect(await dig('nosuch.default.svc.cluster.local')).toMatch(
      /status: NXDOMAIN[\s\S]*AUTHORITY: 1[\s\S]*cluster\.local\.\s+5\s+IN\s+SOA\s+ns\.dns\.cluster\.local\./,
    );
    expect(await dig('AAAA named.default.svc.cluster.local')).toMatch(/status: NOERROR[\s\S]*ANSWER: 0, AUTHORITY: 1/);
    expect(await dig('+tcp +short named.default.svc.cluster.local')).toBe('10.96.7.7\n');
    expect(await dig('+tcp +stats named.default.svc.cluster.local')).toContain('SERVER: 10.96.0.10#53(10.96.0.10) (TCP)');
    // The look-up crossed the same DNAT as every Service.
    expect(await inside('node1', 'conntrack -L -p udp -d 10.96.0.10')).toMatch(
      /dst=10\.96\.0\.10 sport=\d+ dport=53 src=10\.244\.\d+\.\d+ /,
    );
  });

  test('logs, exec and attach', { timeout: 60_000 }, async () => {
    const [pod = ''] = (await kubectl.run('get', 'pods', '-l', 'app=web', '-o', 'jsonpath={.items[*].metadata.name}')).split(' ');
    const following = kubectl.start('logs', '-f', pod);
    let said = '';
    following.process.stdout!.on('data', chunk => {
      said += chunk;
    });
    const address = await kubectl.run('get', 'pod', pod, '-o', 'jsonpath={.status.podIP}');
    await inside('tools', `curl -s http://${address}:8080/a-mark-in-the-log`);
    await expect.poll(() => said, { timeout: 10_000 }).toContain('/a-mark-in-the-log');
    following.process.kill();
    await following.done;

    expect(await kubectl.run('exec', pod, '--', 'hostname')).toBe(`${pod}\n`);
    expect(await kubectl.run('exec', pod, '--', 'ss', '-Htln')).toContain(':8080');
    const failing = await kubectl.start('exec', pod, '--', 'sh', '-c', 'exit 7').done;
    expect(failing.code).toBe(7);

    const line = 'kubectl run seen --image=busybox --restart=Never -it --rm -- sh -c "read word; echo you said \\$word"';
    const attached = kubectl.shell(`(sleep 3; echo hello; sleep 2) | script -qefc '${line}' /dev/null`, 'ignore');
    const { stdout } = await attached.done;
    expect(stdout).toContain('you said hello');
    expect(stdout).toContain('pod "seen" deleted');
    await expect.poll(() => kubectl.run('get', 'pods', '-o', 'name')).not.toContain('pod/seen');
  });

  test('without kube-proxy a node goes on with the Services that it knows, and learns of new ones when it is back', {
    timeout: 90_000,
  }, async () => {
    const known = await kubectl.run('get', 'service', 'web', '-o', 'jsonpath={.spec.ports[0].nodePort}');
    const ask = (node: string, port: string): Promise<string> => inside('client', `curl -s --max-time 1 http://${node}:${port}/`);
    const [first, second] = ['192.168.56.11', '192.168.56.12'];
    const proxyOnly = async (hostname: string | null): Promise<void> => {
      const spec = { template: { spec: { nodeSelector: hostname === null ? null : { 'kubernetes.io/hostname': hostname } } } };
      await kubectl.run('-n', 'kube-system', 'patch', 'daemonset', 'kube-proxy', '-p', JSON.stringify({ spec }));
    };
    const proxies = () =>
      kubectl.run('-n', 'kube-system', 'get', 'pods', '-l', 'k8s-app=kube-proxy', '-o', 'jsonpath={.items[*].spec.nodeName}');

    await proxyOnly('node1');
    await expect.poll(proxies, { timeout: 40_000 }).toBe('node1');
    expect(await ask(second, known)).toContain('"pod":"web-');
    await kubectl.run('create', 'service', 'nodeport', 'late', '--tcp=80:8080', '--node-port=30099');
    await kubectl.run('set', 'selector', 'service', 'late', 'app=web');
    await expect.poll(() => ask(first, '30099'), { timeout: 10_000 }).toContain('"pod":"web-');
    expect(await ask(second, '30099')).toBe('');
    expect(await inside('node2', 'iptables-save -t nat')).not.toContain('30099');

    await proxyOnly(null);
    await expect.poll(() => ask(second, '30099'), { timeout: 20_000 }).toContain('"pod":"web-');
    expect(await ask(second, known)).toContain('"pod":"web-');
  });

  test('a node joins, and pods run there', { timeout: 60_000 }, async () => {
    // One that is called as the node will be does not stand in its way.
    await kubectl.run('run', 'node3', '--image=kubehop/echo', '--port=8080');
    await kubectl.run('wait', '--for=condition=ready', 'pod/node3', '--timeout=20s');
    expect(await kubehop.run('lab', 'join', 'node3', '--on', plane)).toMatchObject({ code: 0 });
    await kubectl.run('wait', '--for=condition=ready', 'node/node3', '--timeout=20s');
    await kubectl.run('scale', 'deployment', 'web', '--replicas=6');
    await kubectl.run('rollout', 'status', 'deployment', 'web', '--timeout=30s');
    const where = await kubectl.run('get', 'pods', '-l', 'app=web', '-o', 'jsonpath={.items[*].spec.nodeName}');
    expect(where.split(' ').sort().join(' ')).toContain('node3');
    const address = await kubectl.run('get', 'pods', '-l', 'app=web', '-o', 'jsonpath={.items[?(@.spec.nodeName=="node3")].status.podIP}');
    expect(await inside('tools', `curl -s --max-time 2 http://${address.split(' ')[0]}:8080/`)).toContain('"node":"node3"');
    expect(await inside('client', 'curl -s --max-time 2 http://192.168.56.13:30099/')).toContain('"pod":"web-');
    expect(await inside('node3.default', 'ip -br address show eth0')).toContain('10.244.');
    expect(await kubehop.run('lab', 'leave', 'node3')).toMatchObject({ code: 0 });
    await expect.poll(() => kubectl.run('get', 'nodes', '-o', 'name')).toBe('node/node1\nnode/node2\n');
  });

  test('nothing is left when it ends', { timeout: 30_000 }, async () => {
    expect(await kubehop.run('lab', 'down', '95')).toMatchObject({ code: 0 });
    await kubehop.empty();
    expect(kubehop.sockets()).toEqual([]);
    expect(hostState()).toEqual(before);
  });
});
