/** Judges what steps expected of the wires, by the captures of the whole run. */
import type { CapturedFrame } from '../../capture/captured-frame.ts';
import type { LabStep } from '../definition.ts';
import { inPhase, type Phase } from '../evidence.ts';
import type { CheckResult } from '../result.ts';
import { describeSight, type Expectation, mismatches, type Sight, sightOf } from '../sight.ts';
import { checkWords } from './check-words.ts';

/** A wire check waits for the captures: it is judged over the frames of its probe or conversation, or of the whole run. */
export interface WireCheck {
  step: Extract<LabStep, { do: 'expect hop' | 'expect nothing' }>;
  phase: Phase | undefined;
}

export const fits = (sight: Sight, expected: Expectation): boolean => mismatches(sight, expected).length === 0;

export function judgeWire({ step, phase }: WireCheck, frames: ReadonlyMap<string, CapturedFrame[]>): CheckResult {
  const at = step.hop;
  const captured = frames.get(at);
  const nothing = step.do === 'expect nothing';
  const { text } = checkWords(step)!;
  if (captured === undefined) return { at, text, ok: false, saw: `there is no hop "${at}" in this run` };
  const sights = captured.filter(f => phase === undefined || inPhase(phase, f)).flatMap(f => sightOf(f) ?? []);
  const found = sights.find(s => fits(s, step.expected));
  if (nothing) return found === undefined ? { at, text, ok: true } : { at, text, ok: false, saw: describeSight(found) };
  return found === undefined ? { at, text, ok: false, saw: nearest(sights, step.expected) } : { at, text, ok: true };
}

/** The packet that misses fewest fields, and which they are. */
function nearest(sights: readonly Sight[], expected: Expectation): string {
  if (sights.length === 0) return 'no packet at all';
  const [best] = sights.map(sight => ({ sight, wrong: mismatches(sight, expected) })).sort((a, b) => a.wrong.length - b.wrong.length);
  return `${best!.wrong.join(', ')} (${describeSight(best!.sight)})`;
}
