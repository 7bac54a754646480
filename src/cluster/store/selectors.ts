/** Label and field selectors as the API server reads them (apimachinery `pkg/labels/selector.go`, `pkg/fields/selector.go`). */
import type { ApiObject } from './object.ts';
import type { ResourceType } from './resource-type.ts';
import { badRequest } from './status.ts';

export type Matches = (object: ApiObject) => boolean;
export interface LabelSelector {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly { readonly key: string; readonly operator: string; readonly values?: readonly string[] }[];
}

type Labels = Readonly<Record<string, string>>;
type Requirement = (labels: Labels) => boolean;

const everything: Matches = () => true;
const NO_LABELS: Labels = {};

/** `app=web,tier!=db,env in (a,b),!legacy`. Empty: everything. */
export function parseLabelSelector(text: string): Matches {
  const requirements = splitOutsideParentheses(text).map(part => parseRequirement(part, text));
  if (requirements.length === 0) return everything;
  return ({ metadata }) => requirements.every(matches => matches(metadata.labels ?? NO_LABELS));
}

/** A selector in an object's fields. Nothing in it: everything. */
export function matchesLabels(selector: LabelSelector, labels: Labels = NO_LABELS): boolean {
  for (const [key, value] of Object.entries(selector.matchLabels ?? {})) if (labels[key] !== value) return false;
  return (selector.matchExpressions ?? []).every(({ key, operator, values = [] }) => {
    if (operator === 'Exists') return Object.hasOwn(labels, key);
    if (operator === 'DoesNotExist') return !Object.hasOwn(labels, key);
    return operator === 'In' ? values.includes(labels[key]!) : !values.includes(labels[key]!);
  });
}

const KEY = String.raw`[A-Za-z0-9](?:[-\w./]*[A-Za-z0-9])?`;
const VALUE = String.raw`(?:[A-Za-z0-9](?:[-\w.]*[A-Za-z0-9])?)?`;
const equality = new RegExp(`^(${KEY})\\s*(==|=|!=)\\s*(${VALUE})$`);
const membership = new RegExp(`^(${KEY})\\s+(in|notin)\\s*\\(([^()]*)\\)$`);
const existence = new RegExp(`^(!?)\\s*(${KEY})$`);
const comparison = new RegExp(`^(${KEY})\\s*([<>])\\s*(-?\\d+)$`);
const wholeValue = new RegExp(`^${VALUE}$`);

function parseRequirement(part: string, whole: string): Requirement {
  let m = equality.exec(part);
  if (m !== null) {
    const [, key, operator, value] = m as unknown as [string, string, string, string];
    return operator === '!=' ? labels => labels[key] !== value : labels => labels[key] === value;
  }
  m = membership.exec(part);
  if (m !== null) {
    const [, key, operator, list] = m as unknown as [string, string, string, string];
    const values = new Set(list.split(',').map(value => value.trim()));
    if ([...values].every(value => wholeValue.test(value)))
      return operator === 'in'
        ? labels => Object.hasOwn(labels, key) && values.has(labels[key]!)
        : labels => !Object.hasOwn(labels, key) || !values.has(labels[key]!);
  }
  m = existence.exec(part);
  if (m !== null) {
    const [, not, key] = m as unknown as [string, string, string];
    return not === '!' ? labels => !Object.hasOwn(labels, key) : labels => Object.hasOwn(labels, key);
  }
  m = comparison.exec(part);
  if (m !== null) {
    const [, key, operator, limit] = m as unknown as [string, string, string, string];
    return labels =>
      /^-?\d+$/.test(labels[key] ?? '') && (operator === '>' ? Number(labels[key]) > Number(limit) : Number(labels[key]) < Number(limit));
  }
  throw badRequest(`unable to parse requirement: ${JSON.stringify(part)} in label selector ${JSON.stringify(whole)}`);
}

function splitOutsideParentheses(text: string): string[] {
  const parts = text.split(/,(?![^(]*\))/).map(part => part.trim());
  return parts.length === 1 && parts[0] === '' ? [] : parts;
}

/** `status.phase=Running,spec.nodeName!=node1`. A field that this kind does not offer is refused. */
export function parseFieldSelector(text: string, type: ResourceType): Matches {
  const requirements: Matches[] = [];
  for (const part of text.split(/(?<!\\),/)) {
    if (part.trim() === '') continue;
    const m = /^\s*([^=!\s]+)\s*(==|=|!=)\s*(.*?)\s*$/.exec(part);
    if (m === null) throw badRequest(`invalid selector: ${JSON.stringify(part)}; can't understand ${JSON.stringify(part)}`);
    const [, path, operator, escaped] = m as unknown as [string, string, string, string];
    if (path !== 'metadata.name' && path !== 'metadata.namespace' && !(type.selectable ?? []).includes(path))
      throw badRequest(`field label not supported: ${path}`);
    const value = escaped.replace(/\\([\\,=])/g, '$1');
    const read = fieldReader(path);
    requirements.push(operator === '!=' ? object => read(object) !== value : object => read(object) === value);
  }
  if (requirements.length === 0) return everything;
  return object => requirements.every(matches => matches(object));
}

/** The value as text; a field that is not there is empty. */
function fieldReader(path: string): (object: ApiObject) => string {
  const names = path.split('.');
  return object => {
    let value: unknown = object;
    for (const name of names) value = (value as Record<string, unknown> | undefined)?.[name];
    return value === undefined || value === null ? '' : String(value);
  };
}
