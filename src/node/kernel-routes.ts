/**
 * The routes that a routing daemon keeps in a table of the kernel (rtnetlink(7)), followed: read once, then by what the kernel tells. It does not tell of
 * routes that go with a link or an address, nor which one another takes the place of: then all are read again. About the namespace of the thread that
 * makes one.
 */
import * as rtnetlink from '../os/rtnetlink.ts';
import { ROUTER_PROTOCOL } from './socket-routes.ts';

export type KernelRoute = rtnetlink.Route;

/** RTPROT_*: up to `boot` they are the kernel's own, or of nobody who would take them back (`include/uapi/linux/rtnetlink.h`). */
const RTPROT_BOOT = 3;
/** RTN_UNICAST, BLACKHOLE, UNREACHABLE, PROHIBIT. */
const TYPES: readonly number[] = [1, 6, 7, 8];
const RT_TABLE_MAIN = 254;

export class KernelRoutes {
  readonly #monitor = new rtnetlink.RouteMonitor(['route', 'link', 'address']);
  readonly #table: number;
  #routes = new Map<string, KernelRoute>();
  #names = new Map<number, string>();

  /** @throws LabError OS */
  constructor(table: 'main' | number) {
    this.#table = table === 'main' ? RT_TABLE_MAIN : table;
    this.#read();
  }

  /** For a poll set: readable when `hear` has something to do. */
  get fd(): number {
    return this.#monitor.fd;
  }
  get routes(): Iterable<KernelRoute> {
    return this.#routes.values();
  }
  /** Of an interface, '' for one that is gone. */
  nameOf(ifindex: number): string {
    return this.#names.get(ifindex) ?? '';
  }

  /** What has happened since the last call. Does not wait. @returns whether the routes may be others now */
  hear(): boolean {
    const events = this.#monitor.changes();
    let changed = false;
    for (const event of events) {
      if (event.kind !== 'route') return this.#read();
      const { route } = event;
      if (!this.#isFollowed(route)) continue;
      const key = keyOf(route);
      const known = this.#routes.get(key);
      if (known === undefined ? event.deleted : !event.deleted && same(known, route)) continue;
      if (known !== undefined && !(event.deleted && same(known, route))) return this.#read();
      if (event.deleted) this.#routes.delete(key);
      else this.#routes.set(key, route);
      changed = true;
    }
    return changed;
  }

  close(): void {
    this.#monitor.close();
  }

  #read(): true {
    this.#names = new Map(rtnetlink.links().map(({ ifindex, name }) => [ifindex, name]));
    const routes = rtnetlink.routes().filter(each => this.#isFollowed(each));
    // Of those with the same key the kernel lists first what it uses.
    this.#routes = new Map(routes.reverse().map(each => [keyOf(each), each]));
    return true;
  }

  #isFollowed({ table, protocol, type }: KernelRoute): boolean {
    return table === this.#table && protocol > RTPROT_BOOT && protocol !== ROUTER_PROTOCOL && TYPES.includes(type);
  }
}

const keyOf = ({ destination, prefix, metric }: KernelRoute): string => `${destination}/${prefix} ${metric}`;
const same = (a: KernelRoute, b: KernelRoute): boolean => JSON.stringify(a) === JSON.stringify(b);
