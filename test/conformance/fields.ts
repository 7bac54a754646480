/** Expectations are objects of named fields: each field has its check, and a field that nobody knows is said, never passed over. */
import { passed, unsupported, type Verdict } from './set.ts';

/** Fields that are there for people. */
const REMARKS = new Set(['note', 'why', 'id', 'topic', 'source', 'upstreamTest']);

/** What failed counts first, then what is not supported. */
export function all(verdicts: Iterable<Verdict>): Verdict {
  let not: Verdict | undefined;
  for (const v of verdicts) {
    if (v.kind === 'failed') return v;
    if (v.kind === 'unsupported') not ??= v;
  }
  return not ?? passed;
}

/** Checks every field by its name. @param where named in the answer for a field without a check */
export function checkFields(where: string, fields: object, checks: Readonly<Record<string, (value: never) => Verdict>>): Verdict {
  return all(
    Object.entries(fields).map(([name, value]) => {
      if (REMARKS.has(name)) return passed;
      const check = checks[name];
      return check ? check(value as never) : unsupported(`${where}: field "${name}" is not understood`);
    }),
  );
}

/** @returns a verdict when there is a field that is not in `known` */
export function refuseUnknown(where: string, fields: object, known: readonly string[]): Verdict | undefined {
  const stranger = Object.keys(fields).find(name => !known.includes(name) && !REMARKS.has(name));
  return stranger === undefined ? undefined : unsupported(`${where}: field "${stranger}" is not understood`);
}
