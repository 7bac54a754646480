/**
 * The objects of a lab that stands, by kind, namespace and name; who watches is told of each change with what was before. It is fed by
 * manifests: what a list and a watch of an API server would tell.
 */
import { type ClusterObject, objectName } from '../../cluster/objects/types.ts';

/** The kind and the name are the same on both sides; one of the two is there. */
export interface ObjectChange {
  readonly previous: ClusterObject | undefined;
  readonly current: ClusterObject | undefined;
}
export type Applied = 'created' | 'configured' | 'unchanged';

export class LabObjects {
  /** By `Service default/web`. */
  readonly #objects = new Map<string, ClusterObject>();
  readonly #watchers = new Set<(change: ObjectChange) => void>();

  /** @param objects two of one name: the later one counts */
  constructor(objects: Iterable<ClusterObject> = []) {
    for (const object of objects) this.#objects.set(objectName(object), object);
  }

  list(): ClusterObject[] {
    return [...this.#objects.values()];
  }
  /** @param name `Service default/web` */
  get(name: string): ClusterObject | undefined {
    return this.#objects.get(name);
  }

  apply(current: ClusterObject): Applied {
    const name = objectName(current);
    const previous = this.#objects.get(name);
    if (previous !== undefined && JSON.stringify(previous) === JSON.stringify(current)) return 'unchanged';
    this.#objects.set(name, current);
    this.#tell({ previous, current });
    return previous === undefined ? 'created' : 'configured';
  }

  /** @returns was it there? */
  delete(name: string): boolean {
    const previous = this.#objects.get(name);
    if (previous === undefined) return false;
    this.#objects.delete(name);
    this.#tell({ previous, current: undefined });
    return true;
  }

  /** @returns ends it */
  watch(onChange: (change: ObjectChange) => void): () => void {
    this.#watchers.add(onChange);
    return () => void this.#watchers.delete(onChange);
  }

  #tell(change: ObjectChange): void {
    for (const watcher of this.#watchers) watcher(change);
  }
}
