/** Started by `scenario()`: `scenarios.ts NAME`. Each is a function of a world; its result is written as JSON. */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { ConfigMaps, EndpointSlices, Pods, Services } from '../../../src/cluster/resources/index.ts';
import { isReady, makeWorld, type World } from './world.ts';

const inNode = (...argv: string[]): string =>
  execFileSync('ip', ['netns', 'exec', 'node1', ...argv], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });

interface Ran {
  readonly code: number;
  readonly out: string;
}

async function exec(
  { kubelet }: World,
  pod: string,
  command: string,
  { container, tty = false, input }: { container?: string; tty?: boolean; input?: string } = {},
): Promise<Ran> {
  const place = { namespace: 'default', pod, ...(container === undefined ? {} : { container }) };
  const child = await kubelet.exec(place, { argv: ['sh', '-c', command], environment: { TERM: 'xterm' }, stdin: input !== undefined, tty });
  let out = '';
  child.onOutput((_, chunk) => {
    out += Buffer.from(chunk).toString();
  });
  if (input !== undefined) child.stdin!.end(input);
  const { code } = await child.exited;
  return { code, out };
}

async function log({ kubelet }: World, pod: string, options: Parameters<World['kubelet']['log']>[1] = {}): Promise<string> {
  let text = '';
  for await (const line of kubelet.log({ namespace: 'default', pod }, options)) text += line;
  return text;
}

const echo = { name: 'echo', image: 'kubehop/echo', ports: [{ name: 'http', containerPort: 8080 }] };
const shell = (name: string, script: string, more: object = {}) => ({
  name,
  image: 'busybox:1.36',
  command: ['sh', '-c', script],
  ...more,
});
const phaseIs = (world: World, pod: string, phase: string) => world.until(`${pod} ${phase}`, () => world.pod(pod)?.status?.phase === phase);
const gone = (world: World, pod: string) => world.until(`${pod} to go`, () => world.pod(pod) === undefined);
const left = (): string[] => [...readdirSync('/run/netns'), ...readdirSync('/run/kubehop/node1/pods')];

