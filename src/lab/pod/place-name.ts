/**
 * What the pods of an API are called in a lab: `kubehop exec web`, a hop `web/eth0`. One name, one pod, and never that of a client or a node: their
 * network namespaces have names of their own (`cni-UID`, as container runtimes make them), and a place is a link to one of these.
 */
import { createHash } from 'node:crypto';
import { readlinkSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { PodIdentity } from '../../kubelet/runtime.ts';

/** A file's name has at most 255 bytes (NAME_MAX), and a pod with its namespace up to 317. */
const MOST_BYTES = 200;
/** A node may join at any time. */
const NODE = /^node\d+$/;

/** @returns false for names that are the lab's own */
export type IsFree = (name: string) => boolean;

export const freeBeside =
  (taken: Iterable<string>, known = new Set(taken)): IsFree =>
  name =>
    !known.has(name) && !NODE.test(name);

/**
 * The pod's name in the namespace `default`, else `NAME.NAMESPACE`; the same where the name alone would say something else. A namespace has no dot, so
 * that what stands behind the last one is always it.
 */
export function placeName({ namespace, name }: Pick<PodIdentity, 'namespace' | 'name'>, isFree: IsFree): string {
  const place = namespace === 'default' && !name.includes('.') && isFree(name) ? name : `${name}.${namespace}`;
  if (place.length <= MOST_BYTES) return place;
  const hash = createHash('sha256').update(place).digest('hex').slice(0, 8);
  return `${place.slice(0, MOST_BYTES - hash.length - 1)}~${hash}`;
}

/** Unique at each moment: a pod may come before another of its name has gone. */
export const podNetnsName = ({ uid }: Pick<PodIdentity, 'uid'>): string => `cni-${uid}`;

/** Links of a place, in folders: whoever came last has them. */
export class PlaceLinks {
  readonly #targets: readonly (readonly [folder: string, target: string])[];

  /** @param targets folders, and what the place is in each */
  constructor(targets: Readonly<Record<string, string>>) {
    this.#targets = Object.entries(targets);
  }

  set(place: string): void {
    for (const [folder, target] of this.#targets) {
      rmSync(join(folder, place), { force: true });
      symlinkSync(target, join(folder, place));
    }
  }

  /** Those of somebody who came later stay. */
  remove(place: string): void {
    for (const [folder, target] of this.#targets) if (linkAt(join(folder, place)) === target) rmSync(join(folder, place), { force: true });
  }
}

function linkAt(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
