/** A short name for a pod template: pods of one template bear it, and the ReplicaSets of a Deployment are called by it. Pure. */
import { createHash } from 'node:crypto';
import type { PodTemplate } from '../schema/pod.ts';

export const TEMPLATE_HASH_LABEL = { deployment: 'pod-template-hash', daemonSet: 'controller-revision-hash' } as const;

/** Letters that make no words (apimachinery `SafeEncodeString`). */
const LETTERS = 'bcdfghjklmnpqrstvwxz2456789';
const LENGTH = 10;

/**
 * Ten letters. Kubernetes takes FNV-32 of a printed Go structure, which nothing else can print; that the same template gives the same name is
 * all that anybody relies on.
 */
export function templateHash(template: PodTemplate | undefined, collisions = 0): string {
  const digest = createHash('sha256')
    .update(`${stableText(template)} ${collisions}`)
    .digest();
  return Array.from({ length: LENGTH }, (_, i) => LETTERS[digest[i]! % LETTERS.length]).join('');
}

/** The order of fields does not matter, nor does the label with the hash itself. */
function stableText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(stableText).join()}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? '';
  const fields = Object.entries(value).filter(([key, field]) => field !== undefined && key !== TEMPLATE_HASH_LABEL.deployment);
  return `{${fields
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, field]) => `${JSON.stringify(key)}:${stableText(field)}`)
    .join()}}`;
}

/** `25%` of a number, or the number itself. */
export function shareOf(count: number | string, of: number, rounded: 'up' | 'down'): number {
  if (typeof count === 'number') return count;
  const share = (Number.parseInt(count, 10) * of) / 100;
  return rounded === 'up' ? Math.ceil(share) : Math.floor(share);
}
