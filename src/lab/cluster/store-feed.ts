/** What the kube-proxies of a lab look at, told from the API's store: what changed in one turn goes to all of them together. */

import { readEndpointSlice } from '../../cluster/objects/endpoint-slice.ts';
import { FieldErrors } from '../../cluster/objects/field-errors.ts';
import { readNode } from '../../cluster/objects/node.ts';
import { readService } from '../../cluster/objects/service.ts';
import { Shape } from '../../cluster/objects/shape.ts';
import { type ClusterObject, objectName } from '../../cluster/objects/types.ts';
import { EndpointSlices, Nodes, Services } from '../../cluster/resources/index.ts';
import type { ApiObject } from '../../cluster/store/object.ts';
import type { ResourceType } from '../../cluster/store/resource-type.ts';
import type { Store } from '../../cluster/store/store.ts';

export interface ObjectSink {
  apply(objects: readonly ClusterObject[]): Promise<unknown>;
  delete(names: readonly string[]): Promise<unknown>;
}

/** @param report what the sink could not do; the next change tries again @returns stops it */
export function feedProxies(store: Store, sink: ObjectSink, report: (error: unknown) => void): () => void {
  const changed = new Map<string, ClusterObject | undefined>();
  let waiting = false;
  const flush = (): void => {
    waiting = false;
    const all = [...changed];
    changed.clear();
    const there = all.flatMap(([, object]) => object ?? []);
    const gone = all.flatMap(([name, object]) => (object === undefined ? [name] : []));
    void tell(sink, there, gone).catch(report);
  };
  const follow = <T extends ApiObject>(type: ResourceType<T>, read: (shape: Shape) => ClusterObject): (() => void) =>
    store.follow(type, {}, event => {
      const object = read(new Shape(event.object, '', new FieldErrors()));
      changed.set(objectName(object), event.type === 'DELETED' ? undefined : object);
      if (waiting) return;
      waiting = true;
      setImmediate(flush);
    });
  const stops = [follow(Services, readService), follow(EndpointSlices, readEndpointSlice), follow(Nodes, readNode)];
  return () => {
    for (const stop of stops) stop();
  };
}

/** Both are taken at once: what waits here would come behind what is told next, and be older than that. */
async function tell(sink: ObjectSink, there: readonly ClusterObject[], gone: readonly string[]): Promise<void> {
  await Promise.all([gone.length > 0 ? sink.delete(gone) : undefined, there.length > 0 ? sink.apply(there) : undefined]);
}
