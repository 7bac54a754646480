/** What the links' thread is told, and what it says. */
import type { Relay } from '../topology/model.ts';

export interface RelayStart {
  /** Path of the namespace in which both ends of every link stand. */
  netns: string;
  relays: readonly Relay[];
  seed: number;
}

export type RelayMessage = { kind: 'ready' } | { kind: 'failed'; message: string };
