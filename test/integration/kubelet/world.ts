/**
 * A node of the Linux kernel with a kubelet and a store, in namespaces of its own: run by `run-in-lab.ts` as a program, under `unshare`, so that nothing
 * of it is left when it ends.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { SeededRandom } from '../../../src/base/random.ts';
import { realTimers } from '../../../src/base/timers.ts';
import { bootstrap, newClusterStore, startHousekeeping } from '../../../src/cluster/bootstrap.ts';
import { Events, Pods } from '../../../src/cluster/resources/index.ts';
import type { Pod } from '../../../src/cluster/schema/pod.ts';
import type { Store } from '../../../src/cluster/store/store.ts';
import { FeedWriter } from '../../../src/dns/feed.ts';
import { followStore } from '../../../src/dns/follow-store.ts';
import { imageTable } from '../../../src/kubelet/images.ts';
import { Kubelet } from '../../../src/kubelet/kubelet.ts';
import { LinuxRuntime } from '../../../src/kubelet/linux/linux-runtime.ts';
import { StoreApi } from '../../../src/kubelet/store-api.ts';
import { applets } from '../../../src/lab/pod/applets.ts';
import { BridgeNetwork } from '../../../src/lab/pod/bridge-network.ts';

const REPOSITORY = resolve(import.meta.dirname, '../../..');
const program = (path: string): string[] => [process.execPath, '--disable-warning=ExperimentalWarning', resolve(REPOSITORY, path)];

export interface World {
  readonly store: Store;
  readonly kubelet: Kubelet;
  create(name: string, spec: object, metadata?: object): Pod;
  pod(name: string): Pod | undefined;
  until<T>(what: string, read: () => T | undefined | false): Promise<T>;
  events(name: string): string[];
}

const sh = (command: string): string => execFileSync('sh', ['-ec', command], { encoding: 'utf8' });

export function makeWorld(): World {
  sh(`
    ip netns add node1
    ip -n node1 link set lo up
    ip -n node1 link add cni0 type bridge
    ip -n node1 link set cni0 address 0a:58:0a:f4:01:01 mtu 1450 up
    ip -n node1 address add 10.244.1.1/24 dev cni0
    ip netns exec node1 sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.send_redirects=0
    ip -n node1 address add 10.96.0.10/32 dev lo
  `);
  mkdirSync('/run/kubehop/node1', { recursive: true });
  const clock = { nowMs: () => Date.now() };
  const store = newClusterStore({ clock, random: new SeededRandom(Date.now()) });
  bootstrap(store);
  startHousekeeping(store);
  const runtime = new LinuxRuntime({
    directory: '/run/kubehop/node1',
    nodeNetns: '/run/netns/node1',
    netnsDirectory: '/run/netns',
    netnsName: ({ name, namespace }) => `${name}.${namespace}`,
    programs: [REPOSITORY, process.execPath],
    applets: { ...applets, greet: '#!/bin/sh\necho "hello $1"\n' },
  });
  const images = imageTable({
    'kubehop/echo': {
      kind: 'process',
      entrypoint: program('src/kubelet/programs/echo.ts'),
      arguments: [],
      knowsPorts: true,
      serving: 'listening',
    },
    busybox: { kind: 'process', entrypoint: [], arguments: ['sh'], note: "the machine's own programs stand in for those of the image" },
    'coredns/coredns': {
      kind: 'process',
      entrypoint: program('src/dns/program.ts'),
      arguments: [],
      feed: to => followStore(store, new FeedWriter(line => to.write(line))),
    },
  });
  const network = new BridgeNetwork({
    node: 'node1',
    bridge: 'cni0',
    cidr: '10.244.1.0/24',
    isolated: false,
    sysctls: { 'net.ipv6.conf.all.disable_ipv6': 1, 'net.ipv6.conf.default.disable_ipv6': 1 },
  });
  const kubelet = new Kubelet({
    api: new StoreApi(store, 'node1'),
    runtime,
    network,
    images,
    dns: { address: '10.96.0.10', domain: 'cluster.local', nodeResolvConf: 'nameserver 192.168.56.1\n' },
    timers: realTimers,
    node: { name: 'node1', address: '192.168.56.11' },
  });
  kubelet.start();
  const pod = (name: string): Pod | undefined => store.find(Pods, 'default', name);
  return {
    store,
    kubelet,
    pod,
    create: (name, spec, metadata = {}) =>
      store.create(Pods, {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name, namespace: 'default', ...metadata },
        spec: { nodeName: 'node1', ...spec } as NonNullable<Pod['spec']>,
      }),
    async until(what, read) {
      const end = performance.now() + 20_000;
      for (;;) {
        const found = read();
        if (found !== undefined && found !== false) return found;
        if (performance.now() > end) throw new Error(`waited for ${what}`);
        await new Promise(later => setTimeout(later, 5));
      }
    },
    events: name =>
      store
        .list(Events, { namespace: 'default' })
        .items.filter(event => event.involvedObject.name === name)
        .map(event => `${event.type} ${event.reason}: ${event.message}`),
  };
}

export const isReady = (pod: Pod | undefined): boolean =>
  pod?.status?.conditions?.some(c => c.type === 'Ready' && c.status === 'True') === true;
