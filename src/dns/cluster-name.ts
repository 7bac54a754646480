/**
 * A name inside the cluster's zone, taken apart (CoreDNS `plugin/kubernetes/parse.go`):
 *
 *     _http._tcp.web.default.svc    port and protocol; the underscores may be left out
 *     10-244-1-2.web.default.svc    an endpoint
 *     web.default.svc               a Service
 *     10-244-1-2.default.pod        a pod
 */
import { labels } from '../wire/dns-name.ts';

export interface ClusterName {
  readonly kind: 'svc' | 'pod';
  readonly namespace: string;
  /** Or what stands for the pod. Undefined: the namespace itself is asked for. */
  readonly service?: string;
  readonly endpoint?: string;
  /** Empty: any. */
  readonly port: string;
  readonly protocol: string;
}

/**
 * @param below what stands in front of the zone, in lower case, absolute; `.` for the zone itself
 * @returns `node` for a name that exists and has no records: the zone, `svc`, `pod`. undefined: a name that cannot be.
 */
export function parseClusterName(below: string): ClusterName | 'node' | undefined {
  const [kind, namespace, service, ...rest] = labels(below).reverse();
  if (kind === undefined) return 'node';
  if (kind !== 'svc' && kind !== 'pod') return undefined;
  if (namespace === undefined) return 'node';
  const base = { kind, namespace, port: '', protocol: '' } as const;
  if (service === undefined) return base;
  switch (rest.length) {
    case 0:
      return { ...base, service };
    case 1:
      return { ...base, service, endpoint: rest[0]! };
    case 2:
      return { ...base, service, port: bare(rest[1]!), protocol: bare(rest[0]!) };
    default:
      return undefined;
  }
}

const bare = (label: string): string => (label.startsWith('_') ? label.slice(1) : label);

/** The label of an endpoint: its hostname, else its address with dashes. */
export function endpointLabel(address: string, hostname: string): string {
  if (hostname !== '') return hostname;
  const dashed = address.replace(/[.:]/g, '-');
  return dashed.endsWith('-') ? `${dashed}0` : dashed; // no label ends with a dash: `fd00::` is fd00--0
}

/** The address in the name of a pod, or undefined: `10-244-1-2`, `fd00--1`. */
export const podLabelAddress = (label: string): string =>
  /^[^-]+(?:-[^-]+){3}$/.test(label) ? label.replaceAll('-', '.') : label.replaceAll('-', ':');
