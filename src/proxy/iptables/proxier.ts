/**
 * kube-proxy of one node and one IP family in iptables mode: changes come in, a sync compiles them and hands them to the sink. A sync
 * writes everything the first time, after a failure, after the node changed and once an hour; else the chains of what changed
 * (kubernetes `pkg/proxy/iptables/proxier.go`).
 */
import type { Clock } from '../../base/clock.ts';
import type { EndpointSlice, Service } from '../../cluster/objects/types.ts';
import { EndpointsChangeTracker, type EndpointsMap, type EndpointsUpdate, localReadyEndpoints } from '../endpoint-slices.ts';
import { ProxyMetrics } from '../metrics.ts';
import { healthCheckNodePorts, ServiceChangeTracker, type ServicePortMap } from '../service-map.ts';
import { type ConntrackTable, staleFlows } from '../stale-entries.ts';
import { baseJumps, canaryTables } from './base-jumps.ts';
import { type Compiled, isLargeCluster, RuleCompiler } from './compile.ts';
import { type CompileEnvironment, environmentOf, type ProxyConfig } from './config.ts';
import { Counter } from './names.ts';
import type { Restore, TableRestore } from './restore.ts';
import type { RuleSink } from './sink.ts';

/** Everything is written again after an hour (`proxyutil.FullSyncPeriod`). */
const FULL_SYNC_MS = 3_600_000;
/** What `--iptables-sync-period` is unless told otherwise: between two looks for stale chains in a large cluster, and before a retry. */
const DEFAULT_SYNC_PERIOD_MS = 30_000;

/** Health checks of load balancers, told after each sync that went well. */
export interface HealthChecks {
  /** Port by `namespace/name`. */
  syncServices(ports: ReadonlyMap<string, number>): void;
  /** Local ready endpoints by `namespace/name`, of Services that have a check. */
  syncEndpoints(counts: ReadonlyMap<string, number>): void;
}

export interface ProxierParts {
  readonly sink: RuleSink;
  readonly clock: Clock;
  readonly log: (line: string) => void;
  readonly conntrack?: ConntrackTable;
  readonly health?: HealthChecks;
  readonly syncPeriodMs?: number;
  /** Seconds since 1970, for the metrics that tell a time; without it they are left out. */
  readonly epochSeconds?: () => number;
}

export interface SyncResult {
  readonly ok: boolean;
  readonly full: boolean;
  /** Absent when the sync ended before anything was compiled. */
  readonly restore?: Restore;
  /** When it is to be tried again. */
  readonly retryAfterMs?: number;
}

export class Proxier {
  readonly metrics: ProxyMetrics;
  readonly services: ServicePortMap = new Map();
  readonly endpoints: EndpointsMap = new Map();
  #config: ProxyConfig;
  readonly #parts: ProxierParts;
  readonly #serviceChanges: ServiceChangeTracker;
  readonly #endpointChanges: EndpointsChangeTracker;
  readonly #compiler = new RuleCompiler();
  readonly #syncPeriodMs: number;
  #counters: ReadonlySet<string> = new Set();
  #env: CompileEnvironment | undefined;
  /** Ports whose Service has a health check; undefined: Services have changed. */
  #checked: readonly string[] | undefined;
  #needFullSync = true;
  #lastFullSyncMs = 0;
  #lastCleanupMs = Number.NEGATIVE_INFINITY;

