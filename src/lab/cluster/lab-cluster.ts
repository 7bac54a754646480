/**
 * The control plane of a lab: store, API server, controllers; on each node a kubelet, and in its pods kube-proxy, flannel and a name server. The
 * network is the lab's, the pods' namespaces are made in it.
 */
import { mkdirSync } from 'node:fs';
import { writeKubeconfig } from '../../apiserver/kubeconfig.ts';
import { ApiServer } from '../../apiserver/server.ts';
import { Authority } from '../../apiserver/tls/certificate.ts';
import { newToken } from '../../apiserver/token.ts';
import { LabError } from '../../base/errors.ts';
import type { Random } from '../../base/random.ts';
import { realTimers } from '../../base/timers.ts';
import { bootstrap, newClusterStore, openClusterStore, startHousekeeping } from '../../cluster/bootstrap.ts';
import { controllerOf } from '../../cluster/controllers/context.ts';
import { hasEnded, isReady } from '../../cluster/controllers/pod-state.ts';
import { serviceAdmissions, startControllers } from '../../cluster/controllers/start.ts';
import { Deployments, Nodes, Pods } from '../../cluster/resources/index.ts';
import type { Pod } from '../../cluster/schema/pod.ts';
import type { Store } from '../../cluster/store/store.ts';
import type { InsideContext, InsideProgram } from '../../kubelet/images.ts';
import { Kubelet } from '../../kubelet/kubelet.ts';
import { LinuxRuntime } from '../../kubelet/linux/linux-runtime.ts';
import type { PodIdentity, PodNetwork } from '../../kubelet/runtime.ts';
import { StoreApi } from '../../kubelet/store-api.ts';
import { listenTcp } from '../../os/listen.ts';
import { insideNetns } from '../../os/netns.ts';
import { applets } from '../pod/applets.ts';
import { BridgeNetwork } from '../pod/bridge-network.ts';
import { freeBeside, type IsFree, PlaceLinks, placeName, podNetnsName } from '../pod/place-name.ts';
import type { LabProxies } from '../proxy/lab-proxies.ts';
import { NAMES_DIR, NETNS_DIR, netnsPath } from '../shell.ts';
import { podCidr, UPSTREAM_LAN } from '../topology/addresses.ts';
import type { PodDeclaration } from '../topology/declaration.ts';
import type { PodNetwork as NetworkKind, Node, Peer } from '../topology/model.ts';
import { ClusterObjects } from './cluster-objects.ts';
import { type Flannel, startFlannel } from './flanneld.ts';
import { labImages, REPOSITORY } from './images.ts';
import { KUBECONFIG } from './kubeconfig.ts';
import { giveLoadBalancerIps } from './load-balancer.ts';
import { registerNode } from './node-objects.ts';
import { podRequests } from './pod-requests.ts';
import { podStreams } from './pod-streams.ts';
import { readProxyConfiguration } from './proxy-configuration.ts';
import { feedProxies } from './store-feed.ts';
import { DNS_ADDRESS, SERVICE_RANGE, systemObjects } from './system-objects.ts';

/** As pods reach the API server: at the upstream router, on kube-apiserver's port. */
const API_PORT = 6443;
const RUN = '/run/kubehop/nodes';
const SETTLED_WITHIN_MS = 30_000;
const LOOK_MS = 20;

export interface LabClusterOptions {
  readonly lab: string;
  readonly podNetwork: NetworkKind;
  /** Names that are the lab's own. */
  readonly taken: readonly string[];
  /** Node of the name server. */
  readonly namesOn: string | undefined;
  /** Descriptor of a socket on the host's loopback that listens already, for the user's own kubectl. */
  readonly apiFd: number;
  /** Where the objects are kept, so that the next lab begins with them; undefined: nowhere. */
  readonly storeFile: string | undefined;
  readonly random: Random;
  readonly proxies: LabProxies;
  readonly directRouting: boolean;
  /** `hairpinMode` of flannel's CNI configuration. */
  readonly hairpin: boolean;
  /** Are Services given the addresses that they ask of a load balancer? */
  readonly givesLoadBalancerIps: boolean;
  /** A node's bridge has another port. */
  readonly lookAtPorts: (node: string) => Promise<void>;
  /** A node's way to the pods of the others. */
  readonly setPeers: (node: string, peers: readonly Peer[]) => Promise<void>;
  readonly sysctls: Readonly<Record<string, number>>;
  readonly say: (line: string) => void;
}

interface ClusterNode {
  readonly node: Node;
  readonly kubelet: Kubelet;
  readonly runtime: LinuxRuntime;
  readonly unregister: () => void;
}

