/** What kube-proxy tells Prometheus about its syncs, under its names (kubernetes `pkg/proxy/metrics/metrics.go`). */
import type { IpFamily } from '../base/ip.ts';

type Labels = Readonly<Record<string, string>>;

interface Family {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
}

const families = {
  duration: ['sync_proxy_rules_duration_seconds', 'histogram', 'SyncProxyRules latency in seconds'],
  fullDuration: ['sync_full_proxy_rules_duration_seconds', 'histogram', 'SyncProxyRules latency in seconds for full resyncs'],
  partialDuration: ['sync_partial_proxy_rules_duration_seconds', 'histogram', 'SyncProxyRules latency in seconds for partial resyncs'],
  programming: ['network_programming_duration_seconds', 'histogram', 'In Cluster Network Programming Latency in seconds'],
  lastTimestamp: ['sync_proxy_rules_last_timestamp_seconds', 'gauge', 'The last time proxy rules were successfully synced'],
  lastQueued: ['sync_proxy_rules_last_queued_timestamp_seconds', 'gauge', 'The last time a sync of proxy rules was queued'],
  endpointChangesPending: ['sync_proxy_rules_endpoint_changes_pending', 'gauge', 'Pending proxy rules Endpoint changes'],
  endpointChanges: ['sync_proxy_rules_endpoint_changes_total', 'counter', 'Cumulative proxy rules Endpoint changes'],
  serviceChangesPending: ['sync_proxy_rules_service_changes_pending', 'gauge', 'Pending proxy rules Service changes'],
  serviceChanges: ['sync_proxy_rules_service_changes_total', 'counter', 'Cumulative proxy rules Service changes'],
  rules: ['sync_proxy_rules_iptables_total', 'gauge', 'Total number of iptables rules owned by kube-proxy'],
  rulesLast: ['sync_proxy_rules_iptables_last', 'gauge', 'Number of iptables rules written by kube-proxy in last sync'],
  restoreFailures: ['sync_proxy_rules_iptables_restore_failures_total', 'counter', 'Cumulative proxy iptables restore failures'],
  partialFailures: [
    'sync_proxy_rules_iptables_partial_restore_failures_total',
    'counter',
    'Cumulative proxy iptables partial restore failures',
  ],
  invalidDropped: [
    'iptables_ct_state_invalid_dropped_packets_total',
    'counter',
    'packets dropped by iptables to work around conntrack problems',
  ],
  localhostNodePorts: [
    'iptables_localhost_nodeports_accepted_packets_total',
    'counter',
    'Number of packets accepted on nodeports of loopback interface',
  ],
  noLocalEndpoints: [
    'sync_proxy_rules_no_local_endpoints_total',
    'gauge',
    'Number of services with a Local traffic policy and no endpoints',
  ],
  healthz: ['proxy_healthz_total', 'counter', 'Cumulative proxy healthz HTTP status'],
  livez: ['proxy_livez_total', 'counter', 'Cumulative proxy livez HTTP status'],
  conntrackDuration: ['conntrack_reconciler_sync_duration_seconds', 'histogram', 'ReconcileConntrackFlowsLatency latency in seconds'],
  conntrackDeleted: ['conntrack_reconciler_deleted_entries_total', 'counter', 'Cumulative conntrack flows deleted by conntrack reconciler'],
} as const satisfies Record<string, readonly [string, Family['type'], string]>;

export type Metric = keyof typeof families;
export type HistogramMetric = { [M in Metric]: (typeof families)[M][1] extends 'histogram' ? M : never }[Metric];

/** What is counted for the whole proxy and not for one family of addresses. */
const ofBothFamilies: ReadonlySet<Metric> = new Set([
  'healthz',
  'livez',
  'invalidDropped',
  'localhostNodePorts',
  'endpointChangesPending',
  'endpointChanges',
  'serviceChangesPending',
  'serviceChanges',
]);

/** `count` bounds from `start` on, in seconds. */
const linear = (start: number, step: number, count: number): number[] => Array.from({ length: count }, (_, i) => start + step * i);
/** 1 ms, 2 ms, 4 ms ... 16.384 s. */
const syncBuckets = Array.from({ length: 15 }, (_, i) => 0.001 * 2 ** i);
/** 0, 250 ms, 500 ms, each second of the first minute, then 5 s and 30 s apart, to 5 minutes. */
const programmingBuckets = [0, ...linear(0.25, 0.25, 2), ...linear(1, 1, 59), ...linear(60, 5, 12), ...linear(120, 30, 7)];

