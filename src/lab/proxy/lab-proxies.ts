/** The kube-proxies of a lab, one for each node, and the objects that all of them look at. */
import { type ClusterObject, objectName, SERVICE_NAME_LABEL } from '../../cluster/objects/types.ts';
import type { ProxyConfig } from '../../proxy/iptables/config.ts';
import type { DataPlane } from '../plane/data-plane.ts';
import { nodeRules, proxyConfig } from '../rules/node-rules.ts';
import type { Node } from '../topology/model.ts';
import { type Applied, LabObjects } from './lab-objects.ts';
import { NodeProxy } from './node-proxy.ts';

export interface ProxiedNode {
  readonly name: string;
  readonly node: Node;
  readonly plane: () => DataPlane;
}

/** What became of a change of objects. */
export interface ChangeReport {
  /** By `Service default/web`. */
  readonly objects: readonly { readonly name: string; readonly change: Applied | 'deleted' | 'not found' }[];
  readonly nodes: readonly NodeReport[];
  /** What is there and does nothing. */
  readonly warnings: readonly string[];
}
export interface NodeReport {
  readonly node: string;
  readonly ok: boolean;
  /** All rules were written, and not only those of what has changed. */
  readonly full: boolean;
  readonly ms: number;
  readonly retryAfterMs?: number;
}

/** Sets of objects whose rules can still be explained. */
const MOST_VERSIONS = 50;

export class LabProxies {
  readonly #objects: LabObjects;
  readonly #nodes = new Map<string, ProxiedNode>();
  readonly #log: (line: string) => void;
  readonly #proxies = new Map<string, NodeProxy>();
  /** Accounting objects of each node that has had a proxy. */
  readonly #counters = new Map<string, ReadonlySet<string>>();
  /** Proxies begin and end one by one. */
  #single = false;
  /** What there was, the newest last. */
  readonly #versions: (readonly ClusterObject[])[];

  constructor(objects: readonly ClusterObject[], log: (line: string) => void) {
    this.#objects = new LabObjects(objects);
    this.#objects.watch(change => {
      for (const proxy of this.#proxies.values()) proxy.change(change);
    });
    this.#log = log;
    this.#versions = [this.#objects.list()];
  }

  /** Its rules can be asked for from now on; its proxy begins with the next `start`. */
  add(node: ProxiedNode): void {
    this.#nodes.set(node.name, node);
  }
  /** The node leaves, and takes its rules along. */
  async remove(name: string): Promise<void> {
    const proxy = this.#proxies.get(name);
    this.#nodes.delete(name);
    this.#proxies.delete(name);
    this.#counters.delete(name); // they were in its namespace
    await proxy?.close();
  }

  /**
   * Of each node that has none yet. A lab without Services has no proxies until the first one comes.
   * @returns of those that have begun
   */
  async start(): Promise<NodeReport[]> {
    if (this.#single || !this.#objects.list().some(o => o.kind === 'Service')) return [];
    const without = [...this.#nodes.values()].filter(node => !this.#proxies.has(node.name));
    return (await Promise.all(without.map(node => this.#startOne(node)))).flat();
  }

  /** The proxy of one node, by itself: one that runs in a pod. @param say its log @param configuration what it was told other than kubeadm would */
  async begin(name: string, say: (line: string) => void, configuration: Partial<ProxyConfig> = {}): Promise<void> {
    this.#single = true;
    const node = this.#nodes.get(name);
    if (node !== undefined && !this.#proxies.has(name)) await this.#startOne(node, say, configuration);
  }
  /** It ends, and its rules stay: that is what it looks like when kube-proxy is gone. */
  async end(name: string): Promise<void> {
    const proxy = this.#proxies.get(name);
    this.#proxies.delete(name);
    await proxy?.close();
  }

  /** What was told until now is in force on every node. */
  async settle(): Promise<void> {
    await this.#syncAll();
  }

  /** Rules of a node by what there is now. @param explained above each a line with the object that it was made from */
  rulesOf(node: string, explained = false): string {
    return this.#textOf(node, this.#objects.list(), explained);
  }
  /** By all that there has been, so that a rule of an hour ago still knows where it came from. */
  explainedRules(node: string): string[] {
    return this.#versions.map(objects => this.#textOf(node, objects, true));
  }

  apply(objects: readonly ClusterObject[]): Promise<ChangeReport> {
    return this.#change(() => objects.map(object => ({ name: objectName(object), change: this.#objects.apply(object) })));
  }
  /** @param names `Service default/web` */
  delete(names: readonly string[]): Promise<ChangeReport> {
    return this.#change(() => names.map(name => ({ name, change: this.#objects.delete(name) ? 'deleted' : 'not found' })));
  }

  async #change(work: () => ChangeReport['objects']): Promise<ChangeReport> {
    const objects = work();
    const changed = objects.some(o => o.change !== 'unchanged' && o.change !== 'not found');
    if (!changed) return { objects, nodes: [], warnings: [] };
    this.#remember();
    const begun = await this.start();
    const nodes = begun.length > 0 ? begun : await this.#syncAll();
    return { objects, nodes, warnings: this.#idle(objects.map(o => o.name)) };
  }

  #remember(): void {
    this.#versions.push(this.#objects.list());
    if (this.#versions.length > MOST_VERSIONS) this.#versions.shift();
  }

  async #startOne(
    { name, node, plane }: ProxiedNode,
    say = (line: string): void => this.#log(`${name}: ${line}`),
    configuration: Partial<ProxyConfig> = {},
  ): Promise<NodeReport[]> {
    const proxy = new NodeProxy({ node: name, config: { ...proxyConfig(node), ...configuration }, plane: plane(), log: say });
    this.#proxies.set(name, proxy);
    for (const current of this.#objects.list()) proxy.change({ previous: undefined, current });
    try {
      await proxy.start();
    } catch (error) {
      this.#proxies.delete(name); // to be tried again with the next change
      throw error;
    }
    const reports = await reportOf(name, proxy);
    this.#counters.set(name, proxy.counters);
    return reports;
  }

  async #syncAll(): Promise<NodeReport[]> {
    return (await Promise.all([...this.#proxies].map(([node, proxy]) => reportOf(node, proxy)))).flat();
  }

  /** An EndpointSlice may come before its Service; as long as that is missing, nothing is made of it. */
  #idle(names: readonly string[]): string[] {
    return names.flatMap(name => {
      const object = this.#objects.get(name);
      if (object?.kind === 'Service' && object.spec.clusterIP === '' && object.spec.type !== 'ExternalName')
        return [`${name}: no spec.clusterIP, which the API server would give it: it has no rules`];
      if (object?.kind !== 'EndpointSlice') return [];
      const service = `Service ${object.metadata.namespace}/${object.metadata.labels?.[SERVICE_NAME_LABEL] ?? ''}`;
      return this.#objects.get(service) === undefined ? [`${name}: there is no ${service}: it waits for it`] : [];
    });
  }

  #textOf(node: string, objects: readonly ClusterObject[], explained: boolean): string {
    return nodeRules(objects, this.#nodes.get(node)!.node, this.#counters.get(node), explained);
  }
}

/** @returns nothing of a proxy that ends meanwhile */
async function reportOf(node: string, proxy: NodeProxy): Promise<NodeReport[]> {
  const synced = await proxy.sync();
  if (synced === undefined) return [];
  const { ok, full, ms, retryAfterMs } = synced;
  return [{ node, ok, full, ms, ...(retryAfterMs !== undefined && { retryAfterMs }) }];
}
