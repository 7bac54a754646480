/**
 * The rings and the memory of an AF_XDP socket that only transmits (Documentation/networking/af_xdp.rst, `include/uapi/linux/if_xdp.h`), in copy mode:
 * `sendto` makes an skb of each descriptor of the transmit ring, with the bytes of its chunk copied, and the chunk comes back by the completion ring when that skb is gone.
 *
 *     struct xdp_desc         (16 bytes)   0 addr (64)  8 len  12 options        completion ring: addr (64) alone
 *     struct xdp_umem_reg     (24 bytes)   0 addr (64)  8 len (64)  16 chunk_size  20 headroom
 *     struct xdp_ring_offset  (32 bytes)   0 producer (64)  8 consumer (64)  16 desc (64)  24 flags (64)
 *     struct xdp_mmap_offsets (128 bytes)  0 rx  32 tx  64 fill  96 completion
 *     struct sockaddr_xdp     (16 bytes)   0 family (16)  2 flags (16)  4 ifindex  8 queue_id  12 shared_umem_fd
 *
 * A transmitting socket needs no XDP program and no right but CAP_NET_RAW in the user namespace of its network namespace. Its memory counts against RLIMIT_MEMLOCK, and an
 * interface's queue takes one such socket.
 */
import { osError } from '../os/errno.ts';
import { AF_XDP, bindSocket, close, getsockopt, lastErrno, SOCK_RAW, setsockopt } from '../os/libc.ts';
import { arena, type Mapping, mapPages, mapShared, setAddress } from '../os/memory.ts';
import { openSocket, setIntOption, setOption } from '../os/socket.ts';

const SOL_XDP = 283;
const XDP_MMAP_OFFSETS = 1;
const XDP_TX_RING = 3;
const XDP_UMEM_REG = 4;
const XDP_UMEM_FILL_RING = 5;
const XDP_UMEM_COMPLETION_RING = 6;
/** Linux 6.17: how many descriptors one `sendto` takes, 32 without it. */
const XDP_MAX_TX_SKB_BUDGET = 9;
const XDP_COPY = 2;
const XDP_PGOFF_TX_RING = 0x8000_0000;
const XDP_UMEM_PGOFF_COMPLETION_RING = 0x1_8000_0000;

const OFFSETS = 128;
const TX = 32;
const COMPLETION = 96;
const DESC = 16;
/** Nothing is received, but a socket without a fill ring cannot be bound. */
const FILL = 2;

/** The smallest chunk that the kernel takes. */
export const CHUNK = 2048;
export const CHUNK_SHIFT = 11;

/** Where in a ring's mapping its parts are, in words of 32 bits. */
export interface Ring {
  readonly words: Uint32Array;
  readonly producer: number;
  readonly consumer: number;
  readonly desc: number;
}

export interface XdpRings {
  readonly fd: number;
  /** Chunks one behind the other: `addr` of a descriptor is an offset in it. */
  readonly chunks: Mapping;
  /** Both rings have as many entries as there are chunks, a power of two. */
  readonly tx: Ring;
  readonly completion: Ring;
  close(): void;
}

/**
 * A socket on queue 0 of interface `ifindex` of this thread's network namespace.
 * @param count chunks, a power of two
 * @throws LabError OS, DEVICE, NETNS_EPERM: no AF_XDP in this kernel (EAFNOSUPPORT), no right, no memory that may be locked (ENOBUFS), the queue has another socket (EBUSY)
 */
export function openXdpRings(ifindex: number, name: string, count: number): XdpRings {
  const fd = openSocket(AF_XDP, SOCK_RAW, 0, `AF_XDP for "${name}"`);
  const mapped: Mapping[] = [];
  const end = () => {
    for (const each of mapped) each.close();
    close(fd);
  };
  try {
    const chunks = mapPages(count * CHUNK, `chunks of "${name}"`);
    mapped.push(chunks);
    const registered = arena(24);
    const words = new Uint32Array(registered.bytes.buffer);
    setAddress(words, 0, chunks.base);
    setAddress(words, 2, count * CHUNK);
    words[4] = CHUNK;
    setOption(fd, SOL_XDP, XDP_UMEM_REG, registered, 'XDP_UMEM_REG', name);
    setIntOption(fd, SOL_XDP, XDP_UMEM_FILL_RING, FILL, 'XDP_UMEM_FILL_RING', name);
    setIntOption(fd, SOL_XDP, XDP_UMEM_COMPLETION_RING, count, 'XDP_UMEM_COMPLETION_RING', name);
    setIntOption(fd, SOL_XDP, XDP_TX_RING, count, 'XDP_TX_RING', name);
    const offsets = ringOffsets(fd, name);
    const ring = (at: number, entry: number, page: number): Ring => {
      const [producer, consumer, desc] = [offsets[at >> 3]!, offsets[(at >> 3) + 1]!, offsets[(at >> 3) + 2]!].map(Number) as [
        number,
        number,
        number,
      ];
      const mapping = mapShared(fd, desc + count * entry, `ring of "${name}"`, page);
      mapped.push(mapping);
      return { words: new Uint32Array(mapping.bytes.buffer), producer: producer >> 2, consumer: consumer >> 2, desc: desc >> 2 };
    };
    const tx = ring(TX, DESC, XDP_PGOFF_TX_RING);
    const completion = ring(COMPLETION, 8, XDP_UMEM_PGOFF_COMPLETION_RING);
    words[0] = count;
    setsockopt(fd, SOL_XDP, XDP_MAX_TX_SKB_BUDGET, registered.base, 4); // a kernel without it takes fewer at a time
    bindTo(fd, name, ifindex);
    return { fd, chunks, tx, completion, close: end };
  } catch (error) {
    end();
    throw error;
  }
}

function ringOffsets(fd: number, name: string): BigUint64Array {
  const answer = arena(OFFSETS + 8);
  const length = new Uint32Array(answer.bytes.buffer, OFFSETS, 1);
  length[0] = OFFSETS;
  const got = getsockopt(fd, SOL_XDP, XDP_MMAP_OFFSETS, answer.base, answer.base + OFFSETS);
  // Before Linux 5.4 the structures had no flags, and other offsets.
  if (got < 0 || length[0] !== OFFSETS) throw osError('getsockopt XDP_MMAP_OFFSETS', `"${name}"`, got < 0 ? lastErrno() : 0, 'DEVICE');
  return new BigUint64Array(answer.bytes.buffer, 0, OFFSETS / 8);
}

function bindTo(fd: number, name: string, ifindex: number): void {
  const address = arena(16);
  const view = new DataView(address.bytes.buffer);
  view.setUint16(0, AF_XDP, true);
  view.setUint16(2, XDP_COPY, true);
  view.setUint32(4, ifindex, true);
  if (bindSocket(fd, address.base, 16) < 0) throw osError('bind AF_XDP', `"${name}"`, lastErrno(), 'DEVICE');
}
