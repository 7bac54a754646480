/** Port ranges as tcp, udp and sctp have them: one word each, low | high << 16. */
import type { NotRange } from '../../ruleset.ts';

export const ANY_PORT = (0xffff << 16) | 0;

export const packRange = (r: NotRange | undefined): number => (r === undefined ? ANY_PORT : r.low | (r.high << 16));

export const inRange = (port: number, range: number): boolean => port >= (range & 0xffff) && port <= range >>> 16;

/** Does the option ask for something? `0:65535` holds for every port. */
export const asks = (r: NotRange | undefined): r is NotRange => r !== undefined && (r.not || r.low !== 0 || r.high !== 0xffff);
