/** An exercise over another pod network than its own. Pure. */
import { LabError } from '../base/errors.ts';
import type { Lab } from './definition.ts';
import type { PodNetwork } from './topology/model.ts';

const ownNetwork = (lab: Lab): PodNetwork => lab.podNetwork ?? 'flannel-vxlan';

/** For which it has steps; its own first. */
export const stepsFor = (lab: Lab): PodNetwork[] => [ownNetwork(lab), ...(Object.keys(lab.networks ?? {}) as PodNetwork[])];

/** Any lab can stand on any network; what it does not know has no steps there. @param network undefined for its own */
export function overNetwork(lab: Lab, network: PodNetwork | undefined): Lab {
  if (network === undefined || network === ownNetwork(lab)) return lab;
  const { networks, directRouting, ipip, topOfRack, ...plain } = lab;
  return { ...plain, steps: [], ...networks?.[network], podNetwork: network };
}

/** @throws LabError BAD_INPUT when it has no steps for this network */
export function checkSteps(number: string, lab: Lab, network: PodNetwork | undefined): void {
  if (network === undefined || stepsFor(lab).includes(network)) return;
  const known = stepsFor(lab).join(', ');
  throw new LabError(
    'BAD_INPUT',
    `--network ${network}: exercise ${number} has steps for ${known}: \`lab up ${number} --network ${network}\` builds it without`,
  );
}
