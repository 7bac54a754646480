/**
 * A lab of two userspace nodes with an API and 10,000 Services: from the call that changes one endpoint to rules in force on every node; and
 * from the creation of a pod until it runs, with its network.
 *
 * A change that finds the proxies at rest is taken at once. One that comes within a second of a sync waits for the end of that second:
 * `minSyncPeriod` is 1 s, counted from the end of one sync to the start of the next (kubernetes `pkg/proxy/runner`, without bursts since
 * 1.34), and it is kube-proxy's answer to a rolling update. So both are measured, and the second one has no bound but that second.
 *
 *     node test/bench/api-to-rules.ts [SERVICES]
 *
 * Exit 1 when a bound is broken. It needs what labs need (`kubehop doctor`), and half a minute.
 */
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { monotonicClock } from '../../src/base/clock.ts';
import { Kubehop } from '../labs/support.ts';

/** Milliseconds, medians. */
const bounds = { rules: 30, busy: 1100, pod: 1000 };
const SERVICES = Number(process.argv[2] ?? 10_000);
const CHANGES = 11;
/** Each behind another one, by so many milliseconds. */
const BUSY_CHANGES = 5;
const BEHIND_MS = 200;
const PODS = 8;
/** Longer than kube-proxy's shortest time between two syncs. */
const IDLE_MS = 1100;
const AT_ONCE = 32;

process.env.KUBEHOP_LABS = fileURLToPath(new URL('../fixtures/labs', import.meta.url));
const kubehop = new Kubehop();
const wait = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms));
const median = (all: readonly number[]): number => [...all].sort((a, b) => a - b)[all.length >> 1]!;
const ms = monotonicClock;

type Call = (
  method: string,
  path: string,
  body?: object,
) => Promise<Record<string, never> & { status?: { phase?: string; podIP?: string } }>;

function apiOf(config: string): Call {
  const { clusters, users } = parse(readFileSync(config, 'utf8'));
  const { server, 'certificate-authority-data': ca } = clusters[0].cluster;
  const agent = new Agent({ keepAlive: true, ca: Buffer.from(ca, 'base64'), maxSockets: AT_ONCE });
  return (method, path, body) =>
    new Promise((resolve, reject) => {
      const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
      const headers = { authorization: `Bearer ${users[0].user.token}`, 'content-type': type };
      const asked = request(`${server}${path}`, { method, agent, headers }, response => {
        let text = '';
        response.setEncoding('utf8').on('data', piece => {
          text += piece;
        });
        response.on('end', () => (response.statusCode! < 300 ? resolve(JSON.parse(text)) : reject(new Error(text))));
      });
      asked.on('error', reject);
      asked.end(body === undefined ? undefined : JSON.stringify(body));
    });
}

const address = (i: number): string => `10.96.${100 + (i >> 8)}.${i & 255}`;
const endpoint = (i: number): string => `10.244.${10 + ((i >> 8) % 200)}.${i & 255}`;
const SLICES = '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices';

async function makeServices(call: Call): Promise<void> {
  let next = 0;
  const one = async (): Promise<void> => {
    while (next < SERVICES) {
      const i = next++;
      const name = `s${i}`;
      const spec = { clusterIP: address(i), ports: [{ port: 80, targetPort: 8080 }] };
      await call('POST', '/api/v1/namespaces/default/services', { apiVersion: 'v1', kind: 'Service', metadata: { name }, spec });
      await call('POST', SLICES, {
        apiVersion: 'discovery.k8s.io/v1',
        kind: 'EndpointSlice',
        metadata: { name, labels: { 'kubernetes.io/service-name': name } },
        addressType: 'IPv4',
        ports: [{ port: 8080, protocol: 'TCP' }],
        endpoints: [{ addresses: [endpoint(i)] }],
      });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, one));
}

interface Proxies {
  /** When they were done with their last sync, ms since 1970: the later of both. */
  readonly lastSyncMs: number;
  /** Changes that wait for a sync. */
  readonly pending: number;
}