const scenarios: Record<string, (world: World) => Promise<unknown>> = {
  /** What a pod looks like from inside and from its node. */
  async inside(world) {
    world.create('web', { containers: [echo], hostAliases: [{ ip: '10.9.9.9', hostnames: ['far', 'away'] }] });
    await phaseIs(world, 'web', 'Running');
    const ip = world.pod('web')!.status!.podIP!;
    const look = async (command: string) => (await exec(world, 'web', command)).out.trim();
    const result = {
      ready: isReady(world.pod('web')),
      ip,
      http: JSON.parse(inNode('curl', '-s', `http://${ip}:8080/`)),
      clientip: inNode('curl', '-s', `http://${ip}:8080/clientip`).replace(/:\d+\n/, ''),
      tcp: inNode('bash', '-c', `exec 3<>/dev/tcp/${ip}/8080; echo hello >&3; head -n 2 <&3`)
        .replace(/:\d+\n/, '\n')
        .split('\n'),
      udp: inNode('bash', '-c', `exec 3<>/dev/udp/${ip}/8080; echo hello >&3; timeout 2 head -n 2 <&3`)
        .replace(/:\d+\n/, '\n')
        .split('\n'),
      resolvConf: await look('cat /etc/resolv.conf'),
      hosts: (await look('cat /etc/hosts')).split('\n').filter(line => /^10\./.test(line)),
      hostname: await look('hostname'),
      addresses: await look("ip -4 -o addr | awk '{print $2, $4}'"),
      routes: await look('ip route'),
      mtu: await look('cat /sys/class/net/eth0/mtu'),
      processes: Number(await look('ls /proc | grep -c "^[0-9]"')) < 6,
      first: await look("tr '\\0' ' ' </proc/1/cmdline | grep -c echo.ts"),
      capabilities: await look('grep CapEff /proc/self/status'),
      homes: await look('ls -A /home /root'),
      applet: await look('greet you'),
      ping: (await exec(world, 'web', 'ping -c 1 -W 1 10.244.1.1')).code,
      refused: [],
      pause: Number(execFileSync('sh', ['-c', 'ls /proc/*/comm | xargs grep -l "^sleep$" 2>/dev/null | wc -l'], { encoding: 'utf8' })),
      log: (await log(world, 'web')).split('\n')[0]!.replace(/^\S+ /, ''),
    } as Record<string, unknown>;
    for (const forbidden of [
      'touch /usr/x',
      'touch /etc/alternatives/x',
      'echo 0 >/proc/sys/vm/swappiness',
      'mount -t tmpfs x /mnt',
      'ip link set eth0 down',
    ])
      (result.refused as unknown[]).push((await exec(world, 'web', `${forbidden} 2>/dev/null`)).code !== 0);
    return result;
  },

  /** Environment, volumes, commands, init containers, a container that ends. */
  async life(world) {
    const metadata = { name: 'settings', namespace: 'default' };
    world.store.create(ConfigMaps, { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { color: 'blue', 'app.conf': 'x = 1\n' } });
    world.store.create(Services, {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'my-web', namespace: 'default' },
      spec: { clusterIP: '10.96.0.11', ports: [{ port: 80 }] },
    });
    const env = [
      { name: 'IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
      { name: 'COLOR', valueFrom: { configMapKeyRef: { name: 'settings', key: 'color' } } },
      { name: 'URL', value: 'http://$(IP):$(MY_WEB_SERVICE_PORT)/' },
    ];
    const mounts = [
      { name: 'shared', mountPath: '/data' },
      { name: 'host', mountPath: '/modules' },
      { name: 'config', mountPath: '/etc/app' },
    ];
    world.create('job', {
      restartPolicy: 'Never',
      initContainers: [
        shell('first', 'echo one >/data/file', { volumeMounts: mounts }),
        shell('second', 'echo two >>/data/file', { volumeMounts: mounts }),
      ],
      containers: [
        shell(
          'main',
          'echo "$0 $1 $IP $COLOR $URL $MY_WEB_SERVICE_HOST"; cat /data/file /etc/app/app.conf; pwd; id -u; touch /modules/x 2>/dev/null || echo kept; echo last words >/dev/termination-log; exit 3',
          {
            args: ['zero', '$(COLOR)'],
            env,
            volumeMounts: mounts,
            workingDir: '/data',
            securityContext: { runAsUser: 4711, runAsGroup: 4712 },
          },
        ),
      ],
      volumes: [
        { name: 'shared', emptyDir: {} },
        { name: 'host', hostPath: { path: '/nosuch/path' } },
        { name: 'config', configMap: { name: 'settings' } },
      ],
    });
    await phaseIs(world, 'job', 'Failed');
    await world.until('nothing to be left', () => left().length === 1);
    const { status } = world.pod('job')!;
    return {
      log: (await log(world, 'job')).replaceAll(status!.podIP!, 'IP'),
      terminated: { ...status!.containerStatuses![0]!.state!.terminated, startedAt: '', finishedAt: '' },
      init: status!.initContainerStatuses!.map(({ name, ready, state }) => [name, ready, state!.terminated!.exitCode]),
      left: left(),
    };
  },

  /** Crashes and back-off, a program and an image that are not there, a setting that is missing. */
  async trouble(world) {
    world.create('crash', { containers: [shell('c', 'echo run; exit 1')] });
    world.create('nowhere', { containers: [{ name: 'c', image: 'busybox', command: ['nosuchprogram'] }] });
    world.create('unknown', { containers: [{ name: 'c', image: 'example.com/some/thing:v1' }] });
    world.create('unset', {
      containers: [shell('c', 'true', { env: [{ name: 'A', valueFrom: { configMapKeyRef: { name: 'nosuch', key: 'a' } } }] })],
    });
    const waiting = (pod: string) => world.pod(pod)?.status?.containerStatuses?.[0]?.state?.waiting;
    await world.until(
      'back-off',
      () => waiting('crash')?.reason === 'CrashLoopBackOff' && waiting('nowhere')?.reason === 'CrashLoopBackOff',
    );
    await world.until('no image', () => waiting('unknown')?.reason === 'ImagePullBackOff');
    await world.until('no setting', () => waiting('unset')?.reason === 'CreateContainerConfigError');
    const { restartCount, lastState } = world.pod('crash')!.status!.containerStatuses![0]!;
    return {
      crash: {
        restartCount,
        code: lastState!.terminated!.exitCode,
        message: waiting('crash')!.message,
        logs: [await log(world, 'crash'), await log(world, 'crash', { previous: true })],
      },
      nowhere: world.pod('nowhere')!.status!.containerStatuses![0]!.lastState!.terminated!.message,
      unset: waiting('unset')!.message,
      unknown: world.events('unknown')[0],
      phases: ['crash', 'nowhere', 'unknown', 'unset'].map(pod => world.pod(pod)!.status!.phase),
    };
  },

  /** SIGTERM, serving on, SIGKILL; what is left of a pod; a new one of the same name. */
  async ending(world) {
    world.create('stubborn', { terminationGracePeriodSeconds: 1, containers: [shell('c', 'trap "" TERM; while :; do sleep 0.1; done')] });
    world.create('polite', { containers: [shell('c', 'trap "echo bye; exit 0" TERM; while :; do sleep 0.05; done')] });
    world.create('web', { containers: [echo] });
    for (const pod of ['stubborn', 'polite', 'web']) await phaseIs(world, pod, 'Running');
    const ip = world.pod('web')!.status!.podIP!;
    const polite = { namespace: 'default', pod: 'polite' };
    const words = (async () => {
      let text = '';
      for await (const line of world.kubelet.log(polite, { follow: true })) text += line;
      return text;
    })();
    for (const pod of ['stubborn', 'polite', 'web']) world.store.delete(Pods, 'default', pod);
    const marked = world.pod('web')!.metadata.deletionTimestamp !== undefined;
    await new Promise(later => setTimeout(later, 300));
    const servedOn = inNode('curl', '-s', `http://${ip}:8080/hostname`);
    for (const pod of ['stubborn', 'polite', 'web']) await gone(world, pod);
    const before = left();
    world.create('web', { containers: [echo] });
    await phaseIs(world, 'web', 'Running');
    const second = world.pod('web')!;
    world.store.delete(Pods, 'default', 'web', { gracePeriodSeconds: 0 });
    world.create('web', { containers: [echo] });
    await phaseIs(world, 'web', 'Running');
    const third = world.pod('web')!;
    const served = inNode('curl', '-s', `http://${third.status!.podIP}:8080/hostname`);
    await world.kubelet.stop();
    return {
      marked,
      servedOn,
      words: await words,
      left: before,
      anew: second.metadata.uid !== third.metadata.uid,
      served,
      after: left(),
      events: world.events('polite').slice(-1),
    };
  },

  /** Probes of each kind; a container that is not well is started again. */
  async probes(world) {
    const probe = (more: object) => ({ periodSeconds: 1, failureThreshold: 1, ...more });
    world.create('http', { containers: [{ ...echo, readinessProbe: probe({ httpGet: { path: '/healthz', port: 'http' } }) }] });
    world.create('tcp', { containers: [{ ...echo, readinessProbe: probe({ tcpSocket: { port: 8080 } }) }] });
    world.create('closed', { containers: [{ ...echo, readinessProbe: probe({ tcpSocket: { port: 9 } }) }] });
    world.create('exec', {
      terminationGracePeriodSeconds: 1,
      containers: [shell('c', 'touch /tmp/alive; sleep 60', { livenessProbe: probe({ exec: { command: ['cat', '/tmp/alive'] } }) })],
    });
    for (const pod of ['http', 'tcp', 'exec']) await world.until(`${pod} ready`, () => isReady(world.pod(pod)));
    const ip = world.pod('http')!.status!.podIP!;
    inNode('curl', '-s', `http://${ip}:8080/unhealthy`);
    await world.until('http unready', () => !isReady(world.pod('http')));
    inNode('curl', '-s', `http://${ip}:8080/healthy`);
    await world.until('http ready again', () => isReady(world.pod('http')));
    await exec(world, 'exec', 'rm /tmp/alive');
    await world.until(
      'a restart',
      () => world.pod('exec')!.status!.containerStatuses![0]!.restartCount === 1 && isReady(world.pod('exec')),
    );
    return {
      http: world.events('http').filter(event => event.includes('Unhealthy')),
      closed: [
        isReady(world.pod('closed')),
        world
          .events('closed')
          .find(event => event.includes('Unhealthy'))
          ?.replace(/10\.244\.1\.\d+/, 'IP'),
      ],
      exec: world.events('exec').filter(event => /Unhealthy|Killing/.test(event)),
      code: world.pod('exec')!.status!.containerStatuses![0]!.lastState!.terminated!.exitCode,
    };
  },

  /** Two containers and a sidecar in one namespace; the pause process is killed. */
  async together(world) {
    world.create('pod', {
      initContainers: [shell('side', 'while :; do sleep 1; done', { restartPolicy: 'Always' })],
      containers: [echo, shell('other', 'sleep 60')],
    });
    await phaseIs(world, 'pod', 'Running');
    const local = await exec(world, 'pod', 'curl -s http://127.0.0.1:8080/clientip', { container: 'other' });
    const namespaces = async (container: string) =>
      (await exec(world, 'pod', 'for n in net uts ipc pid mnt; do readlink /proc/self/ns/$n; done', { container })).out.trim().split('\n');
    const [a, b, c] = [await namespaces('echo'), await namespaces('other'), await namespaces('side')];
    const before = { net: world.kubelet.sandboxes()[0]!.netns, ip: world.pod('pod')!.status!.podIP };
    const pause = readdirSync('/proc').find(
      pid => /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, 'utf8') === 'sleep\0infinity\0',
    )!;
    process.kill(Number(pause), 'SIGKILL');
    await world.until('a new sandbox', () => world.events('pod').some(event => event.includes('SandboxChanged')));
    const statuses = () => world.pod('pod')!.status!.containerStatuses!;
    await world.until('running again', () => isReady(world.pod('pod')) && statuses().every(status => status.restartCount === 1));
    return {
      local: { ...local, out: local.out.replace(/:\d+/, '') },
      shared: [0, 1, 2, 3, 4].map(i => a[i] === b[i] && b[i] === c[i]),
      order: world
        .events('pod')
        .filter(event => event.includes('Started'))
        .slice(0, 1),
      newAddress: world.pod('pod')!.status!.podIP !== before.ip,
      restarts: statuses().map(s => s.restartCount),
      failed: world.events('pod').filter(event => event.includes('Failed')),
    };
  },

  /** Standard input, terminals, ports from outside. */
  async streams(world) {
    world.create('pod', {
      containers: [echo, { ...shell('interactive', 'while read line; do echo "got $line"; done; stty size'), stdin: true, tty: true }],
    });
    await phaseIs(world, 'pod', 'Running');
    const piped = await exec(world, 'pod', 'cat; exit 7', { input: 'some input' });
    const terminal = await exec(world, 'pod', '[ -t 0 ] && [ -t 1 ] && echo terminal; stty size', { tty: true });
    const plain = await exec(world, 'pod', '[ -t 0 ] || [ -t 1 ] || echo none');
    const attached = world.kubelet.attach({ namespace: 'default', pod: 'pod', container: 'interactive' });
    let seen = '';
    attached.onOutput((_, chunk) => {
      seen += Buffer.from(chunk).toString();
    });
    attached.resize(100, 40);
    attached.stdin!.write('hello\n');
    await world.until('an answer', () => seen.includes('got hello'));
    attached.stdin!.write('\x04');
    await world.until('its size', () => seen.includes('40 100'));
    const connection = await world.kubelet.connect({ namespace: 'default', pod: 'pod' }, 8080);
    connection.write('GET /10MiB HTTP/1.0\r\n\r\n');
    let bytes = 0;
    for await (const chunk of connection as AsyncIterable<Buffer>) bytes += chunk.length;
    const refused = await world.kubelet.connect({ namespace: 'default', pod: 'pod' }, 9).catch((error: Error) => error.message);
    return { piped, terminal: terminal.out.split('\r\n'), plain: plain.out, bytes: bytes > 10 * 1024 * 1024, refused };
  },

  /** A name server in a pod, asked from another one through its resolv.conf. */
  async names(world) {
    const metadata = (name: string, labels = {}) => ({ name, namespace: 'default', labels });
    world.store.create(Services, {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: metadata('web'),
      spec: { clusterIP: '10.96.0.11', ports: [{ name: 'http', port: 80 }] },
    });
    world.store.create(EndpointSlices, {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: metadata('web-1', { 'kubernetes.io/service-name': 'web' }),
      addressType: 'IPv4',
      endpoints: [{ addresses: ['10.244.1.77'], conditions: { ready: true } }],
      ports: [{ name: 'http', port: 80, protocol: 'TCP' }],
    });
    const Corefile = '.:53 {\n log\n kubernetes cluster.local in-addr.arpa {\n  ttl 9\n }\n}\n';
    world.store.create(ConfigMaps, { apiVersion: 'v1', kind: 'ConfigMap', metadata: metadata('coredns'), data: { Corefile } });
    const volumeMounts = [{ name: 'config', mountPath: '/etc/coredns', readOnly: true }];
    world.create('dns', {
      containers: [
        { name: 'coredns', image: 'registry.k8s.io/coredns/coredns:v1.11.1', args: ['-conf', '/etc/coredns/Corefile'], volumeMounts },
      ],
      volumes: [{ name: 'config', configMap: { name: 'coredns', items: [{ key: 'Corefile', path: 'Corefile' }] } }],
    });
    await world.until('the name server', () => world.pod('dns')?.status?.phase === 'Running');
    const ip = world.pod('dns')!.status!.podIP!;
    world.create('client', {
      containers: [shell('c', 'sleep 60')],
      dnsPolicy: 'None',
      dnsConfig: {
        nameservers: [ip],
        searches: ['default.svc.cluster.local', 'svc.cluster.local', 'cluster.local'],
        options: [{ name: 'ndots', value: '5' }],
      },
    });
    await phaseIs(world, 'client', 'Running');
    await world.until('an answer', () =>
      inNode('sh', '-c', `dig +short +tries=1 +time=1 @${ip} web.default.svc.cluster.local || true`).includes('10.96.0.11'),
    );
    return {
      getent: (await exec(world, 'client', 'getent hosts web')).out.split(/\s+/),
      none: (await exec(world, 'client', 'getent hosts nosuch')).code,
      nslookup: (await exec(world, 'client', '/kubehop/bin/nslookup web')).out.replaceAll(ip, 'SERVER').split('\n'),
      missing: (await exec(world, 'client', '/kubehop/bin/nslookup nosuch; echo $?')).out.split('\n').slice(-3),
      reverse: (await exec(world, 'client', '/kubehop/bin/nslookup 10.96.0.11')).out.includes('name = web.default.svc.cluster.local'),
      srv: (await exec(world, 'client', 'dig +short +search _http._tcp.web SRV')).out,
      ttl: inNode('dig', '+noall', '+answer', `@${ip}`, 'web.default.svc.cluster.local').split(/\s+/)[1],
      log: /"A IN web\.default\.svc\.cluster\.local\. udp \d+ false \d+" NOERROR qr,aa,rd/.test(await log(world, 'dns')),
    };
  },
};

const world = makeWorld();
const result = await scenarios[process.argv[2]!]!(world);
process.stdout.write(`\nresult ${JSON.stringify(result)}\n`, () => process.exit(existsSync('/run/netns') ? 0 : 1));
