/** What the bench and its sender's thread say to each other. */
import type { FrameShape } from './frames.ts';

export interface SenderStart {
  /** Path of the client's namespace. */
  readonly netns: string;
  readonly interface: string;
  /** Where it runs; null: where the scheduler puts it. */
  readonly processor: number | null;
  /** One word: not 0 ends the burst that goes on. */
  readonly stop: SharedArrayBuffer;
  readonly shape: FrameShape;
}

export interface Burst {
  /** `flows` established connections, one after the other; or a new one with each packet; or established ones with a new one after each `freshEvery`. */
  readonly flows: number;
  readonly freshEvery: number;
  /** Packets per second; 0: as fast as it can. */
  readonly rate: number;
  readonly milliseconds: number;
  /** Ends after so many packets at the latest. */
  readonly most: number;
}

export interface BurstResult {
  readonly sent: number;
  /** Refused by the interface: its queue was full. */
  readonly refused: number;
  readonly milliseconds: number;
}
