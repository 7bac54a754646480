/**
 * The rules alone: first packets of new flows through rules of kube-proxy's shape, at ten and at ten thousand Services; how long a file of
 * about 110,000 rules takes from text to program, beside `iptables-restore` of the same; and whether memory grows with packets.
 *
 *     node --expose-gc test/bench/rules.ts [restore]
 *
 * A first packet meets nat PREROUTING (the Service, the endpoint, DNAT), filter FORWARD and nat POSTROUTING. Conntrack is a stand-in that
 * accepts, so that the figure is that of the rules. Exit 1 when a bound of `bounds` is broken. `restore` measures iptables-restore too: it
 * needs root, and makes a network namespace of its own for each run.
 */
import { execFileSync } from 'node:child_process';
import { monotonicClock } from '../../src/base/clock.ts';
import { SeededRandom } from '../../src/base/random.ts';
import type { Environment } from '../../src/netfilter/environment.ts';
import { compile } from '../../src/netfilter/execute/compile.ts';
import { Netfilter } from '../../src/netfilter/netfilter.ts';
import { readRuleSet } from '../../src/netfilter/text/read.ts';
import { plainMemory } from '../../src/packet/memory.ts';
import { CtInfo, Packet } from '../../src/packet/packet.ts';
import { Hook, Verdict } from '../../src/packet/verdict.ts';
import { setU32 } from '../../src/wire/bytes.ts';
import * as ipv4 from '../../src/wire/ipv4.ts';
import * as tcp from '../../src/wire/tcp.ts';
import { clusterIp, kubeProxyRules } from './kube-proxy-rules.ts';

const bounds = { lastOfMany: 0.9, heapPerPacket: 0.5 };
/** The last one is measured against the first. */
const SERVICES = [10, 1000, 10_000] as const;
const PACKETS = 400_000;
const ROUNDS = 7;
const POD = 0x0af40105; // 10.244.1.5

/** What a router answers, without a router: no address is local, every binding is taken. */
const environment: Environment = {
  clock: monotonicClock,
  random: new SeededRandom(1),
  interfaces: { generation: 1, count: 2, name: id => ['', 'eth0', 'cni0'][id]! },
  connections: {
    track: () => Verdict.Accept,
    confirm: () => Verdict.Accept,
    status: () => 0,
    mark: () => 0,
    setMark: () => {},
    protocol: () => 6,
    expiresMs: () => 0,
    origSrc: () => POD,
    origDst: () => 0,
    replySrc: () => 0,
    replyDst: () => 0,
    origSrcPort: () => 0,
    origDstPort: () => 0,
    replySrcPort: () => 0,
    replyDstPort: () => 0,
    nat: {
      consults: () => true,
      initialized: () => true,
      bind: () => Verdict.Accept,
      bindNull: () => Verdict.Accept,
      masquerade: () => Verdict.Accept,
      netmap: () => Verdict.Accept,
      translate: () => Verdict.Accept,
    },
  },
  addressType: () => 1,
  reversePath: () => true,
  masqueradeSource: () => 1,
  primaryAddress: () => 1,
  pathMtu: () => 1500,
  reject: () => {},
  reroute: () => true,
  log: () => {},
};

function syn(): Packet {
  const memory = plainMemory(256);
  const at = 64;
  ipv4.write(memory.bytes, at, 0, 40, 1, 0, 64, ipv4.Protocol.Tcp, POD, 0);
  const fields = { srcPort: 40000, dstPort: 80, seq: 1, ack: 0, flags: tcp.Flag.Syn, window: 64240, checksum: 0, urgentPointer: 0 };
  tcp.encode({ ...fields, options: new Uint8Array(0) }, memory.bytes, at + 20);
  const p = new Packet();
  p.borrow(memory, 0, at, at + 40, 256);
  p.l4 = at + 20;
  return p;
}

class Node {
  readonly netfilter = new Netfilter(environment);
  readonly #services: number;
  readonly #p = syn();
  constructor(services: number) {
    this.#services = services;
    this.netfilter.install(compile(readRuleSet(kubeProxyRules(services)).ruleSet).program);
  }

