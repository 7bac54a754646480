/**
 * Row k: what the first packet of a connection costs when its Service is the last of N: microseconds of a processor, the whole way through
 * included. New connections are offered as fast as they can be sent; one processor forwards. Exercise 22 plots it. Asked for by name alone: it takes minutes.
 */
import type { Context } from '../context.ts';
import { FIRST_PACKET_AT, type MeasureId, type PlaneName, wanted } from '../measures.ts';
import { type RowResult, rowResult } from '../result.ts';
import { newFlows } from './c-new-flows.ts';
import { figures, withLoad } from './lineup-with-load.ts';

const planes: readonly PlaneName[] = ['router', 'routerLinear', 'kernelNft', 'kernelLegacy'];

export async function rowK(context: Context): Promise<RowResult[]> {
  const { rows: words } = context.options;
  if (words.length === 0) return [];
  const rows: RowResult[] = [];
  for (const count of FIRST_PACKET_AT) {
    const id: MeasureId = `k.${count}`;
    if (!wanted(id, words)) continue;
    context.progress(`k: ${count} Services`);
    await withLoad(context, { kind: 'veth', services: count, planes }, async contestants => {
      rows.push(rowResult(id, await figures(context, contestants, async contestant => 1e6 / (await newFlows(context, contestant)))));
    });
  }
  return rows;
}
