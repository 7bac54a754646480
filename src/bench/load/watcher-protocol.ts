/** What the bench and the thread that watches a server's interface say to each other. */

export interface WatcherStart {
  readonly netns: string;
  readonly interface: string;
  /** The established flow whose gaps are looked at comes from this port. */
  readonly steadyPort: number;
}

/** `stop` is answered with a `Watched`. */
export type WatcherRequest = { kind: 'start' } | { kind: 'stop' };

export interface Watched {
  /** When each packet of the steady flow arrived: ms since 1970, by the kernel's stamp. */
  readonly steadyMs: Float64Array;
  /** First packet to each destination port that is not the steady flow's. */
  readonly firstAtMs: ReadonlyMap<number, number>;
  /** Frames that found no room: gaps would be ours. */
  readonly lost: number;
}