  /** First packets per second of the processor's time, which a busy machine stretches less than the clock's. `spread`: to all Services in turn, in an order that no cache foresees; else to the last one. */
  measure(packets: number, spread: boolean): number {
    const p = this.#p;
    const { netfilter } = this;
    const n = this.#services;
    const start = process.cpuUsage();
    for (let i = 0; i < packets; i++) {
      const service = spread ? (i * 7919) % n : n - 1;
      setU32(p.bytes, p.l3 + 16, clusterIp(service));
      p.ct = 0;
      p.ctinfo = CtInfo.New;
      p.mark = 0;
      p.iif = 2;
      p.oif = 0;
      netfilter.run('nat', Hook.Prerouting, p);
      p.oif = 1;
      netfilter.run('filter', Hook.Forward, p);
      netfilter.run('nat', Hook.Postrouting, p);
    }
    return packets / (process.cpuUsage(start).user / 1e6);
  }
}

const median = (v: number[]): number => v.sort((a, b) => a - b)[v.length >> 1]!;
let failed = false;
function check(what: string, value: number, bound: number, ok: boolean): void {
  console.log(`${ok ? 'ok  ' : 'FAIL'} ${what}: ${value.toFixed(3)} (bound ${bound})`);
  if (!ok) failed = true;
}

const nodes = SERVICES.map(n => new Node(n));
for (const node of nodes) for (const spread of [false, true]) node.measure(PACKETS / 4, spread);
const figures = nodes.map(() => ({ last: [] as number[], spread: [] as number[] }));
for (let round = 0; round < ROUNDS; round++) {
  for (const [i, node] of nodes.entries()) {
    figures[i]!.last.push(node.measure(PACKETS, false));
    figures[i]!.spread.push(node.measure(PACKETS, true));
  }
}
const rates = figures.map(f => ({ last: median(f.last), spread: median(f.spread) }));
const share = (v: number, of: number): string =>
  `${(v / 1000).toFixed(0).padStart(6)} k/s, ${(v / of).toFixed(3)} of that at ${SERVICES[0]}`;
for (const [i, { last, spread }] of rates.entries()) {
  console.log(
    `first packets at ${String(SERVICES[i]).padStart(5)} Services: the last one ${share(last, rates[0]!.last)}; all in turn ${share(spread, rates[0]!.spread)}`,
  );
}
const lastOfMany = rates.at(-1)!.last / rates[0]!.last;
check('last of many against last of few', lastOfMany, bounds.lastOfMany, lastOfMany >= bounds.lastOfMany);

if (globalThis.gc) {
  globalThis.gc();
  const before = process.memoryUsage().heapUsed;
  nodes.at(-1)!.measure(1_000_000, true);
  globalThis.gc();
  const perPacket = (process.memoryUsage().heapUsed - before) / 1_000_000;
  check('bytes of heap kept per packet', perPacket, bounds.heapPerPacket, perPacket <= bounds.heapPerPacket);
}

const text = kubeProxyRules(SERVICES.at(-1)!);
console.log(`${text.split('\n').filter(line => line.startsWith('-A')).length} rules, ${(text.length / 1e6).toFixed(1)} MB of text`);
const times = { read: [] as number[], compile: [] as number[], nft: [] as number[], legacy: [] as number[] };
const restore = process.argv.includes('restore');
for (let round = 0; round < 3; round++) {
  const start = performance.now();
  const { ruleSet } = readRuleSet(text);
  const read = performance.now();
  compile(ruleSet);
  times.read.push(read - start);
  times.compile.push(performance.now() - read);
  if (restore) {
    times.nft.push(restoreMs('iptables-nft-restore'));
    times.legacy.push(restoreMs('iptables-legacy-restore'));
  }
}
const ms = (v: number[]): string => `${median(v).toFixed(0)} ms`;
console.log(`from text to program: read ${ms(times.read)}, compile ${ms(times.compile)}`);
if (restore) {
  console.log(`iptables-restore of the same: nft ${ms(times.nft)}, legacy ${ms(times.legacy)}`);
  const ours = median(times.read) + median(times.compile);
  const kernel = Math.min(median(times.nft), median(times.legacy));
  check('text to program against the faster iptables-restore', ours / kernel, 1, ours < kernel);
}
process.exitCode = failed ? 1 : 0;

/** In a namespace that ends with the command; legacy wants a writable /run for its lock. */
function restoreMs(tool: string): number {
  const script = `mount -t tmpfs none /run && exec ${tool}`;
  const start = performance.now();
  execFileSync('unshare', ['-n', '-m', 'sh', '-c', script], { input: text, maxBuffer: 1 << 28 });
  return performance.now() - start;
}
