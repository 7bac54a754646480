/**
 * Objects from the text of files: YAML (several documents) or JSON, lists and lists of lists. What is not valid is said with every
 * cause, and what else stands in the file is still read.
 */
import { parseAllDocuments } from 'yaml';
import { readEndpointSlice, validateEndpointSlice } from './endpoint-slice.ts';
import { errorText, type FieldError, FieldErrors } from './field-errors.ts';
import { readNode, validateNode } from './node.ts';
import { readService } from './service.ts';
import { validateService } from './service-validation.ts';
import { Shape } from './shape.ts';
import type { ClusterObject } from './types.ts';

export interface ReadObject {
  readonly object: ClusterObject;
  /** `web.yaml`, and which document of it, counted from 1. */
  readonly file: string;
  readonly document: number;
  readonly errors: readonly FieldError[];
}

export interface ReadObjects {
  readonly objects: readonly ReadObject[];
  /** Kinds that say nothing here, with how often they came. */
  readonly otherKinds: ReadonlyMap<string, number>;
  /** Documents that are no objects, each with its place. */
  readonly problems: readonly string[];
}

/** By `apiVersion kind`. */
const kinds: Readonly<Record<string, (shape: Shape) => ClusterObject>> = {
  'v1 Service': shape => checked(readService(shape), shape, validateService),
  'discovery.k8s.io/v1 EndpointSlice': shape => checked(readEndpointSlice(shape), shape, validateEndpointSlice),
  'v1 Node': shape => checked(readNode(shape), shape, validateNode),
};

function checked<T>(object: T, { errors }: Shape, validate: (object: T, errors: FieldErrors) => void): T {
  validate(object, errors);
  return object;
}

/** Levels of lists inside lists. */
const DEEPEST = 8;

/** Never throws: a document that cannot be read is a problem, and the others are read. */
export function readObjects(text: string, file: string): ReadObjects {
  const objects: ReadObject[] = [];
  const problems: string[] = [];
  const otherKinds = new Map<string, number>();
  const take = (value: unknown, document: number, depth: number): void => {
    if (value === null || value === undefined) return;
    const items = listItems(value);
    if (items !== undefined && depth < DEEPEST) {
      for (const item of items) take(item, document, depth + 1);
      return;
    }
    const head = headOf(value);
    if (head === undefined) {
      problems.push(`${file}: document ${document}: expected an object with apiVersion and kind`);
      return;
    }
    const { apiVersion, kind } = head;
    const read = kinds[`${apiVersion} ${kind}`];
    if (read === undefined) {
      otherKinds.set(kind, (otherKinds.get(kind) ?? 0) + 1);
      return;
    }
    const errors = new FieldErrors();
    const object = read(new Shape(value, '', errors));
    objects.push({ object, file, document, errors: errors.all });
  };
  for (const [i, document] of documentsOf(text, file, problems).entries()) take(document, i + 1, 0);
  return { objects, otherKinds, problems };
}

/** `web.yaml: Service default/web: spec.ports[0].port: ...`, one line for each cause. */
export const readErrors = ({ object, file, errors }: ReadObject): string[] =>
  errors.map(e => `${file}: ${object.kind} "${object.metadata.name}" is invalid: ${errorText(e)}`);

/** JSON is read as such: it is much the faster way for the files that have many objects. */
function documentsOf(text: string, file: string, problems: string[]): unknown[] {
  const first = text.trimStart()[0];
  if (first === '{' || first === '[') {
    try {
      return [JSON.parse(text)];
    } catch {
      // YAML has braces as well, and its reader says where it is wrong.
    }
  }
  const documents = parseAllDocuments(text, { prettyErrors: true, logLevel: 'error' });
  if ('empty' in documents) return [];
  return documents.map(document => {
    const [error] = document.errors;
    try {
      if (error === undefined) return document.toJS({ maxAliasCount: 100 }) as unknown;
      const at = error.linePos?.[0];
      problems.push(`${file}:${at?.line ?? 1}:${at?.col ?? 1}: ${error.message.split('\n')[0]}`);
    } catch (cause) {
      problems.push(`${file}: ${cause instanceof Error ? cause.message : String(cause)}`);
    }
    return undefined;
  });
}

/** Of `kind: List`, `kind: ServiceList`, or a bare array. The items of a typed list have no kind of their own. */
function listItems(value: unknown): readonly unknown[] | undefined {
  if (Array.isArray(value)) return value;
  const { kind, items, apiVersion } = value as { kind?: unknown; items?: unknown; apiVersion?: unknown };
  if (typeof kind !== 'string' || !kind.endsWith('List') || !Array.isArray(items)) return undefined;
  if (kind === 'List') return items;
  const of = kind.slice(0, -'List'.length);
  return items.map(item => (typeof item === 'object' && item !== null ? { apiVersion, kind: of, ...item } : item));
}

function headOf(value: unknown): { apiVersion: string; kind: string } | undefined {
  const { apiVersion, kind } = (typeof value === 'object' ? value : {}) as { apiVersion?: unknown; kind?: unknown };
  return typeof apiVersion === 'string' && typeof kind === 'string' ? { apiVersion, kind } : undefined;
}
