/** The contestants of a row: one plane of each kind that this machine has, each on a bed of its own. */
import type { Context } from '../context.ts';
import type { PlaneName } from '../measures.ts';
import { KernelPlane } from '../planes/kernel.ts';
import { OvsPlane, ovsInstalled } from '../planes/ovs.ts';
import type { Plane } from '../planes/plane.ts';
import { RouterPlane, type RouterPlaneOptions } from '../planes/router.ts';
import { services, type Transport } from '../rules/services.ts';
import { installed } from '../shell.ts';
import { type BedKind, buildBed } from '../wires/bed.ts';

export interface LineupOptions extends RouterPlaneOptions {
  readonly kind: BedKind;
  readonly services: number;
  readonly transport: Transport;
  readonly planes?: readonly PlaneName[];
}

const shortNames: Record<PlaneName, string> = {
  router: 'ts',
  routerLinear: 'tsl',
  kernelNft: 'nft',
  kernelLegacy: 'legacy',
  kernelNftMaps: 'maps',
  ovs: 'ovs',
};
let lineups = 0;

/** Planes that this machine has, and that a run of this length can have. */
export function available({ options }: Context): PlaneName[] {
  const tools = [
    ['kernelNft', installed('iptables-nft-restore')],
    ['kernelLegacy', !options.quick && installed('iptables-legacy-restore')],
    ['kernelNftMaps', !options.quick && installed('nft')],
    ['ovs', !options.quick && ovsInstalled()],
    ['router', true],
  ] as const;
  return tools.filter(([, there]) => there).map(([name]) => name);
}

/** Builds and starts them all. What was started is stopped again when one fails. */
export async function lineUp(context: Context, options: LineupOptions): Promise<Plane[]> {
  const names = available(context).filter(name => options.planes?.includes(name) ?? true);
  if (options.planes?.includes('routerLinear')) names.push('routerLinear');
  const rules = { services: services(options.services), transport: options.transport };
  const series = ++lineups;
  const planes: Plane[] = [];
  try {
    for (const name of names) {
      if (name === 'ovs' && options.kind === 'bridge') continue;
      const bed = buildBed(`${shortNames[name]}${series}`, options.kind);
      const profile = context.options.profile;
      if (name === 'router') planes.push(await RouterPlane.start(bed, rules, { ...options, profile }));
      else if (name === 'routerLinear') planes.push(await RouterPlane.start(bed, rules, { ...options, profile, index: false }));
      else if (name === 'ovs') planes.push(await OvsPlane.start(bed, rules));
      else planes.push(new KernelPlane(name, bed, rules));
    }
    return planes;
  } catch (error) {
    await dismiss(planes);
    throw error;
  }
}

export async function dismiss(planes: readonly Plane[]): Promise<void> {
  for (const plane of planes) await plane.close();
}
