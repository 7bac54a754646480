/** POST, PUT, PATCH and DELETE of objects. What an object then is, the store decides; here it is said who set which fields. */
import { type ApiObject, draftOf, timeText } from '../cluster/store/object.ts';
import { apiVersionOf, type ResourceType } from '../cluster/store/resource-type.ts';
import { ApiError, badRequest, type Status, success } from '../cluster/store/status.ts';
import type { DeleteOptions, Store, UpdateOptions } from '../cluster/store/store.ts';
import { asObject } from './body.ts';
import { fieldValidation, incomingObject } from './incoming.ts';
import { applyObject } from './patch/apply.ts';
import { isObject, jsonPatch, mergePatch } from './patch/json-patch.ts';
import { type Manager, trackUpdate } from './patch/managed-fields.ts';
import { strategicMerge } from './patch/strategic-merge.ts';
import { integer, isDryRun, isTrue, type ResourceRequest } from './request.ts';

export interface Written {
  readonly code: 200 | 201;
  readonly object: ApiObject | Status;
}

export interface Caller {
  /** `kubectl`, the first word of the User-Agent. */
  readonly agent: string;
  readonly warnings: string[];
}

const LONGEST_MANAGER = 128;

export class Writer {
  readonly #store: Store;
  constructor(store: Store) {
    this.#store = store;
  }

