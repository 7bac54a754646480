/** What `--on` says: which runs, and what carries each node in them. */
import { LabError } from '../base/errors.ts';
import { type Plane, planes } from './topology/model.ts';

export interface PlannedRun {
  /** Also the folder of its evidence: `userspace`, `kernel`, `mixed`. */
  label: 'userspace' | 'kernel' | 'mixed';
  planes: Record<string, Plane>;
}

/** @param on `userspace`, `kernel`, `both`, or `userspace:node1,kernel:node2` (nodes that are not named are kernel) @throws LabError BAD_INPUT */
export function planRuns(on: string, nodes: readonly string[]): PlannedRun[] {
  const all = (plane: Plane): PlannedRun => ({ label: plane, planes: Object.fromEntries(nodes.map(node => [node, plane])) });
  if (on === 'both') return [all('userspace'), all('kernel')];
  if (isPlane(on)) return [all(on)];
  const mixed = all('kernel').planes;
  for (const word of on.split(',')) {
    const [plane, node, ...rest] = word.split(':');
    if (!isPlane(plane) || node === undefined || rest.length > 0)
      throw new LabError(
        'BAD_INPUT',
        `--on "${on}": write userspace, kernel, both, or PLANE:NODE,... such as userspace:${nodes[0] ?? 'node1'}`,
      );
    if (!nodes.includes(node))
      throw new LabError('BAD_INPUT', `--on "${on}": there is no node "${node}": this lab has ${nodes.join(', ')}`);
    mixed[node] = plane;
  }
  const used = new Set(Object.values(mixed));
  return [used.size === 1 ? all([...used][0]!) : { label: 'mixed', planes: mixed }];
}

/** What a node gets that joins, where nobody says it: what all the others have; among both kinds, userspace. @param places null where no node is */
export function planeOfOthers(places: Readonly<Record<string, Plane | null>>): Plane {
  const used = new Set(Object.values(places).filter(plane => plane !== null));
  return used.size === 1 ? [...used][0]! : 'userspace';
}

const isPlane = (word: string | undefined): word is Plane => planes.includes(word as Plane);
