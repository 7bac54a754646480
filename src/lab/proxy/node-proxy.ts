/**
 * kube-proxy of one node of a lab, as long as the lab stands: changes of objects come in, rules go to the node's data plane; stale UDP
 * entries, health checks and metrics as on a real node. Its servers listen in the node's namespace.
 */
import type { Server } from 'node:http';
import { type Clock, monotonicClock } from '../../base/clock.ts';
import { type EndpointSlice, type Node, SERVICE_NAME_LABEL, ZONE_LABEL } from '../../cluster/objects/types.ts';
import { listenTcp } from '../../os/listen.ts';
import { insideNetns } from '../../os/netns.ts';
import { ConntrackTool } from '../../proxy/conntrack-tool.ts';
import type { ProxyConfig } from '../../proxy/iptables/config.ts';
import { Proxier, type SyncResult } from '../../proxy/iptables/proxier.ts';
import type { RuleSink } from '../../proxy/iptables/sink.ts';
import { ProxyHealth } from '../../proxy/proxy-health.ts';
import { ProxyServer } from '../../proxy/proxy-server.ts';
import { type Listen, ServiceHealthServer } from '../../proxy/service-health.ts';
import { type After, SyncRunner } from '../../proxy/sync-runner.ts';
import type { DataPlane } from '../plane/data-plane.ts';
import { netnsPath } from '../shell.ts';
import { type Accounting, accountingIn } from './accounting.ts';
import type { ObjectChange } from './lab-objects.ts';
import { PlaneSink } from './plane-sink.ts';
import { RouterSink } from './router-sink.ts';
import { runOn, type ToolPlane } from './run-tool.ts';

/** kube-proxy's `--iptables-min-sync-period` and `--iptables-sync-period`: the latter between a failure and the next try. */
const MIN_SYNC_MS = 1000;
const SYNC_PERIOD_MS = 30_000;
/** `proxyutil.FullSyncPeriod` */
const MAX_SYNC_MS = 3_600_000;

export interface NodeProxyOptions {
  readonly node: string;
  readonly config: ProxyConfig;
  readonly plane: ToolPlane & Pick<DataPlane, 'ruleHolder'>;
  readonly log: (line: string) => void;
  readonly sink?: RuleSink;
  /** Where accounting objects are made; absent: in the node's namespace. */
  readonly accounting?: Accounting;
  /** Where its servers listen; absent: in the node's namespace. */
  readonly listen?: Listen;
  readonly clock?: Clock;
  readonly after?: After;
}

/** With what the sync itself took; it may have waited for its turn before. */
export type TimedSync = SyncResult & { readonly ms: number };

export class NodeProxy {
  readonly #options: NodeProxyOptions;
  readonly #sink: RuleSink;
  readonly #proxier: Proxier;
  readonly #health: ProxyHealth;
  readonly #serviceHealth: ServiceHealthServer;
  readonly #server: ProxyServer;
  readonly #runner: SyncRunner<TimedSync>;
  readonly #after: After;
  #forgetMonitor = (): void => {};
  #closed = false;
  readonly #ended = Promise.withResolvers<undefined>();

