/**
 * One packet on its way through a node. There is one object per slot of a batch, filled again for each frame: nothing is allocated
 * per packet. Headers are read and written in place with the accessors of `wire/`. A packet is borrowed: whoever keeps one past
 * the call (the neighbour queue, reassembly) copies the bytes.
 *
 *     floor        start        l3           l4                     end        ceiling
 *       | headroom   | Ethernet   | IPv4       | TCP, UDP, ICMP ...   | tailroom   |
 *
 * All are offsets into `bytes`. A TUN frame has no Ethernet header: `start === l3`.
 */
import { DropReason } from '../base/drop-reason.ts';
import type { Memory } from './memory.ts';

/** Gso type of the virtio-net header (`include/uapi/linux/virtio_net.h`). */
export const Gso = { None: 0, Tcp4: 1, Udp: 3, UdpL4: 5 } as const;

/** How the frame was addressed at layer 2 (`skb->pkt_type`, `include/uapi/linux/if_packet.h`). */
export const PacketType = { Host: 0, Broadcast: 1, Multicast: 2, OtherHost: 3, Outgoing: 4 } as const;

/** Which conntrack state a packet is in (`enum ip_conntrack_info`); the reply direction adds 3. */
export const CtInfo = { Established: 0, Related: 1, New: 2, EstablishedReply: 3, RelatedReply: 4, None: 7 } as const;

const NOTHING = new Uint8Array(0);

export class Packet {
  /** Where the frame stands. `base` is the address of `bytes[0]`, see `Memory`. */
  bytes: Uint8Array = NOTHING;
  base = 0;
  /** Lowest offset that may be written: `start - floor` is the headroom for an encapsulation. */
  floor = 0;
  start = 0;
  l3 = 0;
  l4 = 0;
  /** One past the last byte of the IP packet (Ethernet padding is cut off once the IPv4 length is known). */
  end = 0;
  /** One past the last offset that may be written. */
  ceiling = 0;

  /** Router interface ids (index into the router's interface table), 0 = none. */
  iif = 0;
  oif = 0;
  /** Bridge ports by the same numbering (`physdev`), 0 = not bridged. */
  physIn = 0;
  physOut = 0;
  /** A bridge forwards it to the MAC that it bears: no next hop is looked for. */
  macStands = false;
  /** In the bridge, in front of FORWARD: it waits for the MAC of the destination that it was given (`bridged_dnat`). */
  bridgedDnat = false;
  type = 0;

  /** Netfilter's per-packet state: fwmark, conntrack entry (-1 = none), its `CtInfo`, TRACE flag, priority of CLASSIFY. */
  mark = 0;
  ct = -1;
  ctinfo: number = CtInfo.None;
  /** `notrack`: conntrack was told to leave it alone (`IP_CT_UNTRACKED`). */
  untracked = false;
  /** Conntrack zone that a CT target chose: id | directions << 16 (1 original, 2 reply, 3 both). 0 = the default zone. */
  zone = 0;
  traced = false;
  priority = 0;

  /** Next hop on `oif` after routing, int32; and the route's preferred source. */
  nextHop = 0;
  prefSrc = 0;
  /** Made by this node (OUTPUT), not forwarded. */
  local = false;
  /** Made by this node and by none of its sockets (`skb->sk`): the reset of a REJECT, a tunnel around what came from elsewhere. */
  socketless = false;

  /**
   * Checksum of the virtio-net header: when `csumStart` is not 0, the transport checksum at `csumStart + csumOffset` holds only the
   * (not complemented) pseudo-header sum and the device finishes it over [csumStart, end). `csumStart` is an offset into `bytes`.
   */
  csumStart = 0;
  csumOffset = 0;
  /** The device vouches for the transport checksum (VIRTIO_NET_HDR_F_DATA_VALID, TP_STATUS_CSUM_VALID). */
  csumValid = false;
  gsoType = 0;
  gsoSize = 0;
  hdrLen = 0;

  /** IPv4 options that this node fills in on the way out: offsets from `l3` of an address in record route and timestamp, 0 = none. */
  routeSlot = 0;
  timeSlot = 0;
  /** Options were changed on the way in, and the header checksum not yet: until it is forwarded it stays as it came. */
  optionsChanged = false;
  /** It has a source route. */
  sourceRoute = false;

  /** The largest fragment seen by reassembly (0 = not reassembled), and whether it had DF: refragmenting must not exceed it (RFC 791). */
  fragMaxSize = 0;
  fragDf = false;

  /** Slot of the arena that owns the bytes, -1 when they are borrowed from a device (`arena.ts`). */
  slot = -1;
  /** Journey id, exact inside the router; 0 = not traced. */
  id = 0;
  /** Set when a stage returns DROP. */
  reason: DropReason = DropReason.None;

  /** Take a frame at `[start, end)`, state as fresh as that of a new skb. */
  borrow(memory: Memory, floor: number, start: number, end: number, ceiling: number): void {
    this.bytes = memory.bytes;
    this.base = memory.base;
    this.floor = floor;
    this.start = start;
    this.l3 = start;
    this.l4 = start;
    this.end = end;
    this.ceiling = ceiling;
    this.csumStart = 0;
    this.csumOffset = 0;
    this.csumValid = false;
    this.gsoType = Gso.None;
    this.gsoSize = 0;
    this.hdrLen = 0;
    this.forget();
  }

  /** Take over the state of `from`, whose bytes were copied to `l3` here. */
  inherit(from: Packet): void {
    this.iif = from.iif;
    this.oif = from.oif;
    this.physIn = from.physIn;
    this.physOut = from.physOut;
    this.macStands = from.macStands;
    this.type = from.type;
    this.mark = from.mark;
    this.ct = from.ct;
    this.ctinfo = from.ctinfo;
    this.untracked = from.untracked;
    this.traced = from.traced;
    this.priority = from.priority;
    this.nextHop = from.nextHop;
    this.prefSrc = from.prefSrc;
    this.local = from.local;
    this.socketless = from.socketless;
    this.routeSlot = from.routeSlot;
    this.timeSlot = from.timeSlot;
    this.optionsChanged = from.optionsChanged;
    this.sourceRoute = from.sourceRoute;
    this.fragMaxSize = from.fragMaxSize;
    this.fragDf = from.fragDf;
    this.id = from.id;
    this.csumStart = from.csumStart === 0 ? 0 : this.l3 + (from.csumStart - from.l3);
    this.csumOffset = from.csumOffset;
    this.csumValid = from.csumValid;
    this.gsoType = from.gsoType;
    this.gsoSize = from.gsoSize;
    this.hdrLen = from.hdrLen;
  }

  /** Clear what the path wrote: as `skb_scrub_packet` does between two lives of the same bytes, mark included. */
  forget(): void {
    this.iif = 0;
    this.oif = 0;
    this.physIn = 0;
    this.physOut = 0;
    this.macStands = false;
    this.bridgedDnat = false;
    this.type = PacketType.Host;
    this.mark = 0;
    this.ct = -1;
    this.ctinfo = CtInfo.None;
    this.untracked = false;
    this.zone = 0;
    this.traced = false;
    this.priority = 0;
    this.nextHop = 0;
    this.prefSrc = 0;
    this.local = false;
    this.socketless = false;
    this.routeSlot = 0;
    this.timeSlot = 0;
    this.optionsChanged = false;
    this.sourceRoute = false;
    this.fragMaxSize = 0;
    this.fragDf = false;
    this.id = 0;
    this.reason = DropReason.None;
  }
}
