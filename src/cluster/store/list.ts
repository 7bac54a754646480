/** Lists in pages. Each page shows the objects as they were when the first one was asked for, as long as the changes since then are kept. */
import type { ApiObject } from './object.ts';
import { badRequest, expired } from './status.ts';
import type { Table } from './table.ts';

export interface List<T extends ApiObject = ApiObject> {
  readonly items: readonly T[];
  readonly revision: number;
  /** For the next page. */
  readonly continue?: string;
  /** How many are left; unknown with a selector. */
  readonly remaining?: number;
}

interface Token {
  /** Revision of the list; -1: whatever there is now. */
  readonly rv: number;
  /** The next key is after this one. */
  readonly start: string;
}

const encode = (token: Token): string => Buffer.from(JSON.stringify({ v: 'meta.k8s.io/v1', ...token })).toString('base64url');

function decode(text: string): Token {
  try {
    const { rv, start } = JSON.parse(Buffer.from(text, 'base64url').toString()) as { rv?: unknown; start?: unknown };
    if (Number.isSafeInteger(rv) && typeof start === 'string') return { rv: rv as number, start };
  } catch {
    // Said below.
  }
  throw badRequest('continue key is not valid: illegal base64 or JSON data');
}

/** @param prefix of the keys: `default/`, or empty */
export function listPage(
  table: Table,
  {
    prefix,
    matches,
    limit,
    token,
    at: wanted,
    revision,
  }: {
    prefix: string;
    /** Undefined: all. */
    matches: ((object: ApiObject) => boolean) | undefined;
    /** 0: all. */
    limit: number;
    token: string | undefined;
    /** Undefined: as it is now. */
    at: number | undefined;
    /** Of the store, now. */
    revision: number;
  },
): List {
  let [from, at] = [prefix, wanted ?? revision];
  if (!table.knows(at)) throw expired(`The provided resource version is too old: ${at}`);
  if (token !== undefined && token !== '') {
    const { rv, start } = decode(token);
    if (!start.startsWith(prefix) || rv > revision) throw badRequest('continue key is not valid: it is of another list');
    // The least key after `start`.
    from = `${start}\0`;
    at = rv < 0 ? revision : rv;
    if (!table.knows(at))
      throw expired(
        'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue ' +
          'parameter, or use the continue token in this response to retrieve the remainder of the results, which may then be inconsistent.',
        encode({ rv: -1, start }),
      );
  }
  const items: ApiObject[] = [];
  let last = '';
  let left = 0;
  // The key after all that begin with `ns/` is `ns0`: '0' follows '/'.
  const to = prefix === '' ? undefined : `${prefix.slice(0, -1)}0`;
  const isNow = at === revision;
  for (const [key, object] of table.range(from, to, isNow ? undefined : at)) {
    if (matches !== undefined && !matches(object)) continue;
    if (limit > 0 && items.length === limit) {
      left++;
      // With a selector nobody is told how many there are: one is enough to know that there is a next page. Of now the table knows the number.
      if (matches !== undefined || isNow) break;
      continue;
    }
    items.push(object);
    last = key;
  }
  if (left === 0) return { items, revision: at };
  if (isNow) left = table.count(`${last}\0`, to);
  return { items, revision: at, continue: encode({ rv: at, start: last }), ...(matches === undefined ? { remaining: left } : {}) };
}