  constructor(options: NodeProxyOptions) {
    this.#options = options;
    const { node, plane, config, log, clock = monotonicClock, after = afterReally } = options;
    this.#after = after;
    this.#health = new ProxyHealth({ clock, epochMs: Date.now });
    const listen = options.listen ?? listenIn(netnsPath(node));
    this.#serviceHealth = new ServiceHealthServer({ addresses: ['0.0.0.0'], listen, proxyHealthy: () => this.#health.isHealthy(), log });
    this.#sink = options.sink ?? sinkOf(plane, options.accounting ?? accountingIn(netnsPath(node)));
    this.#proxier = new Proxier(config, {
      sink: this.#sink,
      clock,
      log,
      conntrack: new ConntrackTool(args => runOn(plane, 'conntrack', args)),
      health: this.#serviceHealth,
      syncPeriodMs: SYNC_PERIOD_MS,
      epochSeconds: () => Date.now() / 1000,
    });
    this.#server = new ProxyServer({
      metrics: this.#proxier.metrics,
      collect: () => this.#proxier.collect(),
      health: this.#health,
      mode: 'iptables',
      listen,
    });
    this.#runner = new SyncRunner({ sync: () => this.#sync(), after, minMs: MIN_SYNC_MS, retryMs: SYNC_PERIOD_MS, maxMs: MAX_SYNC_MS });
  }

  /** @throws LabError OS when a port of its servers is taken */
  async start(): Promise<void> {
    await this.#server.open();
    this.#monitor();
  }

  /** Takes it to the trackers; a sync has to follow. */
  change({ previous, current }: ObjectChange): void {
    const object = (current ?? previous)!;
    switch (object.kind) {
      case 'Service':
        this.#proxier.updateService(previous as typeof object | undefined, current as typeof object | undefined);
        break;
      case 'EndpointSlice':
        // A slice that goes over to another Service, or another family, leaves the one where it was.
        if (previous?.kind === 'EndpointSlice' && current !== undefined && placeOf(previous) !== placeOf(object))
          this.#proxier.updateSlice(previous, true);
        this.#proxier.updateSlice(object, current === undefined);
        break;
      case 'Node':
        if (object.metadata.name === this.#options.node) this.#changeNode(current?.kind === 'Node' ? current : undefined);
        break;
    }
    this.#health.queued();
  }

  /** Accounting objects that its rules name. */
  get counters(): ReadonlySet<string> {
    return this.#proxier.counters;
  }

  /** @returns of the sync that takes all changes until now; undefined when it was closed before */
  sync(): Promise<TimedSync | undefined> {
    return Promise.race([this.#runner.run(), this.#ended.promise]);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#forgetMonitor();
    this.#runner.stop();
    this.#ended.resolve(undefined);
    await Promise.all([this.#server.close(), this.#serviceHealth.close()]);
  }

  async #sync(): Promise<TimedSync> {
    const start = performance.now();
    const result = await this.#proxier.sync();
    const ms = performance.now() - start;
    if (result.ok) this.#health.updated();
    await this.#serviceHealth.settled();
    return { ...result, ms };
  }

  #monitor(): void {
    if (this.#closed) return;
    this.#forgetMonitor = this.#after(SYNC_PERIOD_MS, () => void this.#lookForWipe().finally(() => this.#monitor()));
  }

  /** Rules that somebody wiped with the canary chains are written again. */
  async #lookForWipe(): Promise<void> {
    const { log } = this.#options;
    try {
      if (await this.#sink.canariesStand()) return;
    } catch (error) {
      log(`the canary chains cannot be looked at: ${error instanceof Error ? error.message : String(error)}`);
      return;
    }
    log('the canary chains are gone: all rules are written again');
    this.#proxier.forceFullSync();
    await this.#runner.run();
  }

  /** Its addresses are the lab's; the zone is the Node object's. Without one no load balancer shall send anything here. */
  #changeNode(node: Node | undefined): void {
    this.#health.nodeEligible = node !== undefined;
    this.#proxier.updateNode({ zone: node?.metadata.labels?.[ZONE_LABEL] ?? '' });
  }
}

const sinkOf = (plane: NodeProxyOptions['plane'], accounting: Accounting): RuleSink =>
  plane.ruleHolder === undefined ? new PlaneSink(plane, accounting) : new RouterSink(plane, plane.ruleHolder, accounting);

const placeOf = ({ metadata, addressType }: EndpointSlice): string => `${metadata.labels?.[SERVICE_NAME_LABEL]} ${addressType}`;

const afterReally: After = (ms, work) => {
  const timer = setTimeout(work, ms).unref();
  return () => clearTimeout(timer);
};

/** The socket is made there; the server takes its descriptor over. */
const listenIn =
  (netns: string): Listen =>
  async (server: Server, address: string, port: number) => {
    const fd = insideNetns(netns, () => listenTcp(address, port));
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ fd }, () => {
        server.off('error', reject);
        resolve();
      });
    });
  };
