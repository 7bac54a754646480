/** Virtual services of IPVS (`xt_ipvs`). */
import { formatIpv4 } from '../../base/address.ts';
import { asText, defineExtraMatch, needsAny } from '../text/extra.ts';
import { hostMask, oneOf, port, printOptionalMask, protocolNumber } from '../text/values.ts';

const others = ['vproto', 'vaddr', 'vport', 'vdir', 'vmethod', 'vportctl'];

export const ipvs = defineExtraMatch('ipvs', {
  options: {
    ipvs: { not: true },
    vproto: { parse: asText(protocolNumber), not: true },
    vaddr: { parse: asText(hostMask, a => formatIpv4(a.address) + printOptionalMask(a.mask)), not: true },
    vport: { parse: asText((w, at) => port(w, at)), not: true },
    vdir: { parse: oneOf('ORIGINAL', 'REPLY') },
    vmethod: { parse: oneOf('GATE', 'IPIP', 'MASQ'), not: true },
    vportctl: { parse: asText((w, at) => port(w, at)), not: true },
  },
  check(given, words) {
    needsAny(given, words, 'ipvs', ...others);
    if (given.ipvs?.not && others.some(o => given[o])) words.fail('! --ipvs cannot stand beside other options');
  },
  // Every other option implies it, so that it is printed alone only.
  read: given =>
    ['ipvs', ...others]
      .filter(name => given[name] && (name !== 'ipvs' || !others.some(o => given[o])))
      .map(name => ({ name, not: given[name]!.not, ...(given[name]!.value !== true && { value: given[name]!.value as string }) })),
});
