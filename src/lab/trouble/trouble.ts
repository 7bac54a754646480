/** A fault that the reader of an exercise is to find and to repair: how it comes, by what it is known, and what helps on. Data. */
import type { LabStep } from '../definition.ts';
import type { Plane } from '../topology/model.ts';

export interface Trouble {
  /** Of its solution, `solution/NAME.sh`: told when it has been repaired. */
  name: string;
  /** What people say. One sentence. */
  symptom: string;
  /** What else they say: who is well, what was done lately. */
  story: string;
  /** Absent: on each. */
  only?: { plane: Plane; because: string };
  /** Real changes to a lab that is well. */
  inject: readonly LabStep[];
  /** Claims of the exercise that do not hold from then on. */
  breaks: readonly string[];
  /** Claims beside those of the exercise, while this fault is looked for: what a repair must not take away. */
  keeps?: readonly LabStep[];
  hints: readonly [where: string, what: string, how: string];
  /** Told when it has been repaired: lines. */
  happened: readonly string[];
  source: string;
}

/** What stands in a lab that is up. */
export interface Standing {
  /** From 1, as the reader says it. */
  fault: number;
  /** How many of its hints were asked for. */
  hints: number;
}
