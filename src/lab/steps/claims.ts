/** Several checks that are one: what an exercise claims, in words, and all that has to be so for it. */
import type { CheckResult } from '../result.ts';

export interface Claim {
  readonly what: string;
  /** Its checks: the numbers `[from, end)`. */
  readonly from: number;
  readonly end: number;
}

/** @param claims in order, none inside of another @returns one check for each claim, in the place of its checks; the others as they are */
export function gatherClaims(checks: readonly CheckResult[], claims: readonly Claim[]): CheckResult[] {
  const gathered: CheckResult[] = [];
  let next = 0;
  for (const claim of claims) {
    gathered.push(...checks.slice(next, claim.from));
    const own = checks.slice(claim.from, claim.end);
    const failed = own.find(check => !check.ok);
    const at = (failed ?? own[0])?.at ?? 'the lab';
    if (failed === undefined) gathered.push({ at, text: claim.what, ok: true });
    else
      gathered.push({
        at,
        text: claim.what,
        ok: false,
        saw: `${failed.saw ?? 'not so'}\n      where this was expected: ${failed.text}`,
        ...(failed.hint !== undefined && { hint: failed.hint }),
      });
    next = claim.end;
  }
  return [...gathered, ...checks.slice(next)];
}
