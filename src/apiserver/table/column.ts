/** Columns of a table, and the words that are printed in many of them (k/k `pkg/printers/internalversion/printers.go`). */
import type { Metadata } from '../../cluster/store/object.ts';
import type { LabelSelector } from '../../cluster/store/selectors.ts';

export type Cell = string | number | boolean;

export interface Column<T> {
  /** As it stands in the head, in upper case there: `Cluster-IP`. */
  readonly name: string;
  readonly type: 'string' | 'integer' | 'boolean';
  /** `name`: the name of the object. */
  readonly format: string;
  readonly description: string;
  /** 0: always shown. 1: with `-o wide`. */
  readonly priority: 0 | 1;
  readonly cell: (object: T, nowMs: number) => Cell;
}

export const column = <T>(name: string, description: string, cell: Column<T>['cell']): Column<T> => ({
  name,
  type: 'string',
  format: '',
  description,
  priority: 0,
  cell,
});
export const count = <T>(name: string, description: string, cell: (object: T) => number | undefined): Column<T> => ({
  ...column(name, description, object => cell(object) ?? 0),
  type: 'integer',
});
export const wide = <T>(each: Column<T>): Column<T> => ({ ...each, priority: 1 });

export const nameColumn: Column<{ metadata: Metadata }> = {
  ...column('Name', 'Name of the object.', ({ metadata }) => metadata.name ?? ''),
  format: 'name',
};
export const ageColumn: Column<{ metadata: Metadata }> = column('Age', 'Time since it was made.', ({ metadata }, nowMs) =>
  since(metadata.creationTimestamp, nowMs),
);

export const since = (time: string | null | undefined, nowMs: number): string =>
  time === undefined || time === null || time === '' ? '<unknown>' : duration(nowMs - Date.parse(time));

/** As kubectl shows times: `45s`, `3m20s`, `4h`, `2d3h` (apimachinery `pkg/util/duration`). */
export function duration(ms: number): string {
  const seconds = Math.trunc(ms / 1000);
  if (seconds < -1) return '<invalid>';
  if (seconds < 0) return '0s';
  if (seconds < 120) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 10) return seconds % 60 === 0 ? `${minutes}m` : `${minutes}m${seconds % 60}s`;
  if (minutes < 180) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  if (hours < 8) return minutes % 60 === 0 ? `${hours}h` : `${hours}h${minutes % 60}m`;
  if (hours < 48) return `${hours}h`;
  const days = Math.floor(hours / 24);
  if (days < 8) return hours % 24 === 0 ? `${days}d` : `${days}d${hours % 24}h`;
  if (days < 730) return `${days}d`;
  const years = Math.floor(days / 365);
  return days < 2920 && days % 365 !== 0 ? `${years}y${days % 365}d` : `${years}y`;
}

/** At most three, and how many more. */
export function some(list: readonly string[], none: string): string {
  if (list.length === 0) return none;
  const shown = list.slice(0, 3).join(',');
  return list.length > 3 ? `${shown} + ${list.length - 3} more...` : shown;
}

export const labelsText = (labels: Readonly<Record<string, string>> | undefined): string => {
  const pairs = Object.entries(labels ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  return pairs.length === 0 ? '<none>' : pairs.map(([key, value]) => `${key}=${value}`).join(',');
};

const operators: Readonly<Record<string, string>> = { In: 'in', NotIn: 'notin' };
/** A selector in the form that `-l` takes. Nothing selected by: empty. */
export function selectorText({ matchLabels = {}, matchExpressions = [] }: LabelSelector): string {
  const equal = Object.entries(matchLabels).map(([key, value]) => [key, `${key}=${value}`] as const);
  const other = matchExpressions.map(({ key, operator, values = [] }) => {
    if (operator === 'Exists') return [key, key] as const;
    if (operator === 'DoesNotExist') return [key, `!${key}`] as const;
    return [key, `${key} ${operators[operator] ?? operator} (${[...values].sort().join(',')})`] as const;
  });
  return [...equal, ...other]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, text]) => text)
    .join(',');
}
