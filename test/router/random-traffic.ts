/** Traffic at random, from a seed: TCP, UDP, ICMP and its errors, other protocols, options, fragments in every disorder, broken frames. */
import { SeededRandom } from '../../src/base/random.ts';
import * as ipv4 from '../../src/wire/ipv4.ts';
import { type Ends, icmpFrame, ip, tcpFrame, text, udpFrame } from './frames.ts';

/** Whom it goes between: one of each is drawn for a packet. */
export interface Between {
  srcMac: string;
  dstMac: string;
  src: readonly string[];
  dst: readonly string[];
}

/** Cuts a frame into fragments of at most `room` bytes of payload (a multiple of eight). */
export function cut(frame: Uint8Array, room: number): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let at = 34; at < frame.length; at += room) {
    const end = Math.min(frame.length, at + room);
    const piece = new Uint8Array(34 + end - at);
    piece.set(frame.subarray(0, 34));
    piece.set(frame.subarray(at, end), 34);
    ipv4.setTotalLength(piece, 14, 20 + end - at);
    ipv4.setFragmentWord(piece, 14, (end < frame.length ? ipv4.MF : 0) | ((at - 34) >> 3));
    ipv4.rewriteChecksum(piece, 14);
    pieces.push(piece);
  }
  return pieces;
}

export class RandomTraffic {
  readonly #random: SeededRandom;
  #id = 1;
  constructor(seed: number) {
    this.#random = new SeededRandom(seed);
  }
  below(n: number): number {
    return this.#random.below(n);
  }
  pick<T>(all: readonly T[]): T {
    return all[this.#random.below(all.length)]!;
  }

  /** A packet, or its fragments one behind the other; often not as it should be. */
  frames(between: Between): Uint8Array[] {
    const ends = {
      srcMac: between.srcMac,
      dstMac: between.dstMac,
      src: this.pick(between.src),
      dst: this.pick(between.dst),
      ttl: this.pick([64, 64, 64, 2, 1]),
      id: this.#id++ & 0xffff,
      dontFragment: this.below(4) === 0,
    };
    const size = this.pick([0, 8, 100, 1300, 1400, 1440, 4000]);
    const whole = this.#whole(ends, new Uint8Array(size));
    const pieces = whole.length > 1514 || this.below(4) === 0 ? cut(whole, this.pick([8, 504, 1000, 1480])) : [whole];
    if (pieces.length > 64) pieces.length = 64;
    const mishap = this.below(8);
    if (mishap === 0) pieces.reverse();
    if (mishap === 1 && pieces.length > 1) pieces.pop();
    if (mishap === 2) pieces.push(pieces[0]!);
    if (mishap === 3) pieces.push(...cut(whole, 96).slice(0, 3)); // overlaps
    if (mishap === 4) pieces[0] = pieces[0]!.subarray(0, this.below(pieces[0]!.length));
    if (mishap === 5) pieces[0]![this.below(pieces[0]!.length)]! ^= 1 << this.below(8);
    return pieces;
  }

  #whole(ends: Ends, data: Uint8Array): Uint8Array {
    const ports = { sport: 1000 + this.below(50), dport: this.pick([53, 80, 1, 2, 8080, 8472]) };
    switch (this.below(6)) {
      case 0:
        return tcpFrame({
          ...ends,
          ...ports,
          flags: this.pick(['S', 'SA', 'A', 'FA', 'R', 'RA', 'PA', 'SF', '']),
          seq: this.below(5000),
          ack: this.below(5000),
          data,
        });
      case 1:
        return icmpFrame({ ...ends, type: this.pick([8, 0, 13]), data });
      case 2:
        return icmpFrame({
          ...ends,
          type: this.pick([3, 11]),
          code: this.below(5),
          rest: 0,
          data: udpFrame({ ...ends, src: ends.dst, dst: ends.src, ...ports, data }).subarray(14, 14 + 28 + this.below(20)),
        });
      case 3:
        return ip(ends, this.pick([4, 47, 132, 255]), data.length > 0 ? data : text('some bytes'));
      case 4:
        return udpFrame({
          ...ends,
          ...ports,
          data,
          options: this.pick([Uint8Array.of(1, 1, 1, 0), Uint8Array.of(7, 7, 4, 0, 0, 0, 0, 0)]),
        });
      default:
        return udpFrame({ ...ends, ...ports, data });
    }
  }
}
