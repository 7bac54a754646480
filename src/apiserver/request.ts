/**
 * What a request asks for, read from its path and query (apiserver `pkg/endpoints/request/requestinfo.go`):
 * `/api/v1/namespaces/default/pods/web/log`, `/apis/apps/v1/deployments?watch=1`.
 */
import { type ResourceType, typeName } from '../cluster/store/resource-type.ts';
import { ApiError, badRequest } from '../cluster/store/status.ts';
import type { Store } from '../cluster/store/store.ts';

export interface ResourceRequest {
  readonly type: ResourceType;
  /** Undefined: of the cluster, or of all namespaces. */
  readonly namespace: string | undefined;
  /** Empty: the collection. */
  readonly name: string;
  /** Empty, or `status`, `scale`, `log`, ... */
  readonly subresource: string;
  readonly query: URLSearchParams;
}

export const unknownPath = (): ApiError => new ApiError('NotFound', 'the server could not find the requested resource', {});

/** @returns undefined for a path that names no resource; `/api/v1` alone is discovery's. */
export function parseResourceRequest(store: Store, url: URL): ResourceRequest | undefined {
  let parts: string[];
  try {
    parts = url.pathname
      .split('/')
      .filter(part => part !== '')
      .map(decodeURIComponent);
  } catch {
    throw badRequest(`the path ${JSON.stringify(url.pathname)} is not well encoded`);
  }
  const group = parts[0] === 'api' ? '' : parts[1];
  const [version, ...rest] = parts.slice(parts[0] === 'api' ? 1 : 2);
  if ((parts[0] !== 'api' && parts[0] !== 'apis') || rest.length === 0) return undefined;
  // `/api/v1/watch/pods`, the old way to ask for a watch.
  const isOldWatch = rest[0] === 'watch';
  if (isOldWatch) {
    rest.shift();
    url.searchParams.set('watch', 'true');
  }
  const query = url.searchParams;
  let namespace: string | undefined;
  if (rest[0] === 'namespaces' && rest.length > 2 && !(rest.length === 3 && NAMESPACE_SUBRESOURCES.has(rest[2]!))) {
    namespace = rest[1];
    rest.splice(0, 2);
  }
  const [resource = '', name = '', subresource = '', ...more] = rest;
  const type = store.types.find(each => each.resource === resource && each.group === group && each.version === version);
  if (type === undefined || more.length > 0) throw unknownPath();
  if (type.scope === 'cluster' && namespace !== undefined) throw unknownPath();
  if (type.scope === 'namespaced' && namespace === undefined && name !== '') throw unknownPath();
  return { type, namespace, name, subresource, query };
}
const NAMESPACE_SUBRESOURCES = new Set(['status', 'finalize']);

export const isTrue = (query: URLSearchParams, name: string): boolean => {
  const value = query.get(name);
  return value !== null && value !== 'false' && value !== '0';
};

/** A whole number in the query, or undefined. */
export function integer(query: URLSearchParams, name: string): number | undefined {
  const value = query.get(name);
  if (value === null || value === '') return undefined;
  if (!/^-?\d{1,15}$/.test(value)) throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(value)}: invalid syntax`);
  return Number(value);
}

/** `dryRun=All`. */
export function isDryRun(values: readonly string[]): boolean {
  for (const value of values)
    if (value !== 'All' && value !== '')
      throw badRequest(
        `Invalid value: ${JSON.stringify(values)}: dryRun: Unsupported value: ${JSON.stringify(value)}: supported values: "All"`,
      );
  return values.includes('All');
}

/** A resourceVersion of the query as a revision; undefined when none was given, or 0: any state will do. */
export function revisionOf(query: URLSearchParams): number | undefined {
  const text = query.get('resourceVersion') ?? '';
  if (text === '' || text === '0') return undefined;
  if (!/^\d{1,15}$/.test(text))
    throw badRequest(
      `resourceVersion: Invalid value: ${JSON.stringify(text)}: strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`,
    );
  return Number(text);
}

export const methodNotAllowed = (method: string, type: ResourceType): ApiError =>
  new ApiError('MethodNotAllowed', `${method} is not supported on resources of kind ${JSON.stringify(typeName(type))}`, {
    kind: type.resource,
    ...(type.group === '' ? {} : { group: type.group }),
  });
