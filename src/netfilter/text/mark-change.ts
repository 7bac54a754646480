/** How MARK and CONNMARK write a change: clear the bits of `mask`, then exclusive-or `value`. */
import { hex } from './numbers.ts';
import { MAX_U32, type Marked } from './values.ts';

/** The five ways to say it, each as `value` and `mask`. */
export const markChanges = {
  'set-xmark': (m: Marked): Marked => m,
  'set-mark': (m: Marked): Marked => ({ value: m.value, mask: (m.value | m.mask) >>> 0 }),
  'and-mark': (bits: number): Marked => ({ value: 0, mask: ~bits >>> 0 }),
  'or-mark': (bits: number): Marked => ({ value: bits, mask: bits }),
  'xor-mark': (bits: number): Marked => ({ value: bits, mask: 0 }),
} as const;

export function listChange({ value, mask }: Marked): string {
  if (value === 0) return `and ${hex(~mask >>> 0)}`;
  if (value === mask) return `or ${hex(value)}`;
  if (mask === 0) return `xor ${hex(value)}`;
  return mask === MAX_U32 ? `set ${hex(value)}` : `xset ${hex(value)}/${hex(mask)}`;
}
