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
  /** What helps on, when it is not as expected: where the exercise judges what its reader has written. */
  hint?: string;
  /** What was counted: worth a line also when it is as expected. */
  figure?: string;
}

/** One hop on the way of the first probe, or of the answer to it. */
export interface WalkStep {
  hop: string;
  /** The packet as it stands there. */
  packet: string;
  /** `203.0.113.9:40001 > 192.168.56.11:30080`, and the same of the envelope around it. */
  ends: string;
  outer?: string;
  /** What has changed since the hop before, in words. */
  did: string[];
  /** Rules that acted in between, with the object of the cluster that each was made from. */
  rules: { text: string; origin?: string }[];
}

/** The first probe of a run, told. */
export interface Story {
  /** Its number in the journey, and that of the first answer, when there was one. */
  packet: number;
  answerPacket?: number;
  walk: WalkStep[];
  answer: WalkStep[];
  /** What conntrack(8) said of its connection at the end, by node. */
  conntrack: { node: string; entry: string }[];
}

export interface RunResult {
  checks: CheckResult[];
  /** Of bursts: who took how many. */
  shares: Shares[];
  /** Absent for an exercise that does not begin with a probe. */
  story?: Story;
  /** Frames that a hop saw and had no room for: with any, the captures are no evidence. */
  hops: { name: string; frames: number; dropped: number }[];
}

export const failedChecks = (result: RunResult): CheckResult[] => result.checks.filter(check => !check.ok);
