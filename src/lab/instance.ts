/** One lab that stands: its network is built, its nodes carry packets, its pods listen. Lives in the lab's own namespaces. */

import { join } from 'node:path';
import { LabError } from '../base/errors.ts';
import { SeededRandom } from '../base/random.ts';
import type { LogicalHop, TraceRingInput } from '../capture/capture.ts';
import { LinkType } from '../capture/pcapng/format.ts';
import type { RouterDescription } from '../node/description.ts';
import { createTraceRing } from '../packet/trace-ring.ts';
import { HOOK_HOP } from '../packet/tracer.ts';
import { hookNames } from '../packet/verdict.ts';
import { Speakers } from './bird/speakers.ts';
import { LabCluster } from './cluster/lab-cluster.ts';
import type { Lab } from './definition.ts';
import { hopDescription, linkTypeOf } from './hop-point.ts';
import { writeNodeTools } from './node-shell.ts';
import type { DataPlane } from './plane/data-plane.ts';
import { KernelPlane, restoreCommand } from './plane/kernel.ts';
import { checkIpip } from './plane/kernel-ipip.ts';
import { endProcess, type RunningPod, startPod } from './pod/start.ts';
import { LabProxies } from './proxy/lab-proxies.ts';
import { startRelays } from './relay/relay.ts';
import { labObjects } from './rules/declared.ts';
import { flannelText } from './rules/flannel.ts';
import { networkRules } from './rules/network-rules.ts';
import { netnsPath, runCommand, runStep } from './shell.ts';
import { podCidr } from './topology/addresses.ts';
import { changeOf, changeWays, joinSteps, leaveSteps, waySteps } from './topology/change.ts';
import { clusterTopology, QUIET } from './topology/cluster.ts';
import { commandLines, lineByLine, type Step } from './topology/command.ts';
import { buildSteps } from './topology/commands.ts';
import { LINKS } from './topology/links.ts';
import type { Namespace, Node, Peer, Plane, Topology } from './topology/model.ts';
import { routerDescription } from './topology/router-description.ts';

/**
 * Room for what a node tells while its reader gets nothing of the processor. A download of a mebibyte through a tunnel is 9 MiB: each
 * frame stands in it at every hook and interface. Pages that were never written cost nothing.
 */
export const TRACE_BYTES = 32 << 20;

export interface InstanceOptions {
  /** Of the exercise. */
  number: string;
  lab: Lab;
  /** Descriptor of a socket on the host's loopback, for a lab with an API. */
  apiFd?: number;
  /** Where the API keeps its objects. */
  storeFile?: string;
  planeOf: (node: string) => Plane;
  seed: number;
  faults: RouterDescription['faults'];
  /** What goes on. `detail`: commands, shown with `--verbose`. */
  say: (line: string, detail: boolean) => void;
}

export class Instance {
  lab: Lab;
  topology: Topology;
  readonly planes = new Map<string, DataPlane>();
  readonly #pods = new Map<string, RunningPod>();
  /** Of nodes whose flannel finds the others in the API. */
  readonly #peers = new Map<string, readonly Peer[]>();
  /** kube-proxy of each node, and the Services that they know. */
  readonly proxies: LabProxies;
  /** Who speaks BGP. */
  readonly #speakers: Speakers;
  /** Where the lab has an API. */
  cluster: LabCluster | undefined;
  /** What userspace nodes tell about the packets inside them. */
  readonly traceRings: TraceRingInput[] = [];
  /** Rejects when something that the lab stands on ends by itself: a node's thread, a pod's server. */
  readonly failed: Promise<never>;
  readonly #fail: (error: Error) => void;
  readonly #options: InstanceOptions;

