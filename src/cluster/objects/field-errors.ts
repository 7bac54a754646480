/**
 * What is wrong with an object, one cause for each field, in the words of Kubernetes' API server
 * (apimachinery `pkg/util/validation/field/errors.go`): `spec.ports[0].port: Invalid value: 70000: must be between 1 and 65535, inclusive`.
 */

export interface FieldError {
  /** `spec.ports[0].port` */
  readonly path: string;
  readonly reason:
    | 'Required value'
    | 'Invalid value'
    | 'Unsupported value'
    | 'Duplicate value'
    | 'Not found'
    | 'Forbidden'
    | 'Too many'
    | 'Too long';
  /** Without the path. */
  readonly message: string;
}

export const errorText = (e: FieldError): string => `${e.path}: ${e.message}`;

/** A value as Go's `%v` and `%q` put it: text in quotes, numbers and truth values bare, the rest as JSON. */
export function valueText(value: unknown): string {
  if (value === null || value === undefined) return 'null';
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : JSON.stringify(value);
}

/** Gathers causes: nothing stops at the first. */
export class FieldErrors {
  readonly all: FieldError[] = [];
  readonly #mistyped = new Set<string>();

  required(path: string, detail = ''): void {
    this.#add(path, 'Required value', detail === '' ? 'Required value' : `Required value: ${detail}`);
  }
  invalid(path: string, value: unknown, detail: string): void {
    this.#add(path, 'Invalid value', `Invalid value: ${valueText(value)}: ${detail}`);
  }
  /** A value of another type: nothing else is said of this field. */
  mistyped(path: string, value: unknown, detail: string): void {
    this.invalid(path, value, detail);
    this.#mistyped.add(path);
  }
  /** @param known the values that are taken; they are listed in order of text */
  unsupported(path: string, value: unknown, known: readonly string[]): void {
    const list = [...known]
      .sort()
      .map(v => JSON.stringify(v))
      .join(', ');
    this.#add(path, 'Unsupported value', `Unsupported value: ${valueText(value)}: supported values: ${list}`);
  }
  /** Something is named that is not there. */
  notFound(path: string, value: unknown): void {
    this.#add(path, 'Not found', `Not found: ${valueText(value)}`);
  }
  /** @param value as text, for what is no plain value */
  duplicate(path: string, value: unknown, text = valueText(value)): void {
    this.#add(path, 'Duplicate value', `Duplicate value: ${text}`);
  }
  forbidden(path: string, detail: string): void {
    this.#add(path, 'Forbidden', `Forbidden: ${detail}`);
  }
  tooMany(path: string, count: number, most: number): void {
    this.#add(path, 'Too many', `Too many: ${count}: must have at most ${most} items`);
  }
  tooLong(path: string, most: number): void {
    this.#add(path, 'Too long', `Too long: may not be more than ${most} bytes`);
  }

  #add(path: string, reason: FieldError['reason'], message: string): void {
    if (this.#mistyped.has(path)) return;
    this.all.push({ path, reason, message });
  }
}