export class LabCluster {
  readonly store: Store;
  /** What manifests ask for. */
  readonly objects: ClusterObjects;
  readonly #options: LabClusterOptions;
  readonly #nodes = new Map<string, ClusterNode>();
  readonly #flannels = new Map<string, Flannel>();
  readonly #token = newToken();
  readonly #isFree: IsFree;

  constructor(options: LabClusterOptions) {
    this.#options = options;
    this.#isFree = freeBeside(options.taken);
    const admissions = serviceAdmissions(SERVICE_RANGE, options.random);
    const parts = { clock: realTimers, random: options.random, admissions: admissions.list, onListenerError: this.#report };
    this.store = options.storeFile === undefined ? newClusterStore(parts) : openClusterStore(options.storeFile, parts).store;
    admissions.restore(this.store);
    this.objects = new ClusterObjects(this.store);
  }

  /** Control plane first; nodes are added afterwards. */
  async start(): Promise<void> {
    const { lab, apiFd, random, proxies, podNetwork, namesOn } = this.#options;
    const authority = new Authority(`kubehop-lab-${lab}`, Date.now());
    const hosts = [
      '127.0.0.1',
      'localhost',
      UPSTREAM_LAN,
      '10.96.0.1',
      'kubernetes',
      'kubernetes.default',
      'kubernetes.default.svc',
      'kubernetes.default.svc.cluster.local',
    ];
    const tls = authority.server('kube-apiserver', hosts, Date.now());
    bootstrap(this.store);
    startHousekeeping(this.store, authority.certificate);
    startControllers({
      store: this.store,
      timers: realTimers,
      random,
      report: (controller, key, error) => this.#report(`${controller} ${key}: ${String(error)}`),
    });
    feedProxies(this.store, proxies, this.#report);
    if (this.#options.givesLoadBalancerIps) giveLoadBalancerIps(this.store);
    const kubelets = (name: string) => this.#nodes.get(name)?.kubelet;
    const pods = podRequests(kubelets, podStreams(kubelets));
    const server = { store: this.store, token: this.#token, tls, pods, report: this.#report };
    const outside = new ApiServer(server);
    await outside.listen({ fd: apiFd });
    const inside = new ApiServer(server);
    await inside.listen({ fd: insideNetns(netnsPath('upstream'), () => listenTcp(UPSTREAM_LAN, API_PORT)) });
    writeKubeconfig(KUBECONFIG, { name: `kubehop-${lab}`, server: outside.url, ca: authority.certificate, token: this.#token });
    for (const object of systemObjects(podNetwork, { address: UPSTREAM_LAN, port: API_PORT }, namesOn)) this.objects.createOnce(object);
  }

  addNode(name: string, node: Node): void {
    const { sysctls, hairpin, lookAtPorts } = this.#options;
    const directory = `${RUN}/${name}`;
    mkdirSync(directory, { recursive: true, mode: 0o755 });
    mkdirSync(NAMES_DIR, { recursive: true, mode: 0o755 });
    const runtime = new LinuxRuntime({
      directory,
      nodeNetns: netnsPath(name),
      netnsDirectory: NETNS_DIR,
      netnsName: podNetnsName,
      programs: [REPOSITORY, process.execPath],
      applets,
    });
    const network = new NamedNetwork(
      `${directory}/pods`,
      new BridgeNetwork({
        node: name,
        bridge: 'cni0',
        cidr: podCidr(node.number),
        isolated: node.plane === 'userspace' && node.bridgeNf,
        mtu: node.podMtu,
        taken: node.pods.map(pod => pod.address),
        sysctls,
        hairpin,
        ...(hairpin ? { attached: () => lookAtPorts(name) } : {}),
      }),
      pod => placeName(pod, this.#isFree),
    );
    const kubelet = new Kubelet({
      api: new StoreApi(this.store, name),
      runtime,
      network,
      images: labImages({
        store: this.store,
        kubeProxy: context => this.#kubeProxy(name, context),
        flannel: context => this.#flannel(name, node, context),
      }),
      dns: { address: DNS_ADDRESS, domain: 'cluster.local', nodeResolvConf: `nameserver ${UPSTREAM_LAN}\n` },
      timers: realTimers,
      node: { name, address: node.address.split('/')[0]! },
    });
    kubelet.start();
    this.#nodes.set(name, { node, kubelet, runtime, unregister: registerNode(this.store, realTimers, name, node) });
  }

  /** Its pods end with it, and its object goes. */
  async removeNode(name: string): Promise<void> {
    const found = this.#nodes.get(name);
    if (found === undefined) return;
    this.#nodes.delete(name);
    found.unregister();
    this.store.delete(Nodes, '', name);
    await found.kubelet.stop();
    await found.runtime.close();
  }

  /** Every pod that was asked for runs, and is ready. @throws LabError DAEMON naming those that are not, after a while */
  async settled(): Promise<void> {
    const end = performance.now() + SETTLED_WITHIN_MS;
    for (;;) {
      const late = this.store.list(Pods).items.filter(pod => !isReady(pod) && !hasEnded(pod));
      const wanted = this.store.list(Deployments).items.some(({ spec, status }) => (status?.readyReplicas ?? 0) < (spec?.replicas ?? 1));
      if (late.length === 0 && !wanted) break;
      if (performance.now() > end) throw new LabError('DAEMON', `not ready: ${late.map(whyNotReady).join('; ')}`);
      await new Promise(resolve => setTimeout(resolve, LOOK_MS));
    }
    await Promise.all([...this.#flannels.values()].map(flannel => flannel.settled()));
    await this.#options.proxies.settle();
  }

  /** Pods of names that do not change from run to run, and with a network of their own: as a lab declares pods. */
  pods(): Record<string, PodDeclaration & { address: string }> {
    const own = this.store
      .list(Pods)
      .items.filter(pod => controllerOf(pod) === undefined && pod.spec?.hostNetwork !== true && (pod.status?.podIP ?? '') !== '');
    return Object.fromEntries(
      own.map(pod => [placeName(pod.metadata as PodIdentity, this.#isFree), { node: pod.spec!.nodeName!, address: pod.status!.podIP! }]),
    );
  }

  /** Of pods with a network of their own, whoever made them. */
  addresses(): Record<string, string> {
    const own = this.store.list(Pods).items.filter(pod => pod.spec?.hostNetwork !== true && (pod.status?.podIP ?? '') !== '');
    return Object.fromEntries(own.map(pod => [placeName(pod.metadata as PodIdentity, this.#isFree), pod.status!.podIP!]));
  }

  /** What the pods that run are called. */
  places(): string[] {
    return [...this.#nodes.values()].flatMap(({ kubelet }) =>
      kubelet
        .sandboxes()
        .flatMap(({ namespace, pod, hostNetwork }) => (hostNetwork ? [] : [placeName({ namespace, name: pod }, this.#isFree)])),
    );
  }

  #kubeProxy(node: string, { say }: InsideContext): InsideProgram {
    const { proxies } = this.#options;
    const { promise, resolve } = Promise.withResolvers<number>();
    say(`Using iptables Proxier on ${node}`);
    const readAndBegin = async (): Promise<void> => proxies.begin(node, say, readProxyConfiguration(this.store));
    const begun = readAndBegin().catch(error => {
      say(String(error));
      resolve(1);
    });
    return { ended: promise, stop: () => void begun.then(() => proxies.end(node)).then(() => resolve(0)) };
  }

  #flannel(name: string, node: Node, { say }: InsideContext): InsideProgram {
    const { setPeers, directRouting } = this.#options;
    const { promise, resolve } = Promise.withResolvers<number>();
    say(`Found interface eth0 with address ${node.address.split('/')[0]}; subnet ${podCidr(node.number)}, MTU ${node.podMtu}`);
    const flannel = startFlannel({ store: this.store, name, node, directRouting, say, setPeers: peers => setPeers(name, peers) });
    this.#flannels.set(name, flannel);
    return {
      ended: promise,
      stop: () => {
        flannel.stop();
        this.#flannels.delete(name);
        resolve(0);
      },
    };
  }

  readonly #report = (error: unknown): void => this.#options.say(error instanceof Error ? error.message : String(error));
}

/** A pod's network namespace and its files are found by its name too: by who enters it from outside. */
class NamedNetwork implements PodNetwork {
  readonly #directory: string;
  readonly #network: PodNetwork;
  readonly #placeOf: (pod: PodIdentity) => string;
  /** @param directory of the kubelet, in which each pod has one by its uid */
  constructor(directory: string, network: PodNetwork, placeOf: (pod: PodIdentity) => string) {
    this.#directory = directory;
    this.#network = network;
    this.#placeOf = placeOf;
  }
  async attach(pod: PodIdentity, netns: string): Promise<{ readonly address: string }> {
    this.#links(pod).set(this.#placeOf(pod));
    return this.#network.attach(pod, netns);
  }
  async detach(pod: PodIdentity): Promise<void> {
    this.#links(pod).remove(this.#placeOf(pod));
    await this.#network.detach(pod);
  }

  #links(pod: PodIdentity): PlaceLinks {
    return new PlaceLinks({ [NETNS_DIR]: podNetnsName(pod), [NAMES_DIR]: `${this.#directory}/${pod.uid}/etc` });
  }
}

function whyNotReady({ metadata, status }: Pod): string {
  const waiting = (status?.containerStatuses ?? []).map(each => each.state?.waiting?.reason).find(reason => reason !== undefined);
  return `pod ${metadata.namespace}/${metadata.name}: ${waiting ?? status?.phase ?? 'Pending'}`;
}
