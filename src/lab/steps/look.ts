/** Checks that ask a node or a program, until it says what is wanted or patience ends. */
import type { LabStep } from '../definition.ts';
import type { CheckResult } from '../result.ts';
import { type CheckWords, checkWords } from './check-words.ts';
import type { Patience } from './patience.ts';
import { packetsOf } from './step-facts.ts';

export interface Wanted {
  test(text: string): boolean;
}

/** @param words of the check @param read what there is now */
export async function lookFor(words: CheckWords, patience: Patience, read: () => Promise<string>, wanted: Wanted): Promise<CheckResult> {
  let saw = '';
  const ok = await patience.eventually(async () => {
    saw = await read();
    return wanted.test(saw);
  });
  return { ...words, ok, ...(ok ? {} : { saw: saw.trim() === '' ? 'nothing' : saw.trim() }) };
}

/** Has a rule counted so many packets since `before`? @param read the rules with their counters, now */
export async function countOf(
  step: Extract<LabStep, { do: 'expect rule' }>,
  before: string,
  patience: Patience,
  read: () => Promise<string>,
): Promise<CheckResult> {
  const counted = packetsOf(step.rule, before) ?? 0;
  let saw = 'no such rule';
  const ok = await patience.eventually(async () => {
    const now = packetsOf(step.rule, await read());
    if (now !== undefined) saw = `${now - counted} packets`;
    return now !== undefined && now - counted === step.packets;
  });
  return { ...checkWords(step)!, ok, ...(ok ? {} : { saw }) };
}
