/**
 * Rules of 10,000 Services with 100,000 endpoints: how much processor time passes from the objects to a program, and how long it takes from
 * the change of one endpoint to the text that kube-proxy writes, to a patch of the program, and in the node's thread.
 *
 *     node test/bench/rule-change.ts
 *
 * Exit 1 when a bound is broken. Processor time is that of the thread that compiles; what the collector's helpers take on other processors
 * is said beside it.
 */
import { formatIpv4 } from '../../src/base/address.ts';
import { monotonicClock } from '../../src/base/clock.ts';
import { type EndpointSlice, SERVICE_NAME_LABEL, type Service } from '../../src/cluster/objects/types.ts';
import { Netfilter } from '../../src/netfilter/netfilter.ts';
import { NodeRules } from '../../src/node/rules.ts';
import { DEFAULT_VERSION, dialectOf, type ProxyConfig } from '../../src/proxy/iptables/config.ts';
import { fullText } from '../../src/proxy/iptables/full-text.ts';
import { MemorySink } from '../../src/proxy/iptables/memory-sink.ts';
import { Proxier } from '../../src/proxy/iptables/proxier.ts';
import { restoreText } from '../../src/proxy/iptables/restore.ts';
import { FakeEnvironment } from '../netfilter/execute/support.ts';

/** Milliseconds: of processor time, then of the clock, medians. */
const bounds = { first: 2000, event: 20, thread: 1 };
const SERVICES = 10_000;
const ENDPOINTS = 10;
const CHANGES = 40;
const PODS = 0x0a800000; // 10.128.0.0

const config: ProxyConfig = {
  family: 'IPv4',
  nodeName: 'node1',
  nodeIp: undefined,
  zone: '',
  localIps: [],
  masqueradeAll: false,
  masqueradeMark: '0x4000',
  localDetector: { kind: 'cidr', cidr: '10.128.0.0/9' },
  localhostNodePorts: true,
  nodePortAddresses: [],
  conntrackTcpLiberal: false,
  randomFully: true,
  loadBalancerIPMode: true,
  dialect: dialectOf(DEFAULT_VERSION),
};

const service = (i: number): Service => ({
  kind: 'Service',
  metadata: { name: `service-${i}`, namespace: 'default' },
  spec: {
    type: 'ClusterIP',
    clusterIP: formatIpv4(0x0a60000a + i),
    ports: [{ name: 'http', protocol: 'TCP', port: 80 }],
    sessionAffinity: 'None',
  },
  status: { loadBalancer: { ingress: [] } },
});

/** @param moved the first endpoint stands so many addresses further */
const slice = (i: number, moved = 0): EndpointSlice => ({
  kind: 'EndpointSlice',
  metadata: { name: `service-${i}-1`, namespace: 'default', labels: { [SERVICE_NAME_LABEL]: `service-${i}` } },
  addressType: 'IPv4',
  ports: [{ name: 'http', protocol: 'TCP', port: 8080 }],
  endpoints: Array.from({ length: ENDPOINTS }, (_, n) => ({
    addresses: [formatIpv4(PODS + i * 16 + n + (n === 0 ? moved : 0))],
    conditions: { ready: true },
    nodeName: `node${1 + (n % 3)}`,
  })),
});

const median = (v: number[]): number => v.toSorted((a, b) => a - b)[v.length >> 1]!;
let failed = false;
function check(what: string, value: number, bound: number): void {
  console.log(`${value <= bound ? 'ok  ' : 'FAIL'} ${what}: ${value.toFixed(2)} ms (bound ${bound})`);
  if (value > bound) failed = true;
}
const note = (what: string, times: number[]): void =>
  console.log(`     ${what}: ${median(times).toFixed(2)} ms, longest ${Math.max(...times).toFixed(2)}`);

const parts = { clock: monotonicClock, log: console.log };
const cpu = (since?: NodeJS.CpuUsage): number => {
  const { user, system } = process.cpuUsage(since);
  return (user + system) / 1000;
};

const objects = Array.from({ length: SERVICES }, (_, i) => [service(i), slice(i)] as const);
const rules = new NodeRules(false);
const sink = new MemorySink([], ruleSet => void rules.install(ruleSet));
const proxier = new Proxier(config, { ...parts, sink });
const netfilter = new Netfilter(new FakeEnvironment());
function take(): void {
  for (const news of rules.takeNews()) {
    if ('program' in news) netfilter.install(news.program);
    else netfilter.change(news.patch);
  }
}

