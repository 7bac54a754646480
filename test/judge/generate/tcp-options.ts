/** Options of TCP segments (RFC 9293, 7323, 2018). */
import type { PacketSpec } from '../packet-spec.ts';
import type { Chooser } from './choose.ts';

/** Maximum segment size, window scale, SACK permitted, timestamps, and a list that is cut short. */
export const synOptions = (c: Chooser): Partial<PacketSpec> =>
  c.oneIn(2)
    ? {}
    : {
        tcpOptions: c.of([
          [2, 4, 5, 180],
          [2, 4, 5, 180, 4, 2, 3, 3, 7, 0, 0, 0],
          // In the order of Linux (`tcp_options_write`).
          [2, 4, 5, 180, 4, 2, 8, 10, ...word(c.u32()), ...word(0), 1, 3, 3, 7],
          [3, 3, 14, 1],
          [3, 3, 2, 1, 4, 2, 1, 1],
          [1, 1, 1, 2],
          [2, 4, 1, 0],
        ]),
      };

/** One block from `at` on, behind two NOPs. */
export const sack = (at: number): number[] => [1, 1, 5, 10, ...word(at), ...word(at + 10)];

function word(v: number): number[] {
  return [(v >>> 24) & 255, (v >>> 16) & 255, (v >>> 8) & 255, v & 255];
}
