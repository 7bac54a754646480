/**
 * Memory in which bytes are summed sixteen at a time: JavaScript has no vector instructions, WebAssembly has, for memory of its own. The module is
 * one loop; it is written down here as it stands in the binary format (WebAssembly Core Specification 2.0, section 5).
 */

/** `sum(at, end)`: the 16-bit words in the machine's order from `at` on, as long as sixteen bytes are left; below 2^32 for up to 64 KiB. */
export interface VectorMemory {
  readonly bytes: Uint8Array<ArrayBuffer>;
  sum(at: number, end: number): number;
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
const SIMD = 0xfd;
const get = (local: number): number[] => [0x20, local];
const set = (local: number): number[] => [0x21, local];
const ADD = 0x6a;
const sixteenOn = [...get(0), 0x41, 16, ADD];
const lane = (n: number): number[] => [...get(2), SIMD, 0x1b, n];
const [AT, END, ACC] = [0, 1, 2];

const body = [
  ...[1, 1, V128], // one local: four sums of 32 bits
  ...[0x02, VOID, 0x03, VOID], // block, loop
  ...[...sixteenOn, ...get(END), 0x4b, 0x0d, 1], // leave when at + 16 > end
  ...[...get(ACC), ...get(AT)],
  ...[SIMD, 0x00, 0, 0], // v128.load
  ...[SIMD, 0x7f], // i32x4.extadd_pairwise_i16x8_u
  ...[SIMD, 0xae, 0x01], // i32x4.add
  ...set(ACC),
  ...[...sixteenOn, ...set(AT), 0x0c, 0],
  ...[0x0b, 0x0b],
  ...[...lane(0), ...lane(1), ADD, ...lane(2), ADD, ...lane(3), ADD],
  0x0b,
];
const section = (id: number, ...content: number[]): number[] => [id, content.length, ...content];
const name = (text: string): number[] => [text.length, ...Buffer.from(text)];
const module = Uint8Array.from([
  ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
  ...section(1, 1, 0x60, 2, I32, I32, 1, I32),
  ...section(2, 1, ...name('m'), ...name('m'), 2, 0, 1), // memory of at least a page
  ...section(3, 1, 0),
  ...section(7, 1, ...name('sum'), 0, 0),
  ...section(10, 1, body.length, ...body),
]);

/** @returns `size` zeroed bytes that never move, at least; null where there is no WebAssembly with vectors */
export function vectorMemory(size: number): VectorMemory | null {
  const pages = Math.ceil(size / PAGE);
  try {
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module), { m: { m: memory } });
    return { bytes: new Uint8Array(memory.buffer, 0, size), sum: exports.sum as VectorMemory['sum'] };
  } catch {
    return null;
  }
}
