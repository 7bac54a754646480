/**
 * How felix writes a rule, and the hash by which it knows the rule again (Calico v3.29, `felix/iptables/renderer.go`,
 * `felix/generictables/rules.go`).
 */
import { createHash } from 'node:crypto';

/** One rule in the words that felix gives to iptables-restore; an absent part is not written. */
export interface FelixRule {
  readonly match?: string;
  readonly action?: string;
  readonly comment?: string;
}

const HASH_LENGTH = 16;

/** @param words stand behind the chain's name: the comment that carries the hash, or what felix hashes in its place */
const write = (chain: string, words: string, { comment, match, action }: FelixRule): string =>
  [`-A ${chain}`, words, comment === undefined ? undefined : `-m comment --comment "${comment}"`, match, action]
    .filter(part => part !== undefined)
    .join(' ');

/**
 * Each hash takes in the one before and the first one the chain's name, so that it tells the rule, its place and all rules above it.
 *
 * @param name rules that are appended to a built-in chain are hashed under a name of their own: `FORWARD*appends*`
 */
export function ruleHashes(name: string, rules: readonly FelixRule[]): string[] {
  let last = createHash('sha224').update(name).digest();
  return rules.map(rule => {
    last = createHash('sha224')
      .update(last)
      .update(write(name, 'HASH', rule))
      .digest();
    return last.toString('base64url').slice(0, HASH_LENGTH);
  });
}

/** Lines for iptables-restore. */
export function ruleLines(chain: string, rules: readonly FelixRule[], hashedAs = chain): string[] {
  const hashes = ruleHashes(hashedAs, rules);
  return rules.map((rule, i) => write(chain, `-m comment --comment "cali:${hashes[i]}"`, rule));
}

/** iptables takes chain names of at most so many characters. */
const MAX_CHAIN_NAME = 28;

/** Name of the chain of an interface or a profile: too long a name gives way to a hash behind an underscore (`felix/hashutils/id.go`). */
export function chainName(prefix: string, suffix: string): string {
  const length = prefix.length + suffix.length;
  if (length < MAX_CHAIN_NAME || (length === MAX_CHAIN_NAME && !suffix.startsWith('_'))) return prefix + suffix;
  return `${prefix}_${createHash('sha256').update(suffix).digest('base64url')}`.slice(0, MAX_CHAIN_NAME);
}
