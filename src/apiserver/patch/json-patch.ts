/** JSON Patch (RFC 6902) and JSON Merge Patch (RFC 7396). Each gives a new value; the old one is not changed. */
import { draftOf, sameJson } from '../../cluster/store/object.ts';
import { ApiError, badRequest } from '../../cluster/store/status.ts';

type Container = Record<string, unknown> | unknown[];

const MOST_OPERATIONS = 10_000;

const failed = (message: string): ApiError =>
  new ApiError('Invalid', `the server rejected our request due to an error in our request: ${message}`);

export function jsonPatch(target: unknown, patch: unknown): unknown {
  if (!Array.isArray(patch)) throw badRequest('a JSON patch must be a list of operations');
  if (patch.length > MOST_OPERATIONS)
    throw new ApiError(
      'RequestEntityTooLarge',
      `The allowed maximum operations in a JSON patch is ${MOST_OPERATIONS}, got ${patch.length}`,
    );
  let document: unknown = draftOf(target);
  for (const step of patch as { op?: unknown; path?: unknown; from?: unknown; value?: unknown }[]) document = apply(document, step);
  return document;
}

function apply(document: unknown, step: { op?: unknown; path?: unknown; from?: unknown; value?: unknown }): unknown {
  const path = pointer(step.path);
  switch (step.op) {
    case 'add':
      return add(document, path, draftOf(step.value));
    case 'remove':
      return remove(document, path);
    case 'replace':
      read(document, path);
      return path.length === 0 ? draftOf(step.value) : add(remove(document, path), path, draftOf(step.value));
    case 'move': {
      const from = pointer(step.from);
      if (path.length > from.length && from.every((part, i) => part === path[i])) throw failed('cannot move a value into itself');
      const value = read(document, from);
      return add(remove(document, from), path, value);
    }
    case 'copy':
      return add(document, path, draftOf(read(document, pointer(step.from))));
    case 'test': {
      let value: unknown;
      try {
        value = read(document, path);
      } catch {
        value = null;
      }
      if (!sameJson(value, step.value)) throw failed(`testing value ${String(step.path)} failed: test failed`);
      return document;
    }
    default:
      throw badRequest(`unknown operation ${JSON.stringify(step.op)} in a JSON patch`);
  }
}

function pointer(text: unknown): string[] {
  if (typeof text !== 'string' || (text !== '' && !text.startsWith('/'))) throw badRequest(`${JSON.stringify(text)} is not a JSON pointer`);
  return text
    .split('/')
    .slice(1)
    .map(part => part.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/** Place in a list; `-` is the one after the last. */
function index(list: readonly unknown[], part: string, most: number): number {
  const at = part === '-' ? list.length : /^(0|[1-9]\d*)$/.test(part) ? Number(part) : -1;
  if (at < 0 || at > most) throw failed(`unable to access invalid index ${part}: index out of bounds`);
  return at;
}

function child(parent: unknown, part: string): unknown {
  if (Array.isArray(parent)) return parent[index(parent, part, parent.length - 1)];
  if (typeof parent === 'object' && parent !== null && Object.hasOwn(parent, part)) return (parent as Record<string, unknown>)[part];
  throw failed(`the path names a field that is not there: ${JSON.stringify(part)}`);
}
const read = (document: unknown, path: readonly string[]): unknown => path.reduce(child, document);

function parentOf(document: unknown, path: readonly string[]): Container {
  const parent = read(document, path.slice(0, -1));
  if (typeof parent !== 'object' || parent === null) throw failed(`the path leads through a value that has no fields: /${path.join('/')}`);
  return parent as Container;
}

function add(document: unknown, path: readonly string[], value: unknown): unknown {
  if (path.length === 0) return value;
  const [parent, last] = [parentOf(document, path), path.at(-1)!];
  if (last === '__proto__') throw badRequest('a field cannot have this name: __proto__');
  if (Array.isArray(parent)) parent.splice(index(parent, last, parent.length), 0, value);
  else parent[last] = value;
  return document;
}

function remove(document: unknown, path: readonly string[]): unknown {
  if (path.length === 0) return null;
  const [parent, last] = [parentOf(document, path), path.at(-1)!];
  child(parent, last);
  if (Array.isArray(parent)) parent.splice(index(parent, last, parent.length - 1), 1);
  else delete parent[last];
  return document;
}

/** RFC 7396: null takes a field away, an object is merged, everything else replaces. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return draftOf(patch);
  const merged: Record<string, unknown> = isObject(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (name === '__proto__') continue;
    if (value === null) delete merged[name];
    else merged[name] = mergePatch(merged[name], value);
  }
  return merged;
}

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
