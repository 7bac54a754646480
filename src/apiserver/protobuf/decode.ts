/**
 * Objects in Kubernetes' protobuf form, read: newer kubectls send what they make themselves (`kubectl create`) in it. Answers are JSON, which every client
 * takes. The bytes are `k8s\0` and an envelope that says the kind (apimachinery `pkg/runtime/serializer/protobuf`).
 */
import type { Definition, Schema } from '../../cluster/schema/schema.ts';
import { ApiError, badRequest } from '../../cluster/store/status.ts';
import { fieldNumbers } from './numbers.ts';

export const PROTOBUF = 'application/vnd.kubernetes.protobuf';
const MAGIC = Buffer.from('k8s\0');
const DEEPEST = 64;

const VARINT = 0,
  FIXED64 = 1,
  BYTES = 2,
  FIXED32 = 5;
interface Field {
  readonly number: number;
  /** Of VARINT. */
  readonly value: bigint;
  /** Of BYTES. */
  readonly bytes: Buffer;
}
const NOTHING = Buffer.alloc(0);
const truncated = (): ApiError => badRequest('the body of the request is protobuf that ends too early');

class Input {
  readonly #bytes: Buffer;
  #at = 0;
  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }
  get isEmpty(): boolean {
    return this.#at >= this.#bytes.length;
  }
  varint(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) throw truncated();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asIntN(64, value);
    }
    throw badRequest('the body of the request is protobuf with a number that is too long');
  }
  #take(length: number): Buffer {
    if (length < 0 || this.#at + length > this.#bytes.length) throw truncated();
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }
  *fields(): Generator<Field> {
    while (!this.isEmpty) {
      const tag = Number(this.varint());
      const [number, wire] = [tag >>> 3, tag & 7];
      if (wire === VARINT) yield { number, value: this.varint(), bytes: NOTHING };
      else if (wire === BYTES) yield { number, value: 0n, bytes: this.#take(Number(this.varint())) };
      else if (wire === FIXED64 || wire === FIXED32) this.#take(wire === FIXED64 ? 8 : 4);
      else throw badRequest(`the body of the request is protobuf with an unknown wire type ${wire}`);
    }
  }
}

type Reads = Map<number, { readonly name: string; readonly schema: Schema } | Reads>;
const readers = new Map<string, Reads>();

/** Which field is meant by which number. */
function readsOf({ name, fields }: Definition): Reads {
  const known = readers.get(name);
  if (known !== undefined) return known;
  const reads: Reads = new Map();
  for (const entry of (fieldNumbers[name.slice('io.k8s.'.length)] ?? '').split(', ')) {
    const [field = '', path = ''] = entry.split(' ');
    const schema = fields[field];
    if (schema === undefined) continue;
    const numbers = path.split('.').map(Number);
    let into = reads;
    for (const number of numbers.slice(0, -1)) {
      const inner = into.get(number);
      if (inner instanceof Map) into = inner;
      else {
        const made: Reads = new Map();
        into.set(number, made);
        into = made;
      }
    }
    into.set(numbers.at(-1)!, { name: field, schema });
  }
  readers.set(name, reads);
  return reads;
}

/** Fields that may be nothing, and say something when they are zero; of all others a zero is what Go writes for nothing. */
const ZERO_SAYS = new Set(
  (
    'replicas allocateLoadBalancerNodePorts automountServiceAccountToken enableServiceLinks runAsUser runAsGroup runAsNonRoot privileged allowPrivilegeEscalation ' +
    'readOnlyRootFilesystem terminationGracePeriodSeconds gracePeriodSeconds revisionHistoryLimit progressDeadlineSeconds tolerationSeconds mode priority ready serving terminating'
  ).split(' '),
);

function message(bytes: Buffer, reads: Reads, into: Record<string, unknown>, depth: number): Record<string, unknown> {
  if (depth > DEEPEST) throw badRequest('the body of the request is protobuf that is nested too deeply');
  for (const field of new Input(bytes).fields()) {
    const read = reads.get(field.number);
    if (read === undefined) continue;
    if (read instanceof Map) {
      message(field.bytes, read, into, depth + 1);
      continue;
    }
    const { name, schema } = read;
    if (schema.type === 'list') into[name] = [...((into[name] as unknown[] | undefined) ?? []), ...repeated(field, schema.items!, depth)];
    else if (schema.type === 'map') into[name] = { ...(into[name] as object | undefined), ...mapEntry(field.bytes, schema.items!, depth) };
    else {
      const value = single(field, schema, depth);
      if (value === undefined || value === '' || ((value === 0 || value === false) && !ZERO_SAYS.has(name))) continue;
      into[name] = value;
    }
  }
  return into;
}