  constructor(options: InstanceOptions) {
    this.lab = options.lab;
    this.#options = options;
    this.topology = clusterTopology(options.lab, options.planeOf);
    this.proxies = new LabProxies(options.lab.api === true ? [] : labObjects(options.lab), line => options.say(line, false));
    for (const ns of this.#of('node')) this.#addProxy(ns);
    this.#speakers = new Speakers(options.say);
    const { promise, reject } = Promise.withResolvers<never>();
    promise.catch(() => undefined); // it is for who waits for something else at the same time
    this.failed = promise;
    this.#fail = reject;
  }

  /** @throws LabError of the step that failed; what was built goes with the namespaces of the daemon. */
  async build(): Promise<void> {
    this.#speakers.check(this.topology);
    await checkIpip(this.topology);
    for (const step of buildSteps(this.topology)) await this.#timed(step.name, () => runStep(step, line => this.#options.say(line, true)));
    if (this.topology.relays.length > 0) await this.#startRelays();
    const starting = [...this.#of('node').map(ns => this.#startNode(ns)), ...this.#of('pod').map(ns => this.#startPod(ns))];
    await this.#timed('nodes and pods', () => Promise.all(starting));
    await this.#timed('BGP', () => this.#speakers.follow(this.topology));
    if (this.lab.api === true) await this.#timed('API', () => this.#startCluster());
    else await this.#timed('kube-proxy', () => this.proxies.start());
  }

  async #startCluster(): Promise<void> {
    const { seed, apiFd, storeFile, say } = this.#options;
    if (apiFd === undefined) throw new LabError('DAEMON', 'this lab has an API, and nobody listens for it');
    const cluster = new LabCluster({
      lab: this.#options.number,
      podNetwork: this.lab.podNetwork ?? 'flannel-vxlan',
      taken: this.topology.namespaces.map(ns => ns.name),
      namesOn: this.lab.namesOn,
      directRouting: this.lab.directRouting ?? false,
      hairpin: this.lab.hairpin ?? false,
      givesLoadBalancerIps: this.lab.givesLoadBalancerIps ?? false,
      lookAtPorts: name => this.plane(name).lookAtPorts(),
      setPeers: (name, peers) => this.#setPeers(name, peers),
      apiFd,
      storeFile,
      random: new SeededRandom(seed),
      proxies: this.proxies,
      sysctls: { ...QUIET },
      say: line => say(line, true),
    });
    await cluster.start();
    for (const { name, node } of this.#of('node')) cluster.addNode(name, node!);
    this.cluster = cluster;
    for (const file of this.lab.manifests ?? []) await cluster.objects.apply(join(this.lab.folder!, file));
    await this.#timed('pods', () => cluster.settled());
    // What they are called and where they are: for probes, captures and names.
    this.lab = { ...this.lab, pods: cluster.pods() };
    this.topology = clusterTopology(this.lab, name => this.planes.get(name)!.kind);
  }

  /**
   * Nodes and pods join and leave while the others go on. Who joins is reached last, and who leaves is not reached before it ends.
   *
   * @param planeOf of a node that joins
   * @throws LabError of what failed: who was to join is not there then, and who was to leave has left as far as it can
   */
  async change(lab: Lab, planeOf: (node: string) => Plane): Promise<void> {
    // Pods of an API come and go with their kubelets.
    const own = (of: Lab): Lab => (of.api === true ? { ...of, pods: {} } : of);
    const stood = this.lab;
    const before = clusterTopology(own(stood), name => this.planes.get(name)!.kind);
    const after = clusterTopology(own(lab), name => this.planes.get(name)?.kind ?? planeOf(name));
    await checkIpip(after);
    this.lab = own(lab);
    try {
      await this.#turn(before, after);
    } catch (error) {
      const joins = changeOf(before, after).joined.length > 0;
      if (joins) this.lab = stood;
      await (joins ? this.#turn(after, before, true) : this.#turn(before, after, true));
      throw error;
    }
  }

  /** @param anyway what fails is told and the rest is done: of what is taken down, some may never have stood */
  async #turn(before: Topology, after: Topology, anyway = false): Promise<void> {
    const { joined, left, otherPeers, otherHosts } = changeOf(before, after);
    const tell = (error: Error): void => this.#options.say(error.message, true);
    const attempt = (work: Promise<unknown> | undefined): Promise<unknown> | undefined => (anyway ? work?.catch(tell) : work);
    const steps = async (list: readonly Step[]): Promise<void> => {
      for (const step of anyway ? list.flatMap(lineByLine) : list)
        await attempt(this.#timed(step.name, () => runStep(step, line => this.#options.say(line, true))));
    };
    this.topology = after;
    await steps(joinSteps(before, after));
    for (const ns of joined) if (ns.node !== undefined) this.#addProxy(ns);
    await allOf(joined.map(ns => this.#start(ns)));
    if (this.cluster === undefined) await attempt(this.proxies.start());
    else for (const { name, node } of joined) if (node !== undefined) this.cluster.addNode(name, node);
    await steps(waySteps(before, after));
    for (const { name, node } of otherPeers) await attempt(this.plane(name).setNetwork(routerDescription(node!)));
    for (const { name, node } of otherHosts) await attempt(this.plane(name).loadSets(networkRules(node!).sets));
    for (const { name } of left) {
      await attempt(this.cluster?.removeNode(name));
      await attempt(this.proxies.remove(name));
    }
    await attempt(this.#speakers.follow(after));
    for (const { name } of left) await attempt(this.#stop(name));
    await steps(leaveSteps(before, after));
  }

  async #startRelays(): Promise<void> {
    const { seed } = this.#options;
    await startRelays({ netns: netnsPath(LINKS), relays: this.topology.relays, seed }, error => this.#fail(error));
  }

  /** What the node's flannel has found. */
  async #setPeers(name: string, peers: readonly Peer[]): Promise<void> {
    const node = this.#of('node').find(ns => ns.name === name)?.node;
    if (node === undefined) return; // it leaves
    const before = this.#peers.get(name) ?? [];
    if (node.plane === 'kernel') for (const command of changeWays(name, before, peers)) await runCommand(command);
    else await this.plane(name).setNetwork(routerDescription({ ...node, peers }));
    this.#peers.set(name, peers);
  }

  async #start(ns: Namespace): Promise<void> {
    if (ns.node !== undefined) await this.#startNode(ns);
    if (ns.pod !== undefined) await this.#startPod(ns);
  }

  async #stop(name: string): Promise<void> {
    const plane = this.planes.get(name);
    const pod = this.#pods.get(name);
    this.#peers.delete(name);
    const ring = this.traceRings.findIndex(({ node }) => node === name);
    if (ring >= 0) this.traceRings.splice(ring, 1);
    this.planes.delete(name); // nobody is to be alarmed by its end
    this.#pods.delete(name);
    await plane?.stop();
    if (pod !== undefined) await endProcess(pod.process);
  }

  plane(node: string): DataPlane {
    const plane = this.planes.get(node);
    if (plane === undefined)
      throw new LabError('BAD_INPUT', `there is no node "${node}": this lab has ${[...this.planes.keys()].join(', ')}`);
    return plane;
  }

  /** By name, without prefix: a node's on its network, a pod's, a client's. */
  addresses(): Record<string, string> {
    const { namespaces, wires } = this.topology;
    const ends = wires.flatMap(wire => wire.ends);
    const declared = namespaces.map(({ name, node, pod }) => {
      const address = node?.address ?? pod?.address ?? ends.find(end => end.namespace === name && end.addresses.length > 0)?.addresses[0];
      return [name, address] as const;
    });
    const known = declared.flatMap(([name, address]) => (address === undefined ? [] : [[name, address.split('/')[0]!] as const]));
    return { ...Object.fromEntries(known), ...this.cluster?.addresses() };
  }

  #of(role: Namespace['role']): Namespace[] {
    return this.topology.namespaces.filter(ns => ns.role === role);
  }

  #addProxy({ name, node }: Namespace): void {
    this.proxies.add({ name, node: node!, plane: () => this.plane(name) });
  }

  async #startNode(ns: Namespace): Promise<void> {
    const node = ns.node!;
    const rules = this.lab.api === true ? flannelText(podCidr(node.number)) : this.proxies.rulesOf(ns.name);
    const { sets } = networkRules(node);
    const plane = node.plane === 'kernel' ? await this.#kernel(ns.name, rules, sets) : await this.#userspace(ns.name, node, rules, sets);
    this.planes.set(ns.name, plane);
    void plane.failed.then(error => {
      if (this.planes.get(ns.name) === plane)
        this.#fail(new LabError('DAEMON', `${ns.name} has ended: ${error?.message ?? 'nobody told it to'}`));
    });
  }

  async #kernel(name: string, rules: string, sets: string): Promise<DataPlane> {
    const plane = new KernelPlane(name);
    if (sets !== '') await plane.loadSets(sets);
    if (rules === '') return plane;
    for (const line of commandLines(restoreCommand(name, rules))) this.#options.say(line, true);
    await plane.loadRules(rules);
    return plane;
  }

