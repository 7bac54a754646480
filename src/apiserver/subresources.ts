/** Subresources that are objects of their own: scale, a Pod's binding and eviction, a Namespace's finalize. */
import { Pods } from '../cluster/resources/index.ts';
import { type ApiObject, draftOf } from '../cluster/store/object.ts';
import type { ResourceType } from '../cluster/store/resource-type.ts';
import type { LabelSelector } from '../cluster/store/selectors.ts';
import { badRequest, conflict, modified, type Status, success } from '../cluster/store/status.ts';
import type { Store } from '../cluster/store/store.ts';
import { asObject } from './body.ts';
import { jsonPatch, mergePatch } from './patch/json-patch.ts';
import { isDryRun, methodNotAllowed, type ResourceRequest, unknownPath } from './request.ts';
import { selectorText } from './table/column.ts';
import { deleteOptions } from './write.ts';

interface Scaled extends ApiObject {
  readonly spec?: { readonly replicas?: number; readonly selector?: LabelSelector };
  readonly status?: { readonly replicas?: number };
}

function scaleOf({ metadata, spec, status }: Scaled): ApiObject & { spec: { replicas: number } } {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = metadata;
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { name: name!, namespace: namespace!, uid: uid!, resourceVersion: resourceVersion!, creationTimestamp: creationTimestamp! },
    spec: { replicas: spec?.replicas ?? 0 },
    status: { replicas: status?.replicas ?? 0, selector: selectorText(spec?.selector ?? {}) },
  } as ApiObject & { spec: { replicas: number } };
}

/** `write` goes through the ordinary way of an update, so that the book of managers is kept. */
export function scale(
  store: Store,
  request: ResourceRequest,
  method: string,
  contentType: string,
  body: unknown,
  write: (object: ApiObject) => ApiObject,
): ApiObject {
  const { type, namespace = '', name } = request;
  const object = store.get(type as ResourceType<Scaled>, namespace, name);
  const scaleNow = scaleOf(object);
  if (method === 'GET') return scaleNow;
  if (method !== 'PUT' && method !== 'PATCH') throw methodNotAllowed(method, type);
  // A Scale has no lists: every merge does the same.
  const wanted = asObject(
    method === 'PUT' ? body : contentType === 'application/json-patch+json' ? jsonPatch(scaleNow, body) : mergePatch(scaleNow, body),
  ) as Partial<ReturnType<typeof scaleOf>>;
  const version = wanted.metadata?.resourceVersion ?? '';
  if (version !== '' && version !== object.metadata.resourceVersion) throw modified(type, name);
  const replicas = wanted.spec?.replicas ?? 0;
  if (!Number.isInteger(replicas))
    throw badRequest(
      `Scale in version "v1" cannot be handled as a Scale: json: cannot unmarshal ${typeof replicas} into Go struct field ScaleSpec.spec.replicas of type int32`,
    );
  const draft = draftOf(object);
  draft.spec = { ...draft.spec, replicas };
  return scaleOf(write(draft as Scaled) as Scaled);
}

/** What a scheduler sends: the node of a Pod. */
export function bind(store: Store, { namespace = '', name, query }: ResourceRequest, body: unknown): Status {
  const { target, metadata } = asObject(body) as { target?: { name?: string }; metadata?: { annotations?: Record<string, string> } };
  const node = target?.name ?? '';
  if (node === '') throw badRequest('Binding "" is invalid: target.name: Required value');
  const pod = store.get(Pods, namespace, name);
  if ((pod.spec?.nodeName ?? '') !== '')
    throw conflict(Pods, name, `pod ${name} is already assigned to node ${JSON.stringify(pod.spec!.nodeName)}`);
  store.modify(
    Pods,
    namespace,
    name,
    draft => {
      draft.spec!.nodeName = node;
      if (metadata?.annotations !== undefined) draft.metadata.annotations = { ...draft.metadata.annotations, ...metadata.annotations };
    },
    { dryRun: isDryRun(query.getAll('dryRun')) },
  );
  return { ...success(Pods, name, pod.metadata.uid), code: 201 };
}

/** There are no disruption budgets: every eviction is a delete. */
export function evict(store: Store, { namespace = '', name, query }: ResourceRequest, body: unknown): Status {
  const { deleteOptions: options } = asObject(body);
  const { object } = store.delete(Pods, namespace, name, deleteOptions(options, query));
  return { ...success(Pods, name, object.metadata.uid), code: 201 };
}

export function finalize(store: Store, { type, name }: ResourceRequest, body: unknown): ApiObject {
  const { spec } = asObject(body) as { spec?: { finalizers?: string[] } };
  if (type.resource !== 'namespaces') throw unknownPath();
  return store.finalize(type, '', name, draft => {
    (draft as { spec?: unknown }).spec = { finalizers: [...(spec?.finalizers ?? [])] };
  });
}
