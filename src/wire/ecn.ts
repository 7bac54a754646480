/**
 * Congestion notification through a tunnel (RFC 6040; `include/net/inet_ecn.h`): the two low bits of the type of service, on the outer header when a
 * packet is wrapped, and on the inner one when it is unwrapped.
 */
export const Ecn = { NotEct: 0, Ect1: 1, Ect0: 2, Ce: 3 } as const;
const MASK = 3;

/** Bits for the outer header. Linux begins anew outside: congestion that has been met is not told twice (RFC 3168 section 9.1.1). */
export const outside = (innerTos: number): number => ((innerTos & MASK) === Ecn.Ce ? Ecn.Ect0 : innerTos & MASK);

/**
 * The inner type of service after its outer header has gone.
 * @returns 0..255, or -1 when congestion was met outside by a packet that cannot tell of it: it is dropped
 */
export function inside(outerTos: number, innerTos: number): number {
  const outer = outerTos & MASK;
  const inner = innerTos & MASK;
  if (outer === Ecn.Ce) return inner === Ecn.NotEct ? -1 : innerTos | Ecn.Ce;
  return outer === Ecn.Ect1 && inner === Ecn.Ect0 ? (innerTos & ~MASK) | Ecn.Ect1 : innerTos;
}
