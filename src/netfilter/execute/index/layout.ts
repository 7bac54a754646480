/**
 * The index over the rules of a long chain, as words. A packet's next rule in the chain is found by looking it up in one hash per
 * *shape* (which bits of which header fields a rule wants exactly), and taking the nearest of what was found. Rules that want nothing
 * exactly are in a shape without fields, so that they are always found. What is found is then tried like any rule: a hash that holds
 * too much costs time and never changes the meaning, and a rule that is passed over could not have matched.
 *
 *     segment: shapes | pc of the chain's end | shapes, SHAPE_WORDS each
 *     shape:   where its slots begin | last slot | source mask | destination mask | fields
 *     slot:    0 nothing | pc + 1 of the only rule | -(where its list begins)
 *     list:    length | pcs, ascending
 */
export const SEGMENT_SHAPES = 0;
export const SEGMENT_END = 1;
export const SEGMENT_HEAD = 2;

export const SHAPE_SLOTS = 0;
export const SHAPE_LAST = 1;
export const SHAPE_SRC = 2;
export const SHAPE_DST = 3;
export const SHAPE_FIELDS = 4;
export const SHAPE_WORDS = 5;

/** Fields that a shape wants exactly, beside the addresses under their masks. */
export const Field = { Protocol: 1, SrcPort: 2, DstPort: 4, In: 8, Out: 16 } as const;

/** One step of the hash: both sides, and every field, go through it. */
export const mix = (h: number, v: number): number => {
  const x = Math.imul(h ^ v, 0x9e3779b1);
  return x ^ (x >>> 15);
};