async function proxies(): Promise<Proxies> {
  const texts = await Promise.all(
    ['node1', 'node2'].map(node => kubehop.run('exec', node, '--', 'curl', '-s', 'http://127.0.0.1:10249/metrics')),
  );
  const values = (name: string): number[] =>
    texts.map(({ stdout }) => Number(new RegExp(`^kubeproxy_sync_proxy_rules_${name}(?:{.*})? (\\S+)`, 'm').exec(stdout)?.[1]));
  return {
    lastSyncMs: 1000 * Math.max(...values('last_timestamp_seconds')),
    pending: Math.max(...values('service_changes_pending'), ...values('endpoint_changes_pending')),
  };
}

/** Until nothing waits, and the second behind the last sync is over. */
async function rest(): Promise<void> {
  for (;;) {
    const { lastSyncMs, pending } = await proxies();
    if (pending === 0 && Date.now() - lastSyncMs >= IDLE_MS) return;
    await wait(100);
  }
}

let changed = 0;
/** @returns milliseconds from the call until rules are in force on both nodes */
async function change(call: Call): Promise<number> {
  const n = changed++;
  const atMs = Date.now();
  await call('PATCH', `${SLICES}/s${(n * 613) % SERVICES}`, { endpoints: [{ addresses: [`10.244.250.${n + 1}`] }] });
  await rest();
  const done = (await proxies()).lastSyncMs - atMs;
  if (!(done >= 0)) throw new Error(`change ${n}: no sync came after it (${done} ms)`);
  return done;
}

async function idleChanges(call: Call): Promise<number[]> {
  const took: number[] = [];
  await rest();
  for (let n = 0; n < CHANGES; n++) took.push(await change(call));
  return took;
}

async function busyChanges(call: Call): Promise<number[]> {
  const took: number[] = [];
  for (let n = 0; n < BUSY_CHANGES; n++) {
    const first = change(call);
    await wait(BEHIND_MS);
    took.push(await change(call));
    await first;
  }
  const { stdout } = await kubehop.run('iptables', '--node', 'node1', '-t', 'nat', '-S');
  if (!stdout.includes(`--to-destination 10.244.250.${changed}:8080`)) throw new Error('the last change is not in force');
  return took;
}

async function pods(call: Call): Promise<number[]> {
  const took: number[] = [];
  for (let n = 0; n < PODS; n++) {
    const metadata = { name: `pod-${n}` };
    const spec = { containers: [{ name: 'echo', image: 'kubehop/echo' }] };
    const start = ms.nowMs();
    await call('POST', '/api/v1/namespaces/default/pods', { apiVersion: 'v1', kind: 'Pod', metadata, spec });
    for (;;) {
      const { status } = await call('GET', `/api/v1/namespaces/default/pods/pod-${n}`);
      if (status?.phase === 'Running' && status.podIP !== undefined) break;
      await wait(5);
    }
    took.push(ms.nowMs() - start);
  }
  return took;
}

function report(what: string, took: readonly number[], bound: number): boolean {
  const ok = median(took) <= bound;
  process.stdout.write(
    `${what}: median ${median(took).toFixed(0)} ms, most ${Math.max(...took).toFixed(0)} ms of ${took.length}; bound ${bound} ms${ok ? '' : ': BROKEN'}\n`,
  );
  return ok;
}

try {
  const up = await kubehop.run('lab', 'up', '95', '--on', 'userspace');
  if (up.code !== 0) throw new Error(up.stderr);
  const call = apiOf((await kubehop.run('kubeconfig', '95')).stdout.trim());
  const podsOk = report('a pod runs, with its network', await pods(call), bounds.pod);
  const start = ms.nowMs();
  await makeServices(call);
  process.stdout.write(`${SERVICES} Services with an EndpointSlice each: ${((ms.nowMs() - start) / 1000).toFixed(1)} s through the API\n`);
  const rulesOk = report('one endpoint changed, until both routers have the rules', await idleChanges(call), bounds.rules);
  const busyOk = report(`the same, ${BEHIND_MS} ms behind another one`, await busyChanges(call), bounds.busy);
  process.exitCode = podsOk && rulesOk && busyOk ? 0 : 1;
} finally {
  await kubehop.run('lab', 'down', '--all');
  kubehop.close();
}
