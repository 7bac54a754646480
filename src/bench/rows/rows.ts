/** Rows by letter. */
import type { Context } from '../context.ts';
import type { RowResult } from '../result.ts';
import { rowA } from './a-packets.ts';
import { rowB } from './b-tcp.ts';
import { rowC } from './c-new-flows.ts';
import { rowD } from './d-http.ts';
import { rowE } from './e-round-trip.ts';
import { rowF } from './f-vxlan.ts';
import { rowG } from './g-conntrack.ts';
import { rowH } from './h-rule-change.ts';
import { rowI } from './i-cpu.ts';
import { rowJ } from './j-capture.ts';
import { rowK } from './k-first-packet.ts';

export const rows: Record<string, (context: Context) => Promise<RowResult[]>> = {
  a: rowA,
  b: rowB,
  c: rowC,
  d: rowD,
  e: rowE,
  f: rowF,
  g: rowG,
  h: rowH,
  i: rowI,
  j: rowJ,
  k: rowK,
};
