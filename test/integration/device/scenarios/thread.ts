import { readFileSync, readlinkSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';
import { formatCidr, formatIpv4, formatMac } from '../../../../src/base/address.ts';
import { PacketSocket } from '../../../../src/device/packet-socket.ts';
import { EventFd } from '../../../../src/os/event-fd.ts';
import { enterNetns, insideNetns, newNetns, openNetns, THREAD_NETNS } from '../../../../src/os/netns.ts';
import { PollSet } from '../../../../src/os/poll-set.ts';
import * as rtnetlink from '../../../../src/os/rtnetlink.ts';
import { FAR, farSh, sh, wire } from '../world.ts';

const here = () => readlinkSync(THREAD_NETNS);
const main = () => readlinkSync(FAR);

export function moving() {
  const first = here();
  const home = openNetns(THREAD_NETNS);
  newNetns();
  const second = here();
  const child = sh(`readlink /proc/self/ns/net`).trim();
  sh('ip link add only-here type bridge');
  const seen = [readFileSync('/proc/thread-self/net/dev', 'utf8'), readFileSync('/proc/net/dev', 'utf8')].map(t => t.includes('only-here'));
  const inside = insideNetns(home, here);
  let thrown = '';
  try {
    insideNetns(home, () => {
      throw new Error('from inside');
    });
  } catch (error) {
    thrown = (error as Error).message;
  }
  const back = here();
  enterNetns(home);
  let refused = '';
  try {
    enterNetns('/run/netns/kubehop-absent');
  } catch (error) {
    refused = (error as Error).message;
  }
  return {
    differs: new Set([first, second, main()]).size,
    child: child === second,
    seen,
    inside: inside === first,
    thrown,
    back: back === second,
    entered: here() === first,
    refused,
  };
}

/** The main thread wakes this one, which waits in poll beside two devices. */
export function woken() {
  wire('far0', 'near0');
  const event = new EventFd();
  const poll = new PollSet(1);
  const socket = poll.add(new PacketSocket('near0').fd);
  const wake = poll.add(event.fd);
  parentPort!.postMessage({ wake: event.fd });
  const end = performance.now() + 20_000;
  let waits = 0;
  while (performance.now() < end && !poll.ready(wake)) {
    poll.wait(60_000);
    waits++;
  }
  const result = { woken: poll.ready(wake), socket: poll.ready(socket), drained: event.drain(), again: event.drain(), waits: waits <= 20 };
  event.close();
  return result;
}

export function routing() {
  wire('far0', 'near0');
  const monitor = new rtnetlink.RouteMonitor();
  sh(`ip link set near0 mtu 1400 address 02:00:00:00:00:01; ip addr add 10.9.0.1/24 brd + dev near0
      ip route add 10.8.0.0/16 via 10.9.0.2 src 10.9.0.1 mtu 1300 metric 7
      ip route add 10.7.0.0/16 nexthop via 10.9.0.3 weight 2 nexthop via 10.9.0.4
      ip route add blackhole 10.6.0.0/16 table 900
      ip neigh add 10.9.0.2 lladdr 02:00:00:00:00:02 dev near0`);
  const link = rtnetlink.links().find(l => l.name === 'near0')!;
  const ip4 = (v: number | undefined) => (v === undefined ? null : formatIpv4(v));
  const result = {
    link: { mtu: link.mtu, mac: formatMac(link.mac), up: link.flags & 1, master: link.master },
    addresses: rtnetlink.addresses().map(a => `${formatCidr(a)} ${ip4(a.broadcast)} ${a.ifindex === link.ifindex}`),
    routes: rtnetlink
      .routes()
      .filter(r => r.table !== 255)
      .map(r => {
        const hops = r.nexthops.map(n => `${n.ifindex === link.ifindex} ${ip4(n.gateway)} ${n.weight}`);
        return [formatIpv4(r.destination), r.prefix, r.table, r.type, r.metric, ip4(r.prefSrc), r.mtu ?? null, ...hops].join(' ');
      })
      .sort(),
    neighbours: rtnetlink.neighbours().map(n => `${formatIpv4(n.address)} ${n.mac ? formatMac(n.mac) : null} ${n.state}`),
  };
  monitor.changes();
  farSh('ip link del far0');
  const poll = new PollSet(1);
  poll.add(monitor.fd);
  const events: string[] = [];
  while (!events.some(e => e.startsWith('link true')) && poll.wait(1000) > 0) {
    for (const e of monitor.changes()) {
      if (e.kind === 'link') events.push(`link ${e.deleted} ${e.link.name}`);
      else if (e.kind === 'lost') events.push('lost');
      else events.push(`${e.kind} ${e.deleted}`);
    }
  }
  monitor.close();
  return { ...result, events: [...new Set(events.filter(e => e.includes('true')))].sort() };
}

/** A bridge port that leaves is not a link that is deleted. */
export function portLeaves() {
  wire('far0', 'near0');
  sh('ip link add br0 type bridge; ip link set near0 master br0');
  const monitor = new rtnetlink.RouteMonitor(['link']);
  sh('ip link set near0 nomaster');
  const deleted = monitor.changes().filter(e => e.kind === 'link' && e.deleted).length;
  monitor.close();
  return deleted;
}

/** Sixty links in one dump of many messages. */
export function manyLinks() {
  const batch = Array.from({ length: 60 }, (_, i) => `link add b${i} type bridge`).join('\n');
  sh(`ip -batch - <<< '${batch}'`);
  return rtnetlink.links().filter(l => /^b\d+$/.test(l.name)).length;
}
