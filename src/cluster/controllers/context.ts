/** What every controller is given, and the few words that all of them use. */

import type { Random } from '../../base/random.ts';
import type { Timers } from '../../base/timers.ts';
import { Events } from '../resources/index.ts';
import type { Event } from '../schema/cluster.ts';
import { type ApiObject, type Metadata, type OwnerReference, timeText } from '../store/object.ts';
import { isReason } from '../store/status.ts';
import type { Store } from '../store/store.ts';
import { eventName } from './event-name.ts';
import { WorkQueue } from './work-queue.ts';

export interface ControllerContext {
  readonly store: Store;
  readonly timers: Timers;
  readonly random: Random;
  readonly schedule: (run: () => void) => void;
  /** A look of a controller failed and will be repeated. */
  readonly report: (controller: string, key: string, error: unknown) => void;
}

export interface Controller {
  stop(): void;
}

export const queueOf = ({ timers, schedule, report }: ControllerContext, controller: string, look: (key: string) => void): WorkQueue =>
  new WorkQueue({ timers, schedule, report: (key, error) => report(controller, key, error) }, look);

/** `default/web` */
export const keyOf = ({ namespace = '', name = '' }: Metadata): string => `${namespace}/${name}`;
export const placeOf = (key: string): { namespace: string; name: string } => {
  const slash = key.indexOf('/');
  return { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
};

export const controllerOf = ({ metadata }: ApiObject): OwnerReference | undefined =>
  metadata.ownerReferences?.find(owner => owner.controller === true);

export const isOwnedBy = (object: ApiObject, owner: ApiObject): boolean => controllerOf(object)?.uid === owner.metadata.uid;

export const ownerReference = ({ apiVersion, kind, metadata }: ApiObject): OwnerReference => ({
  apiVersion,
  kind,
  name: metadata.name!,
  uid: metadata.uid!,
  controller: true,
  blockOwnerDeletion: true,
});

/** Told to people as an Event; said again, it is counted (client-go `tools/record`). */
export function tell(
  { store, random }: ControllerContext,
  source: string,
  about: ApiObject,
  type: 'Normal' | 'Warning',
  reason: string,
  message: string,
): void {
  const { namespace = 'default', name = '', uid = '' } = about.metadata;
  const now = timeText(store.nowMs);
  const same = store
    .list(Events, { namespace, fieldSelector: `involvedObject.uid=${uid},reason=${reason}` })
    .items.find(event => event.message === message && event.source?.component === source);
  try {
    if (same !== undefined) {
      store.modify(Events, namespace, same.metadata.name!, draft => {
        draft.count = (draft.count ?? 1) + 1;
        draft.lastTimestamp = now;
      });
      return;
    }
    const suffix = random.u32().toString(16).padStart(8, '0') + random.u32().toString(16).padStart(8, '0');
    store.create(Events, {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: eventName(name, suffix), namespace },
      involvedObject: { apiVersion: about.apiVersion, kind: about.kind, name, namespace, uid },
      ...{ type, reason, message, count: 1, firstTimestamp: now, lastTimestamp: now },
      source: { component: source },
      reportingComponent: source,
      reportingInstance: '',
    } as Event);
  } catch (error) {
    // Its namespace goes, or is gone: then nobody can be told.
    if (!isReason(error, 'NotFound') && !isReason(error, 'Forbidden')) throw error;
  }
}