interface Histogram {
  /** Upper bounds, in seconds. */
  readonly buckets: readonly number[];
  readonly counts: number[];
  sum: number;
  count: number;
}

function newHistogram(metric: HistogramMetric): Histogram {
  const buckets = metric === 'programming' ? programmingBuckets : syncBuckets;
  return { buckets, counts: buckets.map(() => 0), sum: 0, count: 0 };
}

const NO_LABELS: Labels = {};

export class ProxyMetrics {
  readonly #family: IpFamily;
  readonly #values = new Map<string, number>();
  /** Names of series without labels of their own: asked for with every change. */
  readonly #plain = new Map<Metric, string>();
  readonly #histograms = new Map<string, Histogram>();

  constructor(family: IpFamily) {
    this.#family = family;
    for (const metric of ['restoreFailures', 'partialFailures', 'conntrackDeleted'] as const) this.set(metric, 0);
  }

  set(metric: Metric, value: number, labels: Labels = NO_LABELS): void {
    this.#values.set(this.#series(metric, labels), value);
  }
  add(metric: Metric, value = 1, labels: Labels = NO_LABELS): void {
    this.set(metric, this.get(metric, labels) + value, labels);
  }
  /** It is not shown any more. */
  remove(metric: Metric): void {
    this.#values.delete(this.#series(metric, NO_LABELS));
  }
  get(metric: Metric, labels: Labels = NO_LABELS): number {
    return this.#values.get(this.#series(metric, labels)) ?? 0;
  }
  observe(metric: HistogramMetric, seconds: number): void {
    const series = this.#series(metric, NO_LABELS);
    const histogram = this.#histograms.get(series) ?? newHistogram(metric);
    this.#histograms.set(series, histogram);
    for (const [i, most] of histogram.buckets.entries()) if (seconds <= most) histogram.counts[i]!++;
    histogram.sum += seconds;
    histogram.count++;
  }

  /** Of everything there may be, sorted. */
  names(): string[] {
    return Object.values(families)
      .map(([name]) => `kubeproxy_${name}`)
      .sort();
  }

  /** The exposition format, sorted by name. */
  text(): string {
    const all = Object.values(families).map(([name, type, help]) => ({ name: `kubeproxy_${name}`, type, help }));
    return all
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .map(family => this.#familyText(family))
      .join('');
  }

  #familyText({ name, type, help }: Family): string {
    const lines = type === 'histogram' ? this.#histogramLines(name) : this.#valueLines(name);
    if (lines.length === 0) return '';
    return [`# HELP ${name} [ALPHA] ${help}`, `# TYPE ${name} ${type}`, ...lines, ''].join('\n');
  }
  #valueLines(name: string): string[] {
    return [...this.#values]
      .filter(([series]) => series === name || series.startsWith(`${name}{`))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([series, value]) => `${series} ${value}`);
  }
  #histogramLines(name: string): string[] {
    return [...this.#histograms]
      .filter(([series]) => series.startsWith(`${name}{`))
      .flatMap(([series, h]) => {
        const labels = series.slice(name.length + 1, -1);
        const bucket = (le: string, count: number) => `${name}_bucket{${labels},le="${le}"} ${count}`;
        const counts = h.buckets.map((most, i) => bucket(String(most), h.counts[i]!));
        return [...counts, bucket('+Inf', h.count), `${name}_sum{${labels}} ${h.sum}`, `${name}_count{${labels}} ${h.count}`];
      });
  }

  #series(metric: Metric, labels: Labels): string {
    if (labels !== NO_LABELS) return this.#newSeries(metric, labels);
    let series = this.#plain.get(metric);
    if (series === undefined) {
      series = this.#newSeries(metric, labels);
      this.#plain.set(metric, series);
    }
    return series;
  }
  #newSeries(metric: Metric, labels: Labels): string {
    const family = ofBothFamilies.has(metric) ? {} : { ip_family: this.#family };
    const all = Object.entries({ ...family, ...labels }).sort(([a], [b]) => (a < b ? -1 : 1));
    const name = `kubeproxy_${families[metric][0]}`;
    return all.length === 0 ? name : `${name}{${all.map(([label, value]) => `${label}="${value}"`).join(',')}}`;
  }
}
