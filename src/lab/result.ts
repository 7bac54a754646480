/** What a run of an exercise on one data plane has shown. */
import type { Shares } from './steps/shares.ts';

export interface CheckResult {
  /** The hop, node or place it is about. */
  at: string;
  /** What was expected. */
  text: string;
  ok: boolean;
  /** What was there instead, when it is not as expected. */
  saw?: string;
}

/** One hop on the way of the first probe. */
export interface WalkStep {
  hop: string;
  /** The packet as it stands there. */
  packet: string;
  /** What has changed since the hop before, in words. */
  did: string[];
}

export interface RunResult {
  checks: CheckResult[];
  /** Of bursts: who took how many. */
  shares: Shares[];
  walk: WalkStep[];
  /** Frames that a hop saw and had no room for: with any, the captures are no evidence. */
  hops: { name: string; frames: number; dropped: number }[];
}

export const failedChecks = (result: RunResult): CheckResult[] => result.checks.filter(check => !check.ok);
