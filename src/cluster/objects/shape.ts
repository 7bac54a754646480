/** An unknown value read field by field: what has the wrong type is said with its path, and counts as absent. Values of null are absent. */
import type { FieldErrors } from './field-errors.ts';

export class Shape {
  readonly path: string;
  readonly value: Readonly<Record<string, unknown>>;
  readonly errors: FieldErrors;

  constructor(value: unknown, path: string, errors: FieldErrors) {
    this.path = path;
    this.errors = errors;
    const plain = typeof value === 'object' && value !== null && !Array.isArray(value);
    if (!plain && value !== undefined && value !== null) errors.mistyped(path === '' ? '<object>' : path, value, 'must be an object');
    this.value = plain ? (value as Record<string, unknown>) : {};
  }

  at(name: string): string {
    return this.path === '' ? name : `${this.path}.${name}`;
  }
  has(name: string): boolean {
    return this.value[name] !== undefined && this.value[name] !== null;
  }
  object(name: string): Shape {
    return new Shape(this.value[name], this.at(name), this.errors);
  }
  text(name: string): string | undefined {
    return this.#typed(name, 'string', 'must be a string');
  }
  truth(name: string): boolean | undefined {
    return this.#typed(name, 'boolean', 'must be a boolean');
  }
  integer(name: string): number | undefined {
    const n: number | undefined = this.#typed(name, 'number', 'must be an integer');
    if (n === undefined || Number.isInteger(n)) return n;
    this.errors.mistyped(this.at(name), n, 'must be an integer');
    return undefined;
  }
  /** A number, or text: `targetPort`. */
  integerOrText(name: string): number | string | undefined {
    return typeof this.value[name] === 'string' ? this.text(name) : this.integer(name);
  }
  /** One of some words. Another word is kept: validation says what is supported. */
  word<T extends string>(name: string): T | undefined {
    return this.text(name) as T | undefined;
  }
  /** Each item with its own path; [] when absent. */
  objects(name: string): Shape[] {
    return this.#list(name).map((item, i) => new Shape(item, `${this.at(name)}[${i}]`, this.errors));
  }
  texts(name: string): string[] | undefined {
    if (!this.has(name)) return undefined;
    return this.#list(name).filter((item, i): item is string => {
      if (typeof item !== 'string') this.errors.mistyped(`${this.at(name)}[${i}]`, item, 'must be a string');
      return typeof item === 'string';
    });
  }
  /** A map of text to text. */
  record(name: string): Record<string, string> | undefined {
    if (!this.has(name)) return undefined;
    const shape = this.object(name);
    const kept = Object.entries(shape.value).filter(([key, value]) => {
      if (typeof value !== 'string') this.errors.mistyped(`${shape.path}[${key}]`, value, 'must be a string');
      return typeof value === 'string';
    });
    return Object.fromEntries(kept) as Record<string, string>;
  }

  #list(name: string): readonly unknown[] {
    const value = this.value[name];
    if (value === undefined || value === null) return [];
    if (Array.isArray(value)) return value;
    this.errors.mistyped(this.at(name), value, 'must be an array');
    return [];
  }
  #typed<T>(name: string, type: 'string' | 'boolean' | 'number', complaint: string): T | undefined {
    const value = this.value[name];
    if (value === undefined || value === null) return undefined;
    if (typeof value === type) return value as T;
    this.errors.mistyped(this.at(name), value, complaint);
    return undefined;
  }
}

/** Leaves out fields that are undefined: `{ a: undefined }` is not the same as `{}`. */
export function present<T extends object>(fields: { [K in keyof T]: T[K] | undefined }): T {
  const kept: Record<string, unknown> = {};
  for (const key in fields) if (fields[key] !== undefined) kept[key] = fields[key];
  return kept as T;
}
