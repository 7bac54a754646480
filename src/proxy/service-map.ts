/**
 * Services between two syncs (kubernetes `pkg/proxy/servicechangetracker.go`): for each changed Service its ports from before all
 * changes and after them, so that what came and went again is no change.
 */
import type { Service } from '../cluster/objects/types.ts';
import { type ServicePortInfo, type ServicePortOptions, servicePortKey, servicePorts } from './service-port.ts';

/** By `servicePortKey`. */
export type ServicePortMap = Map<string, ServicePortInfo>;

interface Change {
  readonly previous: ServicePortMap;
  current: ServicePortMap;
}

export class ServiceChangeTracker {
  readonly #changes = new Map<string, Change>();
  readonly #options: ServicePortOptions;
  /** Updates seen since the start. */
  total = 0;

  constructor(options: ServicePortOptions) {
    this.#options = options;
  }

  /** Services with changes that no sync has taken yet. */
  get pending(): number {
    return this.#changes.size;
  }

  /**
   * @param previous the Service as it was when it was last told; undefined: it is new
   * @param current undefined: it is deleted
   * @returns true when anything waits for a sync
   */
  update(previous: Service | undefined, current: Service | undefined): boolean {
    const { metadata } = (current ?? previous)!;
    const name = `${metadata.namespace}/${metadata.name}`;
    this.total++;
    let change = this.#changes.get(name);
    if (change === undefined) {
      change = { previous: this.#portsOf(previous, () => {}), current: new Map() };
      this.#changes.set(name, change);
    }
    change.current = this.#portsOf(current, this.#options.log);
    if (samePorts(change.previous, change.current)) this.#changes.delete(name);
    return this.#changes.size > 0;
  }

  /** Takes the changes over into `map`. @returns names of the Services that changed */
  apply(map: ServicePortMap): Set<string> {
    const updated = new Set<string>();
    for (const [name, { previous, current }] of this.#changes) {
      updated.add(name);
      for (const key of previous.keys()) if (!current.has(key)) map.delete(key);
      for (const [key, info] of current) map.set(key, info);
    }
    this.#changes.clear();
    return updated;
  }

  /** Of two ports with one name and protocol the later one counts, as in kube-proxy. */
  #portsOf(service: Service | undefined, log: (line: string) => void): ServicePortMap {
    const ports: ServicePortMap = new Map();
    if (service === undefined) return ports;
    for (const info of servicePorts(service, { ...this.#options, log })) {
      const key = servicePortKey(info.name, info.protocol);
      if (ports.has(key)) log(`Service ${info.service}: ${info.field}: another port has the same name and protocol: that one is left out`);
      ports.set(key, info);
    }
    return ports;
  }
}

/** Infos are plain data of one shape, made by one function. */
const samePorts = (a: ServicePortMap, b: ServicePortMap): boolean =>
  a.size === b.size && [...a].every(([key, info]) => b.has(key) && JSON.stringify(info) === JSON.stringify(b.get(key)));

/** Port of each Service that has one. */
export function healthCheckNodePorts(map: ServicePortMap): Map<string, number> {
  const ports = new Map<string, number>();
  for (const info of map.values()) if (info.healthCheckNodePort !== 0) ports.set(info.service, info.healthCheckNodePort);
  return ports;
}
