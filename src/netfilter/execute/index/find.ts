/** Finds the next rule that can match: `layout.ts`. */
import type { Execution } from '../execution.ts';
import {
  Field,
  mix,
  SEGMENT_END,
  SEGMENT_HEAD,
  SHAPE_DST,
  SHAPE_FIELDS,
  SHAPE_LAST,
  SHAPE_SLOTS,
  SHAPE_SRC,
  SHAPE_WORDS,
} from './layout.ts';

/** Lists up to this length are read from the front. */
const SHORT = 8;

/** @param from pc of the first rule that counts. @returns pc of a rule of the segment, at or behind it, or of the chain's end */
export function findRule(index: Int32Array, segment: number, x: Execution, from: number): number {
  let best = index[segment + SEGMENT_END]!;
  let shape = segment + SEGMENT_HEAD;
  for (let n = index[segment]!; n > 0; n--, shape += SHAPE_WORDS) {
    const fields = index[shape + SHAPE_FIELDS]!;
    let h = mix(mix(0, x.src & index[shape + SHAPE_SRC]!), x.dst & index[shape + SHAPE_DST]!);
    if (fields !== 0) {
      if ((fields & Field.Protocol) !== 0) h = mix(h, x.protocol);
      if ((fields & Field.DstPort) !== 0) h = mix(h, x.dstPort);
      if ((fields & Field.SrcPort) !== 0) h = mix(h, x.srcPort);
      if ((fields & Field.In) !== 0) h = mix(h, x.exactNames[x.iif]!);
      if ((fields & Field.Out) !== 0) h = mix(h, x.exactNames[x.oif]!);
    }
    const slot = index[index[shape + SHAPE_SLOTS]! + (h & index[shape + SHAPE_LAST]!)]!;
    if (slot > 0) {
      if (slot > from && slot <= best) best = slot - 1;
    } else if (slot < 0) {
      const pc = firstFrom(index, -slot, from);
      if (pc >= 0 && pc < best) best = pc;
    }
  }
  return best;
}

/** The first of an ascending list that is not below `from`, or -1. */
function firstFrom(index: Int32Array, list: number, from: number): number {
  const length = index[list]!;
  let low = list + 1;
  const end = low + length;
  if (length > SHORT) {
    let high = end;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (index[middle]! < from) low = middle + 1;
      else high = middle;
    }
  } else {
    while (low < end && index[low]! < from) low++;
  }
  return low < end ? index[low]! : -1;
}
