/** Bridge ports through which a bridged packet came and goes (`xt_physdev`). */
import type { PhysdevMatch } from '../ruleset.ts';
import { defineMatch, type Hook } from '../text/extension.ts';
import { bang, interfaceName, printInterface } from '../text/values.ts';

function text(m: PhysdevMatch): string {
  const isIn = m.isIn ? `${bang(m.isIn.not)} --physdev-is-in` : '';
  const port = m.in ? `${bang(m.in.not)} --physdev-in ${printInterface(m.in)}` : '';
  const isOut = m.isOut ? `${bang(m.isOut.not)} --physdev-is-out` : '';
  const out = m.out ? `${bang(m.out.not)} --physdev-out ${printInterface(m.out)}` : '';
  return `${isIn}${port}${isOut}${out}${m.isBridged ? `${bang(m.isBridged.not)} --physdev-is-bridged` : ''}`;
}
/** Where the port of departure is not known yet: the packet may still be routed. */
const notLocal: Hook[] = ['PREROUTING', 'INPUT', 'FORWARD', 'POSTROUTING'];

export const physdev = defineMatch('physdev', {
  options: {
    'physdev-in': { parse: interfaceName, not: true },
    'physdev-out': { parse: interfaceName, not: true },
    'physdev-is-in': { not: true },
    'physdev-is-out': { not: true },
    'physdev-is-bridged': { not: true },
  },
  read(given, words): PhysdevMatch {
    const { 'physdev-in': port, 'physdev-out': out, 'physdev-is-in': isIn, 'physdev-is-out': isOut, 'physdev-is-bridged': bridged } = given;
    if (Object.keys(given).length === 0) words.fail('physdev wants at least one option');
    return {
      kind: 'physdev',
      ...(port && { in: { ...port.value, not: port.not } }),
      ...(out && { out: { ...out.value, not: out.not } }),
      ...(isIn && { isIn: { not: isIn.not } }),
      ...(isOut && { isOut: { not: isOut.not } }),
      ...(bridged && { isBridged: { not: bridged.not } }),
    };
  },
  print: text,
  list: m => ` PHYSDEV match${text(m)}`,
  places: m => ((m.out || m.isOut) && (!m.isBridged || m.isBridged.not) ? { hooks: notLocal } : {}),
});
