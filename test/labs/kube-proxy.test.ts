import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Kubehop, lacking, title } from './support.ts';

const endpoints = (name: string, addresses: readonly string[], port: number, protocol = 'TCP') => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: { name: `${name}-1`, labels: { 'kubernetes.io/service-name': name } },
  addressType: 'IPv4',
  ports: [{ port, protocol }],
  endpoints: addresses.map(a => ({ addresses: [a], nodeName: `node${a.split('.')[2]}` })),
});
const web = (externalTrafficPolicy: 'Cluster' | 'Local') => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'web' },
  spec: {
    type: 'LoadBalancer',
    clusterIP: '10.96.0.10',
    ports: [{ port: 80, nodePort: 30_080 }],
    externalTrafficPolicy,
    ...(externalTrafficPolicy === 'Local' && { healthCheckNodePort: 32_080 }),
  },
});
const dns = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'dns' },
  spec: { type: 'NodePort', clusterIP: '10.96.0.53', ports: [{ port: 53, protocol: 'UDP', nodePort: 30_053 }] },
};

describe.skipIf(lacking !== '').each(['userspace', 'kernel'])(title('kube-proxy of a lab that is up, %s'), plane => {
  const kubehop = new Kubehop();
  const on = (where: string, command: string) => kubehop.run('exec', where, '--', 'bash', '-c', command);
  const ask = async (where: string, url: string) => (await on(where, `curl -s -w '%{http_code}' --max-time 2 ${url}`)).stdout;
  let files = 0;
  const file = (...objects: object[]): string => {
    const path = join(kubehop.home, `objects-${++files}.json`);
    writeFileSync(path, JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }));
    return path;
  };
  const apply = (...objects: object[]) => kubehop.run('lab', 'apply', '07', '-f', file(...objects));
  beforeAll(async () => {
    expect(await kubehop.run('lab', 'up', '07', '--on', plane)).toMatchObject({ code: 0 });
  });
  afterAll(async () => {
    await kubehop.run('lab', 'down', '--all');
    kubehop.close();
  });

  test('tells how it is, on each node, under the names of kube-proxy', async () => {
    for (const node of ['node1', 'node2']) {
      expect((await on(node, 'curl -s 127.0.0.1:10249/proxyMode')).stdout).toBe('iptables');
      expect((await on(node, 'curl -s 127.0.0.1:10249/metrics')).stdout).toMatch(
        /^kubeproxy_sync_full_proxy_rules_duration_seconds_count\{ip_family="IPv4"\} 1$/m,
      );
    }
    expect((await on('client', 'curl -s 192.168.56.11:10256/healthz')).stdout).toContain('"nodeEligible": true');
    expect((await on('client', 'curl -s --max-time 2 192.168.56.11:10249/metrics')).code).toBe(7); // for the node alone
  });

  test('a Service that is changed has other rules when the command returns, on the nodes as each sees it', async () => {
    const { code, stdout } = await apply(web('Local'), endpoints('web', ['10.244.2.2'], 8080));
    expect({ code, stdout }).toMatchObject({ code: 0 });
    expect(stdout).toMatch(
      /^service\/web configured\nendpointslice\/web-1 (configured|unchanged)\nnode1: the rules of what changed written in \d+\.\d ms\nnode2: /,
    );
    expect(await ask('client', '192.168.56.12:30080')).toContain('"client":"203.0.113.9"');
    expect(await on('client', 'curl -s --max-time 1 192.168.56.11:30080')).toMatchObject({ code: 28 });
    expect(await ask('client', '192.168.56.11:32080')).toMatch(/"localEndpoints": 0,.*503$/s);
    expect(await ask('client', '192.168.56.12:32080')).toMatch(/"localEndpoints": 1,.*200$/s);
    expect(await apply(web('Local'))).toMatchObject({ stdout: 'service/web unchanged\n' });
    await apply(web('Cluster'));
    expect(await ask('client', '192.168.56.11:30080')).toContain('"client":"10.244.1.0"');
    expect((await on('client', 'curl -s --max-time 2 192.168.56.12:32080')).code).toBe(7); // and nobody asks after its health
  });

  test('connections to node ports at 127.0.0.1 and packets that are INVALID are counted under names, as kube-proxy does it', async () => {
    const counted = async () =>
      Object.fromEntries(
        [...(await on('node1', 'curl -s 127.0.0.1:10249/metrics')).stdout.matchAll(/^kubeproxy_iptables_(\w+)_packets_total (\d+)$/gm)].map(
          ([, name, packets]) => [name, Number(packets)],
        ),
      );
    const before = await counted();
    await apply(web('Cluster'), endpoints('web', ['10.244.2.2'], 8080));
    for (let i = 0; i < 3; i++) expect(await ask('node1', '127.0.0.1:30080')).toMatch(/200$/);
    // An echo reply that nobody asked for: type 0, checksum 0xfffe for id 0, sequence 1.
    const reply = 'bytes([0, 0, 0xff, 0xfe, 0, 0, 0, 1])';
    const send = `import socket; socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP).sendto(${reply}, ('10.244.2.2', 0))`;
    expect(await on('pod-a', `python3 -c "${send}"`)).toMatchObject({ code: 0 });
    const after = await counted();
    expect(after.localhost_nodeports_accepted! - before.localhost_nodeports_accepted!).toBe(3);
    // A connection's last word may come late, and be INVALID too.
    expect(after.ct_state_invalid_dropped! - before.ct_state_invalid_dropped!).toBeGreaterThanOrEqual(1);
  });

  test('UDP entries that lead to an endpoint which has gone are removed, and counted', async () => {
    await apply(dns, endpoints('dns', ['10.244.2.2', '10.244.2.99'], 8053, 'UDP'));
    await on('pod-a', 'for i in $(seq 40); do echo > /dev/udp/10.96.0.53/53; done');
    const entries = async () => (await on('node1', 'conntrack -L -p udp --orig-dst 10.96.0.53')).stdout;
    expect(await entries()).toMatch(/src=10\.244\.2\.2 .*(\n.*)*src=10\.244\.2\.99 |src=10\.244\.2\.99 .*(\n.*)*src=10\.244\.2\.2 /);
    await apply(endpoints('dns', ['10.244.2.2'], 8053, 'UDP'));
    const left = await entries();
    expect(left).toContain('src=10.244.2.2 ');
    expect(left).not.toContain('src=10.244.2.99 ');
    const counted = /conntrack_reconciler_deleted_entries_total\{ip_family="IPv4"\} (\d+)/.exec(
      (await on('node1', 'curl -s 127.0.0.1:10249/metrics')).stdout,
    );
    expect(Number(counted![1]) + left.trim().split('\n').length).toBe(40);
  });

  test('what goes to an endpoint on its own bridge that is not there leaves no entry and is told so; what is routed there leaves one', async () => {
    await apply(dns, endpoints('dns', ['10.244.1.99'], 8053, 'UDP'));
    const heard = kubehop.start('exec', 'pod-a', '--', 'timeout', '20', 'tcpdump', '-n', '-l', '-c', '1', '-i', 'eth0', 'icmp[0] = 3');
    await on('pod-a', 'sleep 0.5; echo > /dev/udp/10.96.0.53/53');
    expect((await heard.done).stdout).toMatch(/IP 10\.96\.0\.53 > 10\.244\.1\.2: ICMP host 10\.96\.0\.53 unreachable/);
    const entries = async () => (await on('node1', 'conntrack -L -p udp --orig-dst 10.96.0.53 --reply-src 10.244.1.99')).stdout;
    expect(await entries()).toBe('');
    await on('node1', 'echo > /dev/udp/10.96.0.53/53');
    expect(await entries()).toMatch(/^udp .* dst=10\.96\.0\.53 .* \[UNREPLIED\] src=10\.244\.1\.99 .*\n$/);
  });

  test('an object that is not valid is refused with its cause, and what came with it is taken', async () => {
    const bad = { ...dns, metadata: { name: 'bad' }, spec: { clusterIP: '10.96.0.9', ports: [{ port: 70_000 }] } };
    const lost = endpoints('nowhere', ['10.244.1.9'], 80);
    const { code, stdout, stderr } = await apply(bad, lost);
    expect({ code, stdout }).toMatchObject({ code: 2, stdout: expect.stringMatching(/^endpointslice\/nowhere-1 created\n/) });
    expect(stderr).toContain('Service "bad" is invalid: spec.ports[0].port: Invalid value: 70000: must be between 1 and 65535, inclusive');
    expect(stderr).toContain('EndpointSlice default/nowhere-1: there is no Service default/nowhere: it waits for it');
  });

  test('what is to be applied must be said', async () => {
    expect(await kubehop.run('lab', 'apply', '07')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('say what to apply: -f FILE'),
    });
    expect(await kubehop.run('lab', 'delete', '07')).toMatchObject({ code: 2, stderr: expect.stringContaining('say what to delete') });
  });

  test('what is deleted has no rules', async () => {
    expect(await kubehop.run('lab', 'delete', '07', 'svc/dns', 'endpointslice/dns-1', 'service/none')).toMatchObject({
      code: 2,
      stdout: expect.stringMatching(/^service\/dns deleted\nendpointslice\/dns-1 deleted\nservice\/none not found\nnode1: /),
    });
    for (const node of ['node1', 'node2']) expect((await on(node, 'iptables-save')).stdout).not.toMatch(/default\/dns|10\.96\.0\.53/);
    expect(await kubehop.run('lab', 'delete', '07', 'pod/web')).toMatchObject({ code: 2, stderr: expect.stringContaining('"pod/web"') });
  });
});

describe.skipIf(lacking !== '').each(['userspace', 'kernel'])(title('a lab without Services, %s'), plane => {
  const kubehop = new Kubehop();
  afterAll(async () => {
    await kubehop.run('lab', 'down', '--all');
    kubehop.close();
  });

  test('has no rules until the first one comes, and then all of them', async () => {
    expect(await kubehop.run('lab', 'up', '02', '--on', plane)).toMatchObject({ code: 0 });
    const rules = async () => (await kubehop.run('exec', 'node1', '--', 'iptables-save')).stdout;
    expect(await rules()).not.toContain('KUBE');
    const file = join(kubehop.home, 'dns.json');
    writeFileSync(file, JSON.stringify(dns));
    expect(await kubehop.run('lab', 'apply', '02', '-f', file)).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^service\/dns created\nnode1: all rules written in /),
    });
    const text = await rules();
    expect(text).toMatch(/-A KUBE-SERVICES -d 10\.96\.0\.53\/32 .*has no endpoints.*-j REJECT/);
    expect(text).toMatch(/^-A PREROUTING .*-j KUBE-SERVICES$/m);
    expect(text).toContain(':KUBE-PROXY-CANARY');
  });
});
