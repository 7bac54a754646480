/** One lab that stands: its network is built, its nodes carry packets, its pods listen. Lives in the lab's own namespaces. */
import { LabError } from '../base/errors.ts';
import type { TraceRingInput } from '../capture/capture.ts';
import type { Lab } from './definition.ts';
import type { DataPlane } from './plane/data-plane.ts';
import { KernelPlane } from './plane/kernel.ts';
import { type RunningPod, startPod } from './pod/start.ts';
import { nodeRules } from './rules/node-rules.ts';
import { runStep } from './shell.ts';
import { clusterTopology } from './topology/cluster.ts';
import { buildSteps, commandLines } from './topology/commands.ts';
import type { Namespace, Plane, Topology } from './topology/model.ts';

export interface InstanceOptions {
  lab: Lab;
  planeOf: (node: string) => Plane;
  seed: number;
  faults: readonly string[];
  /** What goes on. `detail`: commands, shown with `--verbose`. */
  say: (line: string, detail: boolean) => void;
}

export class Instance {
  readonly lab: Lab;
  readonly topology: Topology;
  readonly planes = new Map<string, DataPlane>();
  readonly pods: RunningPod[] = [];
  /** What userspace nodes tell about the packets inside them. */
  readonly traceRings: TraceRingInput[] = [];
  readonly #options: InstanceOptions;

  constructor(options: InstanceOptions) {
    this.lab = options.lab;
    this.#options = options;
    this.topology = clusterTopology(options.lab, options.planeOf);
  }

  /** @throws LabError of the step that failed; what was built goes with the namespaces of the daemon. */
  async build(): Promise<void> {
    for (const step of buildSteps(this.topology)) await this.#timed(step.name, () => runStep(step, line => this.#options.say(line, true)));
    await this.#timed('nodes', () => Promise.all(this.#of('node').map(ns => this.#startNode(ns))));
    await this.#timed('pods', () => Promise.all(this.#of('pod').map(ns => this.#startPod(ns))));
  }

  plane(node: string): DataPlane {
    const plane = this.planes.get(node);
    if (plane === undefined)
      throw new LabError('BAD_INPUT', `there is no node "${node}": this lab has ${[...this.planes.keys()].join(', ')}`);
    return plane;
  }

  #of(role: Namespace['role']): Namespace[] {
    return this.topology.namespaces.filter(ns => ns.role === role);
  }

  async #startNode(ns: Namespace): Promise<void> {
    const rules = nodeRules(this.lab, ns.node!);
    const plane = new KernelPlane(ns.name);
    this.planes.set(ns.name, plane);
    if (rules !== '') {
      for (const line of commandLines({ tool: 'exec', namespace: ns.name, argv: ['iptables-restore'] })) this.#options.say(line, true);
      await plane.loadRules(rules);
    }
  }

  async #startPod(ns: Namespace): Promise<void> {
    if (ns.pod!.image !== undefined) this.pods.push(await startPod(ns.name, ns.pod!));
  }

  async #timed(name: string, work: () => Promise<unknown>): Promise<void> {
    const start = performance.now();
    await work();
    this.#options.say(`${name}: ${Math.round(performance.now() - start)} ms`, true);
  }
}
