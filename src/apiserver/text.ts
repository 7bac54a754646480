/** Objects as JSON text. An object never changes, so its text is made once and goes away with it. */

import type { List } from '../cluster/store/list.ts';
import type { ApiObject } from '../cluster/store/object.ts';
import { apiVersionOf, type ResourceType } from '../cluster/store/resource-type.ts';
import type { Change } from '../cluster/store/table.ts';
import type { WatchEvent } from '../cluster/store/watch.ts';

const texts = new WeakMap<ApiObject, string>();

export function objectText(object: ApiObject): string {
  let text = texts.get(object);
  if (text === undefined) {
    text = JSON.stringify(object);
    texts.set(object, text);
  }
  return text;
}

export const listMetadata = ({ revision, continue: token, remaining }: List): object => ({
  resourceVersion: String(revision),
  ...(token === undefined ? {} : { continue: token }),
  ...(remaining === undefined ? {} : { remainingItemCount: remaining }),
});

export const listText = (type: ResourceType, list: List): string =>
  `{"kind":"${type.kind}List","apiVersion":"${apiVersionOf(type)}","metadata":${JSON.stringify(listMetadata(list))},"items":[${list.items.map(objectText).join(',')}]}\n`;

/** One line of a watch; those who watch the same change share it. */
const events = new WeakMap<Change, Partial<Record<WatchEvent['type'], Buffer>>>();
export function eventBytes({ type, object, change }: WatchEvent): Buffer {
  const made = change === undefined ? undefined : events.get(change);
  const known = made?.[type];
  if (known !== undefined) return known;
  const bytes = eventLine(type, objectText(object));
  if (change !== undefined) events.set(change, { ...made, [type]: bytes });
  return bytes;
}
export const eventLine = (type: string, text: string): Buffer => Buffer.from(`{"type":"${type}","object":${text}}\n`);

export const metadataOnly = ({ metadata }: ApiObject, apiVersion: string): object => ({
  kind: 'PartialObjectMetadata',
  apiVersion,
  metadata,
});
