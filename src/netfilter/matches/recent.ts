/** Lists of addresses seen lately (`xt_recent`). */
import { formatIpv4 } from '../../base/address.ts';
import type { RecentMatch } from '../ruleset.ts';
import { defineMatch } from '../text/extension.ts';
import { addressAsMask } from '../text/host.ts';
import { MAX_U16, MAX_U32, unsigned } from '../text/values.ts';
import type { Words } from '../text/words.ts';

const operations = ['set', 'rcheck', 'update', 'remove'] as const;
const listed = { set: 'SET', rcheck: 'CHECK', update: 'UPDATE', remove: 'REMOVE' } as const;
/** XT_RECENT_NAME_LEN with its end mark. The name is a file under /proc/net/xt_recent. */
const MAX_NAME = 199;

function readName(word: string, words: Words): string {
  if (word === '' || word === '.' || word === '..' || /[/\s"]/.test(word))
    return words.bad('the name of a list, without / and " and white space');
  return word.slice(0, MAX_NAME);
}
const others = (own: string): string[] => operations.filter(o => o !== own);

export const recent = defineMatch('recent', {
  options: {
    set: { not: true, excludes: others('set') },
    rcheck: { not: true, excludes: others('rcheck') },
    update: { not: true, excludes: others('update') },
    remove: { not: true, excludes: others('remove') },
    seconds: { parse: unsigned(1, MAX_U32), excludes: ['set', 'remove'] },
    reap: { needs: ['seconds'] },
    hitcount: { parse: unsigned(0, MAX_U16), excludes: ['set', 'remove'] },
    rttl: { excludes: ['set', 'remove'] },
    name: { parse: readName },
    rsource: {},
    rdest: {},
    mask: { parse: addressAsMask },
  },
  read(given, words): RecentMatch {
    const op = operations.find(o => given[o] !== undefined) ?? words.fail('recent wants --set, --rcheck, --update or --remove');
    return {
      kind: 'recent',
      op,
      not: given[op]!.not,
      ...(given.seconds && { seconds: given.seconds.value }),
      ...(given.hitcount && given.hitcount.value > 0 && { hitcount: given.hitcount.value }),
      reap: given.reap !== undefined,
      rttl: given.rttl !== undefined,
      name: given.name?.value ?? 'DEFAULT',
      mask: given.mask?.value ?? -1,
      side: given.rdest ? 'destination' : 'source',
    };
  },
  print(m) {
    const seconds = m.seconds === undefined ? '' : ` --seconds ${m.seconds}`;
    const hits = m.hitcount === undefined ? '' : ` --hitcount ${m.hitcount}`;
    const side = m.side === 'source' ? '--rsource' : '--rdest';
    return (
      `${m.not ? ' !' : ''} --${m.op}${seconds}${m.reap ? ' --reap' : ''}${hits}${m.rttl ? ' --rttl' : ''}` +
      ` --name ${m.name} --mask ${formatIpv4(m.mask)} ${side}`
    );
  },
  list(m) {
    const seconds = m.seconds === undefined ? '' : ` seconds: ${m.seconds}`;
    const hits = m.hitcount === undefined ? '' : ` hit_count: ${m.hitcount}`;
    const side = m.side === 'source' ? 'source' : 'dest';
    return (
      `${m.not ? ' !' : ''} recent: ${listed[m.op]}${seconds}${m.reap ? ' reap' : ''}${hits}${m.rttl ? ' TTL-Match' : ''}` +
      ` name: ${m.name} side: ${side} mask: ${formatIpv4(m.mask)}`
    );
  },
});