  create(request: ResourceRequest, body: unknown, caller: Caller): Written {
    const { type, query } = request;
    const object = incomingObject(asObject(body), request, fieldValidation(query), caller.warnings);
    const manager = managerOf(request, caller, 'Update');
    const tracked = this.#tracked(type, undefined, object, manager);
    return { code: 201, object: this.#store.create(type, tracked, { dryRun: isDryRun(query.getAll('dryRun')) }) };
  }

  replace(request: ResourceRequest, body: unknown, caller: Caller): Written {
    const { type, namespace = '', name, query } = request;
    const object = incomingObject(asObject(body), request, fieldValidation(query), caller.warnings);
    const old = this.#store.get(type, namespace, name);
    return { code: 200, object: this.update(request, old, object, caller) };
  }

  patch(request: ResourceRequest, contentType: string, body: unknown, caller: Caller): Written {
    if (contentType.startsWith('application/apply-patch')) return this.#apply(request, body, caller);
    const { type, namespace = '', name, query } = request;
    const old = this.#store.get(type, namespace, name);
    const patched = asObject(patchedValue(old, contentType, body, type));
    const object = incomingObject(patched, request, fieldValidation(query), caller.warnings);
    return { code: 200, object: this.update(request, old, object, caller) };
  }

  /** Writes the new state, with the book of who set what. */
  update(request: ResourceRequest, old: ApiObject, object: ApiObject, caller: Caller): ApiObject {
    const { type, query } = request;
    const options = updateOptions(request, isDryRun(query.getAll('dryRun')));
    const manager = managerOf(request, caller, 'Update');
    return this.#store.update(type, this.#tracked(type, old, object, manager, options.subresource), options);
  }

  #tracked(type: ResourceType, old: ApiObject | undefined, object: ApiObject, manager: Manager, subresource?: 'status'): ApiObject {
    if (type.definition === undefined) return object;
    const now = draftOf(object) as { status?: unknown } & ReturnType<typeof draftOf<ApiObject>>;
    const { status } = (old ?? {}) as { status?: unknown };
    if (subresource === undefined && type.hasStatus === true) {
      if (status === undefined) delete now.status;
      else now.status = status;
    }
    type.defaults?.(now);
    const compared =
      subresource === 'status'
        ? ({ ...old, metadata: { ...old!.metadata, managedFields: now.metadata.managedFields }, status: now.status } as ApiObject)
        : (now as ApiObject);
    const { managedFields } = trackUpdate(old, compared, type.definition, manager, timeText(this.#store.nowMs)).metadata;
    const { managedFields: _, ...metadata } = now.metadata;
    return { ...now, metadata: { ...metadata, ...(managedFields === undefined ? {} : { managedFields }) } } as ApiObject;
  }

  #apply(request: ResourceRequest, body: unknown, caller: Caller): Written {
    const { type, namespace = '', name, query } = request;
    const [dryRun, force] = [isDryRun(query.getAll('dryRun')), isTrue(query, 'force')];
    if ((query.get('fieldManager') ?? '') === '')
      throw badRequest('PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch');
    const wanted = incomingObject(asObject(body), request, fieldValidation(query), caller.warnings);
    if (wanted.metadata.managedFields !== undefined) throw badRequest('metadata.managedFields must be nil');
    if (type.definition === undefined) throw new ApiError('UnsupportedMediaType', 'this kind cannot be applied');
    const live = this.#store.find(type, namespace, name);
    if (live === undefined && wanted.metadata.uid !== undefined)
      throw new ApiError(
        'Conflict',
        `uid mismatch: the provided object specified uid ${wanted.metadata.uid}, and no existing object was found`,
      );
    const options = { force, time: timeText(this.#store.nowMs) };
    const merged = applyObject(live, wanted, type.definition, managerOf(request, caller, 'Apply'), options);
    if (live === undefined) return { code: 201, object: this.#store.create(type, merged, { dryRun }) };
    return { code: 200, object: this.#store.update(type, merged, updateOptions(request, dryRun)) };
  }

  delete({ type, namespace = '', name, query }: ResourceRequest, body: unknown): Written {
    const { object, gone } = this.#store.delete(type, namespace, name, deleteOptions(body, query));
    return { code: 200, object: gone ? success(type, name, object.metadata.uid) : object };
  }

  deleteCollection({ type, namespace, query }: ResourceRequest, body: unknown): readonly ApiObject[] {
    const selection = {
      namespace,
      labelSelector: query.get('labelSelector') ?? undefined,
      fieldSelector: query.get('fieldSelector') ?? undefined,
    };
    return this.#store.deleteCollection(type, selection, deleteOptions(body, query)).items;
  }
}

export function patchedValue(old: unknown, contentType: string, body: unknown, type: ResourceType): unknown {
  switch (contentType) {
    case 'application/json-patch+json':
      return jsonPatch(old, body);
    case 'application/merge-patch+json':
      return mergePatch(old, asObject(body));
    case 'application/strategic-merge-patch+json':
      if (type.definition !== undefined) return strategicMerge(old, body, type.definition);
      break;
    default:
  }
  throw new ApiError(
    'UnsupportedMediaType',
    'the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/strategic-merge-patch+json, application/apply-patch+yaml',
  );
}

export function managerOf({ type, query, subresource }: ResourceRequest, { agent }: Caller, operation: Manager['operation']): Manager {
  const name = query.get('fieldManager') ?? '';
  if (name.length > LONGEST_MANAGER || /[^\x20-\x7e]/.test(name))
    throw badRequest('fieldManager: Invalid value: should be at most 128 printable characters');
  return { name: name === '' ? agent : name, operation, apiVersion: apiVersionOf(type), subresource };
}

const updateOptions = ({ subresource }: ResourceRequest, dryRun: boolean): UpdateOptions => ({
  dryRun,
  ...(subresource === 'status' ? { subresource: 'status' as const } : {}),
});

/** From the body, or for those who send none from the query. */
export function deleteOptions(body: unknown, query: URLSearchParams): DeleteOptions {
  const sent = isObject(body) ? body : {};
  const {
    gracePeriodSeconds = integer(query, 'gracePeriodSeconds'),
    propagationPolicy = query.get('propagationPolicy') ?? undefined,
    preconditions,
    orphanDependents,
  } = sent;
  if (
    gracePeriodSeconds !== undefined &&
    gracePeriodSeconds !== null &&
    (!Number.isInteger(gracePeriodSeconds) || (gracePeriodSeconds as number) < 0)
  )
    throw badRequest(
      `DeleteOptions.meta.k8s.io "" is invalid: gracePeriodSeconds: Invalid value: ${JSON.stringify(gracePeriodSeconds)}: must be greater than or equal to 0`,
    );
  const orphan = orphanDependents ?? (query.get('orphanDependents') === null ? undefined : isTrue(query, 'orphanDependents'));
  const legacy = orphan === undefined ? undefined : orphan === true ? 'Orphan' : 'Background';
  const { uid, resourceVersion } = isObject(preconditions) ? preconditions : {};
  return {
    gracePeriodSeconds: (gracePeriodSeconds ?? undefined) as number | undefined,
    propagationPolicy: (propagationPolicy ?? legacy ?? undefined) as DeleteOptions['propagationPolicy'],
    preconditions: { uid: uid as string | undefined, resourceVersion: resourceVersion as string | undefined },
    dryRun: isDryRun([...(Array.isArray(sent.dryRun) ? (sent.dryRun as string[]) : []), ...query.getAll('dryRun')]),
  };
}