/** Numbers may come packed into one field. */
function repeated(field: Field, items: Schema, depth: number): unknown[] {
  if (items.type !== 'integer' || field.bytes.length === 0) return [single(field, items, depth)];
  const [packed, values]: [Input, number[]] = [new Input(field.bytes), []];
  while (!packed.isEmpty) values.push(Number(packed.varint()));
  return values;
}

function mapEntry(bytes: Buffer, items: Schema, depth: number): Record<string, unknown> {
  let [key, value]: [string, unknown] = ['', items.type === 'string' ? '' : undefined];
  for (const field of new Input(bytes).fields()) {
    if (field.number === 1) key = field.bytes.toString();
    else if (field.number === 2) value = single(field, items, depth);
  }
  return key === '__proto__' ? {} : { [key]: value };
}

function single({ value, bytes }: Field, schema: Schema, depth: number): unknown {
  switch (schema.type) {
    case 'string':
      if (schema.format === 'date-time') return time(bytes);
      return schema.format === 'byte' ? bytes.toString('base64') : bytes.toString();
    case 'integer':
    case 'number':
      return Number(value);
    case 'boolean':
      return value !== 0n;
    case 'object':
      return message(bytes, readsOf(schema.definition!), {}, depth + 1);
    case 'quantity':
      for (const { number, bytes: text } of new Input(bytes).fields()) if (number === 1) return text.toString();
      return undefined;
    case 'intOrString':
      return intOrString(bytes);
    default:
      throw new ApiError(
        'UnsupportedMediaType',
        `this object has a field that is read from JSON only: send application/json (${schema.description})`,
      );
  }
}

function intOrString(bytes: Buffer): number | string | undefined {
  let [isText, number, text] = [false, 0, ''];
  for (const field of new Input(bytes).fields()) {
    if (field.number === 1) isText = field.value === 1n;
    else if (field.number === 2) number = Number(field.value);
    else if (field.number === 3) text = field.bytes.toString();
  }
  return isText ? text : number === 0 ? undefined : number;
}

/** Seconds and nanoseconds; nothing for no time. */
function time(bytes: Buffer): string | undefined {
  if (bytes.length === 0) return undefined;
  let ms = 0;
  for (const { number, value } of new Input(bytes).fields()) ms += number === 1 ? Number(value) * 1000 : Number(value) / 1e6;
  return Number.isFinite(ms) && Math.abs(ms) <= 8.64e15 ? `${new Date(ms).toISOString().slice(0, 19)}Z` : undefined;
}

/** @param definitions of everything that may be sent; each has a head */
export function decodeProtobuf(bytes: Buffer, definitions: readonly Definition[]): Record<string, unknown> {
  if (!bytes.subarray(0, 4).equals(MAGIC))
    throw badRequest('the body of the request is no Kubernetes protobuf: its first bytes are not k8s');
  let [apiVersion, kind] = ['', ''];
  let raw: Buffer = NOTHING;
  for (const field of new Input(bytes.subarray(4)).fields()) {
    if (field.number === 2) raw = field.bytes;
    if (field.number !== 1) continue;
    for (const { number, bytes: text } of new Input(field.bytes).fields()) {
      if (number === 1) apiVersion = text.toString();
      else if (number === 2) kind = text.toString();
    }
  }
  const definition = definitions.find(({ head, name }) => {
    if (name.endsWith('.DeleteOptions')) return kind === 'DeleteOptions';
    return head?.kind === kind && apiVersion === (head.group === '' ? head.version : `${head.group}/${head.version}`);
  });
  if (definition === undefined || fieldNumbers[definition.name.slice('io.k8s.'.length)] === undefined)
    throw new ApiError('UnsupportedMediaType', `${apiVersion} ${kind} is not read from protobuf here: send application/json`);
  return { apiVersion, kind, ...message(raw, readsOf(definition), {}, 0) };
}
