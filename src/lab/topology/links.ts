/** Wires on which things go wrong: each is cut in two, and a relay joins the halves. Pure. */
import { LabError } from '../../base/errors.ts';
import { macFor } from './addresses.ts';
import type { ClusterDeclaration } from './declaration.ts';
import type { Relay, Wire, WireEnd } from './model.ts';

export const LINKS = 'links';

/** @throws LabError BAD_INPUT for a link that is none */
export function withRelays(lab: ClusterDeclaration, wires: readonly Wire[]): { wires: Wire[]; relays: Relay[] } {
  const relays: Relay[] = [];
  const cut = [...wires];
  for (const [i, [link, faults]] of Object.entries(lab.faults ?? {}).entries()) {
    const at = cut.findIndex(wire => wire.ends.some(end => `${end.namespace}/${end.name}` === link));
    if (at === -1) throw new LabError('BAD_INPUT', `faults: there is no wire at "${link}": name one of its ends, as in node1/eth0`);
    const { mtu, ends } = cut[at]!;
    const middle: Relay['ends'] = [`link${i}a`, `link${i}b`];
    const [a, b] = [relayEnd(middle[0], 2 * i), relayEnd(middle[1], 2 * i + 1)];
    cut.splice(at, 1, { mtu, ends: [ends[0], a] }, { mtu, ends: [b, ends[1]] });
    relays.push({ link, ends: middle, faults });
  }
  return { wires: cut, relays };
}

const relayEnd = (name: string, number: number): WireEnd => ({
  namespace: LINKS,
  name,
  mac: macFor('relay', `0.0.0.${number}`),
  addresses: [],
});