  async #userspace(name: string, node: Node, rules: string, sets: string): Promise<DataPlane> {
    const { UserspacePlane } = await import('./plane/userspace.ts'); // a kernel run does without the router
    const traceRing = createTraceRing(TRACE_BYTES);
    const { seed, faults, say } = this.#options;
    say(`router of ${name}: the description and rules that \`kubehop router run\` takes`, true);
    const plane = await UserspacePlane.start({
      node: name,
      description: routerDescription(node, faults),
      rules,
      sets,
      seed: seed + node.number,
      traceRing,
      warn: line => say(line, false),
    });
    const { interfaces } = plane.running;
    writeNodeTools(name);
    this.traceRings.push({ node: name, shared: traceRing, hops: this.#logicalHops(name, interfaces), interfaces });
    return plane;
  }

  /** What no device carries: interfaces that live in the router, and its hooks. @param interfaces names by the router's number */
  #logicalHops(node: string, interfaces: readonly string[]): LogicalHop[] {
    const inside = this.topology.hops.filter(hop => hop.logical && hop.namespace === node);
    return [
      ...inside.map(hop => ({
        id: interfaces.indexOf(hop.interface),
        name: hop.name,
        description: hopDescription(this.topology, hop),
        linkType: linkTypeOf(hop),
      })),
      ...hookNames.map((hook, i) => ({
        id: HOOK_HOP + i,
        name: `${node}/${hook.toLowerCase()}`,
        description: `${node}: behind the rules of ${hook}`,
        linkType: LinkType.Raw,
      })),
    ];
  }

  async #startPod(ns: Namespace): Promise<void> {
    if (ns.pod!.image === undefined) return;
    const pod = await startPod(ns.name, ns.pod!);
    this.#pods.set(ns.name, pod);
    pod.process.once('exit', (code, signal) => {
      if (this.#pods.get(ns.name) === pod)
        this.#fail(new LabError('DAEMON', `the server of ${ns.name} has ended: ${signal ?? `exit ${code}`}`));
    });
  }

  async #timed(name: string, work: () => Promise<unknown>): Promise<void> {
    const start = performance.now();
    await work();
    this.#options.say(`${name}: ${Math.round(performance.now() - start)} ms`, true);
  }
}

/** Resolves when each has ended, so that nothing goes on behind a failure. @throws what the first that failed threw */
async function allOf(work: readonly Promise<void>[]): Promise<void> {
  const failed = (await Promise.allSettled(work)).find(result => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}
