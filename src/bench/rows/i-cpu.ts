/**
 * Row i: processor time per million packets at saturation. The router's own is that of its process. What the kernel takes for forwarding is
 * nobody's process, so the machine's busy time stands beside it for both: sender, forwarding, receiving, and whatever else runs.
 */
import { readFileSync } from 'node:fs';
import type { Context } from '../context.ts';
import { sleep } from '../load/saturation.ts';
import { wanted } from '../measures.ts';
import { type RowResult, rowResult } from '../result.ts';
import { inTurn } from '../turns.ts';
import { received } from '../wires/meter.ts';
import { byName, type Loaded, withLoad } from './lineup-with-load.ts';

const FLOWS = 1000;

export async function rowI(context: Context): Promise<RowResult[]> {
  return withLoad(context, { kind: 'veth', services: 1 }, async contestants => {
    context.progress('i: processor time');
    const samples = await inTurn(contestants, context.options.rounds, contestant => cost(context, contestant));
    const ours = new Map([...samples].filter(([{ name }]) => name === 'router'));
    const rows = [
      rowResult(
        'i.user',
        byName(ours, s => s.user),
      ),
      rowResult(
        'i.system',
        byName(ours, s => s.system),
      ),
      rowResult(
        'i.machine',
        byName(samples, s => s.machine),
      ),
    ];
    return rows.filter(({ id }) => wanted(id, context.options.rows));
  });
}

/** Seconds per million packets. */
async function cost({ times }: Context, { plane, generator }: Loaded): Promise<{ user: number; system: number; machine: number }> {
  const sending = generator.send({ flows: FLOWS, milliseconds: times.saturation });
  await sleep(times.saturation * 0.1);
  const before = { packets: received(plane.bed.server).packets, cpu: plane.cpu?.(), machine: busySeconds() };
  await sleep(times.saturation * 0.8);
  const after = { packets: received(plane.bed.server).packets, cpu: plane.cpu?.(), machine: busySeconds() };
  await sending;
  const millions = (after.packets - before.packets) / 1e6;
  return {
    user: ((after.cpu?.user ?? 0) - (before.cpu?.user ?? 0)) / millions,
    system: ((after.cpu?.system ?? 0) - (before.cpu?.system ?? 0)) / millions,
    machine: (after.machine - before.machine) / millions,
  };
}

/** First line of /proc/stat, in hundredths of a second: user nice system idle iowait irq softirq steal. */
function busySeconds(): number {
  const [user, nice, system, , , irq, softirq] = readFileSync('/proc/stat', 'latin1').split('\n', 1)[0]!.split(/\s+/).slice(1).map(Number);
  return (user! + nice! + system! + irq! + softirq!) / 100;
}
