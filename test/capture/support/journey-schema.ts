/** `docs/journey.schema.json` asked about a line. */
import { readFileSync } from 'node:fs';

/** The part of JSON Schema that the file uses. */
interface Schema {
  type?: string | string[];
  const?: unknown;
  enum?: unknown[];
  required?: string[];
  properties?: Record<string, Schema>;
  additionalProperties?: boolean | Schema;
  items?: Schema;
  oneOf?: Schema[];
  $ref?: string;
  $defs?: Record<string, Schema>;
  pattern?: string;
  minimum?: number;
}

const schema = JSON.parse(readFileSync(new URL('../../../docs/journey.schema.json', import.meta.url), 'utf8')) as Schema;

/** @returns what is wrong with a line of `journey.jsonl`, empty when nothing is */
export const journeyFaults = (line: unknown): string[] => faults(schema, line, '$');

function faults(s: Schema, v: unknown, at: string): string[] {
  if (s.$ref) return faults(schema.$defs![s.$ref.replace('#/$defs/', '')]!, v, at);
  if (s.oneOf) {
    const each = s.oneOf.map(o => faults(o, v, at));
    return each.filter(f => f.length === 0).length === 1
      ? []
      : [`${at}: fits not exactly one: ${each.map(f => f[0] ?? 'fits').join(' / ')}`];
  }
  const type = v === null ? 'null' : Array.isArray(v) ? 'array' : Number.isInteger(v) ? 'integer' : typeof v;
  if (s.type !== undefined && ![s.type].flat().includes(type)) return [`${at}: ${type}, not ${s.type}`];
  if (s.const !== undefined && v !== s.const) return [`${at}: not ${s.const}`];
  if (s.enum && !s.enum.includes(v)) return [`${at}: ${String(v)} not in ${s.enum.join(' ')}`];
  if (s.pattern && !new RegExp(s.pattern).test(String(v))) return [`${at}: ${String(v)} not like ${s.pattern}`];
  if (s.minimum !== undefined && Number(v) < s.minimum) return [`${at}: ${String(v)} below ${s.minimum}`];
  if (type === 'array') return (v as unknown[]).flatMap((item, i) => (s.items ? faults(s.items, item, `${at}[${i}]`) : []));
  if (type !== 'object') return [];
  const o = v as Record<string, unknown>;
  const missing = (s.required ?? []).filter(key => !(key in o)).map(key => `${at}.${key}: missing`);
  return missing.concat(
    Object.entries(o).flatMap(([key, value]) => {
      const known = s.properties?.[key];
      if (known) return faults(known, value, `${at}.${key}`);
      if (s.additionalProperties === false) return [`${at}.${key}: unknown`];
      return typeof s.additionalProperties === 'object' ? faults(s.additionalProperties, value, `${at}.${key}`) : [];
    }),
  );
}
