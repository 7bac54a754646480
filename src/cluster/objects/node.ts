/** A Node from its fields, and what is refused in it: the part that rules are made from. */
import type { FieldErrors } from './field-errors.ts';
import { readMeta, validateMeta } from './meta.ts';
import { cidr, dns1123Subdomain } from './names.ts';
import { present, type Shape } from './shape.ts';
import type { Node, NodeAddress } from './types.ts';

export function readNode(shape: Shape): Node {
  const spec = shape.object('spec');
  const addresses = shape.object('status').objects('addresses');
  return {
    kind: 'Node',
    metadata: readMeta(shape, 'cluster'),
    spec: present<Node['spec']>({ podCIDR: spec.text('podCIDR'), podCIDRs: spec.texts('podCIDRs') }),
    status: {
      addresses: addresses.map(a => ({ type: a.word<NodeAddress['type']>('type') ?? 'InternalIP', address: a.text('address') ?? '' })),
    },
  };
}

export function validateNode(node: Node, errors: FieldErrors): void {
  validateMeta(node.metadata, errors, dns1123Subdomain);
  const { podCIDR, podCIDRs = podCIDR === undefined ? [] : [podCIDR] } = node.spec;
  for (const [i, range] of podCIDRs.entries()) for (const detail of cidr(range)) errors.invalid(`spec.podCIDRs[${i}]`, range, detail);
  if (podCIDR !== undefined && podCIDRs[0] !== podCIDR) errors.invalid('spec.podCIDRs[0]', podCIDRs[0], 'must be equal to `podCIDR`');
}
