/** TUN: a wire with bare IP packets (`p.start === p.l3`), for the router that stands in front of a node's own sockets. */
import { TunTap, type TunTapOptions } from './tun-tap.ts';

/** Make a TUN interface in this thread's network namespace. It is deleted by `close`. @throws LabError TUN_MISSING, DEVICE */
export const openTun = (options: TunTapOptions): TunTap => new TunTap('tun', options, undefined);