  constructor(config: ProxyConfig, parts: ProxierParts) {
    this.#config = config;
    this.#parts = parts;
    this.#syncPeriodMs = parts.syncPeriodMs ?? DEFAULT_SYNC_PERIOD_MS;
    const { family, nodeName, loadBalancerIPMode, dialect } = config;
    const { log, epochSeconds } = parts;
    this.metrics = new ProxyMetrics(family);
    this.#serviceChanges = new ServiceChangeTracker({ family, loadBalancerIPMode, log });
    this.#endpointChanges = new EndpointsChangeTracker({
      family,
      nodeName,
      nodeHints: dialect.nodeHints,
      log,
      ...(epochSeconds && { startedMs: epochSeconds() * 1000 }),
    });
  }

  /** @returns does anything wait for a sync? */
  updateService(previous: Service | undefined, current: Service | undefined): boolean {
    const waits = this.#serviceChanges.update(previous, current);
    this.#pending();
    return waits;
  }
  /** @returns does this change anything? */
  updateSlice(slice: EndpointSlice, remove = false): boolean {
    const changes = this.#endpointChanges.update(slice, remove);
    this.#pending();
    return changes;
  }
  /** The node has another zone, address or the like. */
  updateNode(changes: Partial<Pick<ProxyConfig, 'zone' | 'localIps' | 'nodeIp'>>): void {
    this.#config = { ...this.#config, ...changes };
    this.forceFullSync();
  }
  /** Accounting objects that rules name. */
  get counters(): ReadonlySet<string> {
    return this.#counters;
  }
  /** What accounting objects have counted goes into the metrics. One that is not there is left out. */
  async collect(): Promise<void> {
    for (const [metric, name] of Object.entries(Counter) as [keyof typeof Counter, string][]) {
      const packets = await this.#parts.sink.counted(name);
      if (packets === undefined) this.metrics.remove(metric);
      else this.metrics.set(metric, packets);
    }
  }
  forceFullSync(): void {
    this.#env = undefined;
    this.#needFullSync = true;
  }
  /** Writes everything anew when somebody has wiped the rules. @returns undefined: they stand */
  async monitor(): Promise<SyncResult | undefined> {
    if (await this.#parts.sink.canariesStand()) return undefined;
    this.#parts.log('the canary chains are gone: all rules are written again');
    this.forceFullSync();
    return this.sync();
  }

  async sync(): Promise<SyncResult> {
    const { clock, sink, log } = this.#parts;
    const start = clock.nowMs();
    const full = this.#needFullSync || start - this.#lastFullSyncMs > FULL_SYNC_MS;
    const changed = this.#applyChanges();
    let restore: Restore | undefined;
    let failure = 'the base chains and the jumps to them';
    try {
      if (full) await this.#ensureBase();
      const compiled = await this.#compile(full ? undefined : changed.services);
      ({ restore } = compiled);
      this.#countRules(compiled);
      failure = 'iptables-restore';
      await sink.restore(restore);
      this.#succeeded(compiled, changed.triggerTimes, full, start);
    } catch (error) {
      log(`sync failed, again in ${this.#syncPeriodMs} ms: ${failure}: ${error instanceof Error ? error.message : String(error)}`);
      this.#failed(full, failure);
      return { ok: false, full, ...(restore && { restore }), retryAfterMs: this.#syncPeriodMs };
    } finally {
      this.#observe(full, (clock.nowMs() - start) / 1000);
    }
    if (changed.conntrackCleanupRequired) await this.cleanStaleEntries();
    return { ok: true, full, restore };
  }

  /** UDP entries that lead to endpoints which are no more. @returns how many were deleted */
  async cleanStaleEntries(): Promise<number> {
    const { conntrack, clock, log } = this.#parts;
    if (conntrack === undefined) return 0;
    const start = clock.nowMs();
    try {
      const stale = staleFlows(await conntrack.list(), this.services, this.endpoints, this.#config.dialect.staleByPort);
      const deleted = stale.length === 0 ? 0 : await conntrack.delete(stale);
      this.metrics.observe('conntrackDuration', (clock.nowMs() - start) / 1000);
      this.metrics.add('conntrackDeleted', deleted);
      return deleted;
    } catch (error) {
      log(`stale conntrack entries could not be removed: ${error instanceof Error ? error.message : String(error)}`);
      return 0;
    }
  }

  #applyChanges(): Omit<EndpointsUpdate, 'updated'> & { services: ReadonlySet<string> } {
    const services = this.#serviceChanges.apply(this.services);
    const { updated, ...rest } = this.#endpointChanges.apply(this.endpoints);
    if (services.size > 0) {
      this.#compiler.servicesChanged();
      this.#checked = undefined;
    }
    this.#pending();
    return { services: new Set([...services, ...updated]), ...rest };
  }

  async #ensureBase(): Promise<void> {
    const { sink } = this.#parts;
    await sink.ensureBase(baseJumps, canaryTables);
    const there = new Set<string>();
    for (const counter of Object.values(Counter)) if (await sink.ensureCounter(counter)) there.add(counter);
    if (there.size !== this.#counters.size) this.#env = undefined;
    this.#counters = there;
  }

  /** In a large cluster stale chains wait: to list what stands takes seconds there. */
  async #compile(changed: ReadonlySet<string> | undefined): Promise<Compiled> {
    const { sink, clock, log } = this.#parts;
    const large = isLargeCluster(this.services, this.endpoints);
    if (this.#env?.large !== large) this.#env = environmentOf(this.#config, this.#counters, large);
    let standing: Iterable<string> | undefined;
    if (!large || clock.nowMs() - this.#lastCleanupMs > this.#syncPeriodMs) {
      try {
        standing = await sink.natChains();
        this.#lastCleanupMs = clock.nowMs();
      } catch (error) {
        log(`stale chains stay: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
    const { services, endpoints } = this;
    return this.#compiler.compile({ services, endpoints, env: this.#env, changed, standing, log });
  }

  #succeeded({ noLocalInternal, noLocalExternal }: Compiled, triggerTimes: readonly number[], full: boolean, start: number): void {
    const { health, epochSeconds } = this.#parts;
    this.#needFullSync = false;
    if (full) this.#lastFullSyncMs = start;
    this.metrics.set('noLocalEndpoints', noLocalInternal, { traffic_policy: 'internal' });
    this.metrics.set('noLocalEndpoints', noLocalExternal, { traffic_policy: 'external' });
    if (epochSeconds !== undefined) {
      const now = epochSeconds();
      for (const at of triggerTimes) this.metrics.observe('programming', now - at / 1000);
      this.metrics.set('lastTimestamp', now);
    }
    if (health !== undefined) this.#syncHealth(health);
  }

  /** Endpoints of Services without a check are nobody's question. */
  #syncHealth(health: HealthChecks): void {
    this.#checked ??= [...this.services].filter(([, port]) => port.healthCheckNodePort !== 0).map(([key]) => key);
    const services: ServicePortMap = new Map(this.#checked.map(key => [key, this.services.get(key)!]));
    const endpoints: EndpointsMap = new Map(this.#checked.map(key => [key, this.endpoints.get(key) ?? []]));
    health.syncServices(healthCheckNodePorts(services));
    health.syncEndpoints(localReadyEndpoints(endpoints));
  }

  /** What had changed is not known any more, so the next sync writes everything. */
  #failed(full: boolean, failure: string): void {
    this.#needFullSync = true;
    if (failure === 'iptables-restore') this.metrics.add('restoreFailures');
    if (!full) this.metrics.add('partialFailures');
  }

  #countRules({ restore, skipped }: Compiled): void {
    const lines = ({ rules, tail }: TableRestore): number => rules.length + tail.length;
    for (const table of ['filter', 'nat'] as const) {
      const written = lines(restore[table]);
      this.metrics.set('rules', written + (table === 'nat' ? skipped : 0), { table });
      this.metrics.set('rulesLast', written, { table });
    }
  }

  #observe(full: boolean, seconds: number): void {
    this.metrics.observe('duration', seconds);
    this.metrics.observe(full ? 'fullDuration' : 'partialDuration', seconds);
  }

  #pending(): void {
    const { epochSeconds } = this.#parts;
    this.metrics.set('serviceChangesPending', this.#serviceChanges.pending);
    this.metrics.set('serviceChanges', this.#serviceChanges.total);
    this.metrics.set('endpointChangesPending', this.#endpointChanges.pending);
    this.metrics.set('endpointChanges', this.#endpointChanges.total);
    if (epochSeconds !== undefined) this.metrics.set('lastQueued', epochSeconds());
  }
}
