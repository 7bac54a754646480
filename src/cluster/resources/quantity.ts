/** Amounts of resources: `500m`, `64Mi`, `1e3` (apimachinery `pkg/api/resource/quantity.go`). */
import type { FieldErrors } from '../objects/field-errors.ts';

const PATTERN = /^([+-]?(?:\d+\.?\d*|\.\d+))(Ki|Mi|Gi|Ti|Pi|Ei|n|u|m|k|M|G|T|P|E|[eE][+-]?\d+)?$/;
const UNITS: Readonly<Record<string, number>> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

/** As a number; undefined when it is none. */
export function parseQuantity(value: string | number): number | undefined {
  if (typeof value === 'number') return value;
  const m = PATTERN.exec(value);
  if (m === null) return undefined;
  const unit = m[2] ?? '';
  if (unit === '') return Number(m[1]);
  return UNITS[unit] === undefined ? Number(m[1] + unit) : Number(m[1]) * UNITS[unit];
}

export function validateQuantity(value: string | number, path: string, errors: FieldErrors): number | undefined {
  const amount = parseQuantity(value);
  if (amount === undefined)
    errors.invalid(path, value, "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'");
  else if (amount < 0) errors.invalid(path, value, 'must be greater than or equal to 0');
  return amount;
}
