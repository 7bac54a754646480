/** A lab with more nodes, or with fewer. Pure. */
import { LabError } from '../base/errors.ts';
import type { Lab } from './definition.ts';

/** @throws LabError BAD_INPUT for a node that is there */
export function withNodes(lab: Lab, names: readonly string[]): Lab {
  const there = names.find(name => lab.nodes.includes(name));
  if (there !== undefined) throw new LabError('BAD_INPUT', `${there} is there already: this lab has ${lab.nodes.join(', ')}`);
  return { ...lab, nodes: [...lab.nodes, ...names] };
}

/** Its pods go with a node. @throws LabError BAD_INPUT for a node that is not there, and for the last one */
export function withoutNodes(lab: Lab, names: readonly string[]): Lab {
  const unknown = names.find(name => !lab.nodes.includes(name));
  if (unknown !== undefined) throw new LabError('BAD_INPUT', `there is no node "${unknown}": this lab has ${lab.nodes.join(', ')}`);
  const nodes = lab.nodes.filter(name => !names.includes(name));
  if (nodes.length === 0) throw new LabError('BAD_INPUT', 'a lab has at least one node: `kubehop lab down NN` ends it');
  const pods = Object.entries(lab.pods ?? {}).filter(([, pod]) => !names.includes(pod.node));
  const far = lab.far?.filter(name => !names.includes(name));
  return { ...lab, nodes, pods: Object.fromEntries(pods), ...(far === undefined ? {} : { far }) };
}
