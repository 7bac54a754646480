/** The routes that addresses bring with them, as the kernel adds them (`fib_add_ifaddr`, `net/ipv4/fib_frontend.c`). */
import { type Route, RouteType } from './fib.ts';
import { broadcastOf, type Interface, networkOf } from './interface.ts';

const route = (r: Partial<Route> & Pick<Route, 'network' | 'prefix' | 'type' | 'oif'>): Route => ({ via: 0, prefSrc: 0, metric: 0, ...r });

/** Local and broadcast routes for each address, and one to its network. */
export function routesOfAddresses(interfaces: readonly Interface[], lo: Interface): Route[] {
  const routes: Route[] = [route({ network: 127 << 24, prefix: 8, type: RouteType.Local, oif: lo.id, prefSrc: (127 << 24) | 1 })];
  for (const each of interfaces) {
    for (const a of each.addresses) {
      routes.push(route({ network: a.address, prefix: 32, type: RouteType.Local, oif: each.id, prefSrc: a.address }));
      if (a.prefix === 32) continue;
      routes.push(route({ network: networkOf(a), prefix: a.prefix, type: RouteType.Unicast, oif: each.id, prefSrc: a.address }));
      if (a.prefix < 31)
        routes.push(route({ network: broadcastOf(a), prefix: 32, type: RouteType.Broadcast, oif: each.id, prefSrc: a.address }));
    }
  }
  return routes;
}

export { route };