const start = process.cpuUsage();
const own = process.threadCpuUsage();
const clock = performance.now();
for (const [s, e] of objects) {
  proxier.updateService(undefined, s);
  proxier.updateSlice(e);
}
console.log(`     changes noted: ${cpu(start).toFixed(0)} ms`);
await proxier.sync();
const { user, system } = process.threadCpuUsage(own);
const first = (user + system) / 1000;
console.log(`     by the clock ${(performance.now() - clock).toFixed(0)} ms, processor time of all threads ${cpu(start).toFixed(0)} ms`);
check(`${SERVICES} Services, ${SERVICES * ENDPOINTS} endpoints: from objects to a program, processor time`, first, bounds.first);
take();

/** One endpoint moves, again and again at another Service. */
async function changes(sync: (i: number) => Promise<number>): Promise<{ sync: number[]; thread: number[]; patches: number }> {
  const times = { sync: [] as number[], thread: [] as number[], patches: 0 };
  for (let n = 0; n < CHANGES; n++) {
    times.sync.push(await sync((n * 7919) % SERVICES));
    const from = performance.now();
    for (const news of rules.takeNews()) {
      if (!('patch' in news)) throw new Error('the whole was compiled');
      netfilter.change(news.patch);
      times.patches++;
    }
    times.thread.push(performance.now() - from);
  }
  return times;
}

let moved = 0;
const asData = await changes(async i => {
  const from = performance.now();
  proxier.updateSlice(slice(i, 10 + (++moved % 5)));
  await proxier.sync();
  return performance.now() - from;
});
check('one endpoint changed: from the event to a patch, as data', median(asData.sync), bounds.event);
note('as data', asData.sync);
note("in the node's thread", asData.thread);
check("in the node's thread, longest", Math.max(...asData.thread), 5 * bounds.thread);

// The same as text: kube-proxy on one side, iptables-restore of the router on the other.
const texts: string[] = [];
const textState = new MemorySink();
const written: number[] = [];
const textProxier = new Proxier(config, { ...parts, sink: textState });
for (const [s, e] of objects) {
  textProxier.updateService(undefined, s);
  textProxier.updateSlice(e);
}
await textProxier.sync();
for (let n = 0; n < CHANGES; n++) {
  const from = performance.now();
  textProxier.updateSlice(slice((n * 7919) % SERVICES, 10 + n));
  const { restore } = await textProxier.sync();
  texts.push(restoreText(restore!));
  written.push(performance.now() - from);
}
note(`from the event to the text of ${(texts[1]!.length / 1e6).toFixed(1)} MB`, written);

const whole = fullText(textState.state);
const loading = process.cpuUsage();
rules.load(whole, { file: 'rules' });
console.log(`     the whole as text, ${(whole.length / 1e6).toFixed(0)} MB: processor time ${cpu(loading).toFixed(0)} ms`);
take();
let n = 0;
const asText = await changes(async () => {
  const text = texts[n++]!;
  const from = performance.now();
  rules.load(text, { noflush: true, counters: true, file: 'stdin' });
  return performance.now() - from;
});
check('from that text to a patch', median(asText.sync), bounds.event);
note('from that text to a patch', asText.sync);
note("in the node's thread", asText.thread);

/** Without KUBE-SERVICES and the like, which did not change: what a user would write. */
const short = (text: string): string => {
  return text
    .slice(text.indexOf('*nat'))
    .split('\n')
    .filter(line => !/^(:|-A )KUBE-(SERVICES|NODEPORTS|POSTROUTING|MARK-MASQ)\b/.test(line))
    .join('\n');
};
n = 0;
const asShort = await changes(async () => {
  const text = short(texts[n++]!);
  const from = performance.now();
  rules.load(text, { noflush: true, counters: true, file: 'stdin' });
  return performance.now() - from;
});
check('the chains of the Service alone, from text to a patch', median(asShort.sync), bounds.event);
note('the chains of the Service alone', asShort.sync);
note("in the node's thread", asShort.thread);
process.exitCode = failed ? 1 : 0;
