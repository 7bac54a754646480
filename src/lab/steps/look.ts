/** Checks that ask a node or a program, until it says what is wanted or patience ends. */
import type { CheckResult } from '../result.ts';
import type { Patience } from './patience.ts';
import { packetsOf } from './step-facts.ts';

export interface Wanted {
  test(text: string): boolean;
}

/** @param text what is checked, in words @param read what there is now */
export async function lookFor(
  at: string,
  text: string,
  patience: Patience,
  read: () => Promise<string>,
  wanted: Wanted,
): Promise<CheckResult> {
  let saw = '';
  const ok = await patience.eventually(async () => {
    saw = await read();
    return wanted.test(saw);
  });
  return { at, text, ok, ...(ok ? {} : { saw: saw.trim() === '' ? 'nothing' : saw.trim() }) };
}

/** Has a rule counted so many packets since `before`? @param read the rules with their counters, now */
export async function countOf(
  rule: RegExp,
  packets: number,
  before: string,
  at: string,
  patience: Patience,
  read: () => Promise<string>,
): Promise<CheckResult> {
  const counted = packetsOf(rule, before) ?? 0;
  let saw = 'no such rule';
  const ok = await patience.eventually(async () => {
    const now = packetsOf(rule, await read());
    if (now !== undefined) saw = `${now - counted} packets`;
    return now !== undefined && now - counted === packets;
  });
  return { at, text: `rule ${rule.source} has counted ${packets} packets`, ok, ...(ok ? {} : { saw }) };
}
