/** The packet's fwmark and the connection's mark, under a mask (`xt_mark`, `xt_connmark`). */
import type { MarkMatch } from '../ruleset.ts';
import { defineMatch } from '../text/extension.ts';
import { hex } from '../text/numbers.ts';
import { bang, MAX_U32, markMask } from '../text/values.ts';

const options = { mark: { parse: markMask, not: true, required: true } } as const;
const text = (m: MarkMatch): string => hex(m.value) + (m.mask === MAX_U32 ? '' : `/${hex(m.mask)}`);
const print = (m: MarkMatch): string => `${bang(m.not)} --mark ${text(m)}`;

type Read = { readonly mark?: { readonly value: { value: number; mask: number }; readonly not: boolean } };
const read =
  <K extends MarkMatch['kind']>(kind: K) =>
  ({ mark }: Read): MarkMatch => ({ kind, value: mark!.value.value, mask: mark!.value.mask, not: mark!.not });

export const mark = defineMatch('mark', { options, read: read('mark'), print, list: m => ` mark match${bang(m.not)} ${text(m)}` });
export const connmark = defineMatch('connmark', {
  options,
  read: read('connmark'),
  print,
  list: m => ` connmark match${bang(m.not)} ${text(m)}`,
});
