/**
 * The fields of the API's objects as data: what each is called, what it holds, how lists are merged. From it come the TypeScript types (`Infer`), the
 * check for unknown and mistyped fields, strategic merge, server-side apply, and both OpenAPI documents.
 */
declare const holds: unique symbol;

/** How the items of a list are known: `atomic` as one value, `set` by value, `map` by keys. */
export interface ListRules {
  readonly type: 'atomic' | 'set' | 'map';
  /** Of `map`. */
  readonly keys: readonly string[];
  /** Strategic merge: absent: the list is replaced. Empty: a list of plain values, merged. */
  readonly mergeKey?: string;
}

export interface Schema<T = unknown> {
  /** Type only: what `Infer` reads. */
  readonly [holds]?: T;
  readonly type: 'string' | 'integer' | 'number' | 'boolean' | 'intOrString' | 'quantity' | 'object' | 'map' | 'list' | 'any';
  readonly description: string;
  /** As OpenAPI names it: int32, int64, date-time, byte. */
  readonly format?: string;
  /** Words that are taken; shown by `kubectl explain`, and refused by validation, not by the schema. */
  readonly words?: readonly string[];
  readonly required?: boolean;
  /** Of `object`. */
  readonly definition?: Definition;
  /** Of `map` and `list`. */
  readonly items?: Schema;
  readonly list?: ListRules;
  /** Server-side apply: the whole of it has one owner. */
  readonly atomic?: boolean;
  /** Strategic merge: fields of the other alternatives go (`retainKeys`). */
  readonly retainKeys?: boolean;
}

export interface Definition<F extends Fields = Fields> {
  /** `io.k8s.api.core.v1.ServicePort` */
  readonly name: string;
  readonly description: string;
  readonly fields: F;
  /** The whole object is one value to server-side apply. */
  readonly atomic?: boolean;
  /** Of objects that can be asked for. */
  readonly head?: { readonly group: string; readonly version: string; readonly kind: string };
}

export type Fields = Readonly<Record<string, Schema>>;
export type Infer<S> = S extends Schema<infer T> ? T : S extends Definition<infer F> ? InferFields<F> : never;
type RequiredKeys<F> = { [K in keyof F]: F[K] extends { readonly required: true } ? K : never }[keyof F];
type Flat<T> = { readonly [K in keyof T]: T[K] };
export type InferFields<F> = Flat<{ [K in RequiredKeys<F>]: Infer<F[K]> } & { [K in Exclude<keyof F, RequiredKeys<F>>]?: Infer<F[K]> }>;

export const text = (description: string): Schema<string> => ({ type: 'string', description });
/** One of some words. */
export const word = <const W extends readonly string[]>(words: W, description: string): Schema<W[number]> => ({
  type: 'string',
  description: `${description} One of: ${words.join(', ')}.`,
  words,
});
/** RFC 3339. */
export const time = (description: string): Schema<string> => ({ type: 'string', format: 'date-time', description });
export const bytes = (description: string): Schema<string> => ({ type: 'string', format: 'byte', description });
export const int32 = (description: string): Schema<number> => ({ type: 'integer', format: 'int32', description });
export const int64 = (description: string): Schema<number> => ({ type: 'integer', format: 'int64', description });
export const bool = (description: string): Schema<boolean> => ({ type: 'boolean', description });
export const intOrText = (description: string): Schema<number | string> => ({ type: 'intOrString', description });
/** `500m`, `64Mi`; a bare number is taken too. */
export const quantity = (description: string): Schema<string | number> => ({ type: 'quantity', description });
/** JSON of any shape, taken as it comes. */
export const any = (description: string): Schema<Readonly<Record<string, unknown>>> => ({ type: 'any', description });

export const mapOf = <T>(items: Schema<T>, description: string, atomic = false): Schema<Readonly<Record<string, T>>> => ({
  type: 'map',
  items,
  description,
  ...(atomic ? { atomic } : {}),
});
/** Text by text. */
export const words = (description: string, atomic = false): Schema<Readonly<Record<string, string>>> =>
  mapOf(text('A value.'), description, atomic);

/** A list that is one value. */
export const list = <T>(items: Schema<T>, description: string): Schema<readonly T[]> => ({
  type: 'list',
  items,
  description,
  list: { type: 'atomic', keys: [] },
});
/** A list without repetitions, merged by value. */
export const setOf = <T>(items: Schema<T>, description: string): Schema<readonly T[]> => ({
  type: 'list',
  items,
  description,
  list: { type: 'set', keys: [], mergeKey: '' },
});
/** A list whose items are known by some of their fields. @param mergeKey of strategic merge, where it is another than the first key; false: none */
export const keyed = <T>(
  items: Schema<T>,
  keys: readonly string[],
  description: string,
  mergeKey?: string | false,
): Schema<readonly T[]> => ({
  type: 'list',
  items,
  description,
  list: { type: 'map', keys, ...(mergeKey === false ? {} : { mergeKey: mergeKey ?? keys[0]! }) },
});

export const define = <F extends Fields>(name: string, description: string, fields: F): Definition<F> => ({ name, description, fields });
/** An object that is one value to server-side apply. */
export const defineAtomic = <F extends Fields>(name: string, description: string, fields: F): Definition<F> => ({
  name,
  description,
  fields,
  atomic: true,
});

export const ref = <F extends Fields>(definition: Definition<F>, description: string = definition.description): Schema<InferFields<F>> => ({
  type: 'object',
  definition,
  description,
});

export const need = <T>(schema: Schema<T>): Schema<T> & { readonly required: true } => ({ ...schema, required: true });
/** Strategic merge drops the fields of the other alternatives. */
export const retain = <T>(schema: Schema<T>): Schema<T> => ({ ...schema, retainKeys: true });

export const core = (name: string): string => `io.k8s.api.core.v1.${name}`;
export const apps = (name: string): string => `io.k8s.api.apps.v1.${name}`;
export const meta = (name: string): string => `io.k8s.apimachinery.pkg.apis.meta.v1.${name}`;
