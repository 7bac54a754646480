/** What the resolver reads of the cluster. An index over a watch (`cluster-index.ts`) is one; a test's table is another. */

export interface PortEntry {
  /** Empty: the port has no name. */
  readonly name: string;
  readonly protocol: string;
  readonly port: number;
}

export interface ServiceEntry {
  readonly namespace: string;
  readonly name: string;
  readonly kind: 'ClusterIP' | 'Headless' | 'ExternalName';
  /** Of a ClusterIP Service; IPv4 and IPv6. */
  readonly clusterIps: readonly string[];
  /** Of an ExternalName. */
  readonly externalName: string;
  readonly ports: readonly PortEntry[];
}

/** One ready address of an EndpointSlice. */
export interface EndpointEntry {
  readonly address: string;
  /** Empty: it has none, and its name is its address with dashes. */
  readonly hostname: string;
}

/** The ready addresses of one EndpointSlice: each has each port. */
export interface EndpointSet {
  readonly namespace: string;
  readonly service: string;
  readonly addresses: readonly EndpointEntry[];
  readonly ports: readonly PortEntry[];
}

export interface RecordsSource {
  /** Has it heard of everything once? Before that a name that it does not know may exist. */
  readonly synced: boolean;
  /** Seconds since 1970 of the last change: the serial of the zone. */
  readonly serial: number;
  hasNamespace(namespace: string): boolean;
  service(namespace: string, name: string): ServiceEntry | undefined;
  endpoints(namespace: string, service: string): readonly EndpointSet[];
  /** The Service with this cluster IP. @param address as `parseIp` writes it */
  serviceAt(address: string): ServiceEntry | undefined;
  /** Sets that hold this address. */
  endpointsAt(address: string): readonly EndpointSet[];
  /** Is there a pod with this address in this namespace, that is not being deleted? */
  hasPod(namespace: string, address: string): boolean;
}

/** A port number of an endpoint that has no ports: it has an address, and no SRV. */
export const NO_PORT = -1;
