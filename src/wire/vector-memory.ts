/**
 * Memory in which bytes are summed and copied sixteen at a time: JavaScript has no vector instructions, WebAssembly has, for memory of its own.
 * The functions are small loops; they are written down here as they stand in the binary format (WebAssembly Core Specification 2.0, section 5).
 */

export interface VectorMemory {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The 16-bit words from `at` on, `length` bytes, in the machine's order; an odd last byte is the low half of a word. Below 2^32 for up to 64 KiB. */
  sum(at: number, length: number): number;
  /** The same, and the bytes are copied to `to`, where none of them stands. */
  copyAndSum(from: number, to: number, length: number): number;
  /** Copied as if by way of another place. */
  move(from: number, to: number, length: number): void;
}

/** The little of it that is used here: TypeScript knows it among the names of browsers alone. */
declare const WebAssembly: {
  Memory: new (size: { initial: number; maximum: number }) => { buffer: ArrayBuffer };
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object, imports: object) => { exports: Record<string, unknown> };
};

const PAGE = 65_536;
const I32 = 0x7f;
const V128 = 0x7b;
const VOID = 0x40;
const ADD = 0x6a;
const SUB = 0x6b;
const LESS = 0x49;
const END = 0x0b;

const get = (local: number): number[] => [0x20, local];
const set = (local: number): number[] => [0x21, local];
const tee = (local: number): number[] => [0x22, local];
/** LEB128, signed: up to 8191. */
const constant = (value: number): number[] => (value < 64 ? [0x41, value] : [0x41, (value & 0x7f) | 0x80, value >>> 7]);
const advance = (local: number, by: number): number[] => [...get(local), ...constant(by), ADD, ...set(local)];
/** Goes on as long as `left` is at least `step`, and takes `step` off each time. */
const loop = (left: number, step: number, ...body: number[]): number[] => [
  ...[0x02, VOID, 0x03, VOID, ...get(left), ...constant(step), LESS, 0x0d, 1],
  ...body,
  ...[...get(left), ...constant(step), SUB, ...set(left), 0x0c, 0, END, END],
];
const simd = (code: number, ...immediates: number[]): number[] => [0xfd, ...(code < 0x80 ? [code] : [code, 1]), ...immediates];
const load = (address: number, offset = 0): number[] => [...get(address), ...simd(0x00, 0, offset)];
const WORDS_IN_PAIRS = simd(0x7f); // i32x4.extadd_pairwise_i16x8_u
const ADD_LANES = simd(0xae); // i32x4.add
const lane = (vector: number, n: number): number[] => [...get(vector), ...simd(0x1b, n)];

/** `sum`, or with `to` `copyAndSum`: 64 bytes a turn into two vectors of four sums each, then 16, then 2, then the last one. */
function summing(to: number | null): number[] {
  const [at, length] = to === null ? [0, 1] : [0, 2];
  const [first, second, bytes, sum] = [length + 1, length + 2, length + 3, length + 4];
  const move = (by: number) => [...advance(at, by), ...(to === null ? [] : advance(to, by))];
  const vector = (offset: number, into: number) => [
    ...[...load(at, offset), ...tee(bytes), ...WORDS_IN_PAIRS, ...get(into), ...ADD_LANES, ...set(into)],
    ...(to === null ? [] : [...get(to), ...get(bytes), ...simd(0x0b, 0, offset)]),
  ];
  const few = (loadCode: number, storeCode: number) => [
    ...[...get(at), loadCode, 0, 0, ...get(sum), ADD, ...set(sum)],
    ...(to === null ? [] : [...get(to), ...get(at), loadCode, 0, 0, storeCode, 0, 0]),
  ];
  return [
    ...[2, 3, V128, 1, I32],
    ...loop(length, 64, ...vector(0, first), ...vector(16, second), ...vector(32, first), ...vector(48, second), ...move(64)),
    ...loop(length, 16, ...vector(0, first), ...move(16)),
    ...[...get(first), ...get(second), ...ADD_LANES, ...set(first)],
    ...[...lane(first, 0), ...lane(first, 1), ADD, ...lane(first, 2), ADD, ...lane(first, 3), ADD, ...set(sum)],
    ...loop(length, 2, ...few(0x2f, 0x3b), ...move(2)),
    ...loop(length, 1, ...few(0x2d, 0x3a)),
    ...[...get(sum), END],
  ];
}

const moving = [0, ...get(1), ...get(0), ...get(2), 0xfc, 0x0a, 0, 0, END];

const unsigned = (value: number): number[] => (value < 0x80 ? [value] : [(value & 0x7f) | 0x80, value >>> 7]);
const sized = (content: number[]): number[] => [...unsigned(content.length), ...content];
const section = (id: number, ...content: number[]): number[] => [id, ...sized(content)];
const name = (text: string): number[] => sized([...Buffer.from(text)]);
const type = (parameters: number, ...results: number[]): number[] => [
  0x60,
  ...sized(new Array<number>(parameters).fill(I32)),
  ...sized(results),
];
const module = Uint8Array.from([
  ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
  ...section(1, 3, ...type(2, I32), ...type(3, I32), ...type(3)),
  ...section(2, 1, ...name('m'), ...name('m'), 2, 0, 1), // memory of at least a page
  ...section(3, 3, 0, 1, 2),
  ...section(7, 3, ...['sum', 'copyAndSum', 'move'].flatMap((each, i) => [...name(each), 0, i])),
  ...section(10, 3, ...[summing(null), summing(1), moving].flatMap(sized)),
]);

/** @returns `size` zeroed bytes that never move, at least; null where there is no WebAssembly with vectors */
export function vectorMemory(size: number): VectorMemory | null {
  const pages = Math.ceil(size / PAGE);
  try {
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module), { m: { m: memory } });
    return { bytes: new Uint8Array(memory.buffer, 0, size), ...(exports as unknown as Omit<VectorMemory, 'bytes'>) };
  } catch {
    return null;
  }
}

/** The memory of this thread's packets, if it is of that kind. */
export let vectors: VectorMemory | null = null;

/** What stands in this memory is summed and copied by vectors from now on: with 1,398 bytes on Node 24 summed in 0.04 us, where words take 0.23 us. */
export function useVectors(memory: VectorMemory | null): void {
  vectors = memory;
}
