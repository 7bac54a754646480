/** Who owns the socket that sent the packet (`xt_owner`). */
import type { NotRange, OwnerMatch, Range } from '../ruleset.ts';
import { defineMatch } from '../text/extension.ts';
import { systemNames } from '../text/names.ts';
import { scanEnd, scanUnsigned } from '../text/numbers.ts';
import { bang } from '../text/values.ts';
import type { Words } from '../text/words.ts';

const MAX_ID = 0xffff_fffe;

/** A name, a number, or `low-high`. */
const readIds =
  (id: (name: string) => number | undefined) =>
  (word: string, words: Words): Range => {
    const named = id(word);
    if (named !== undefined) return { low: named, high: named };
    const low = scanUnsigned(word);
    let high = low;
    if (word[scanEnd] === '-' || word[scanEnd] === ':') high = scanUnsigned(word, scanEnd + 1);
    if (!(low <= MAX_ID && high <= MAX_ID) || scanEnd !== word.length) return words.bad('a name, a number or a range of numbers low-high');
    return { low, high };
  };

const ids = (r: Range): string => (r.low === r.high ? `${r.low}` : `${r.low}-${r.high}`);
const print = (option: string, r: NotRange | undefined): string => (r ? `${bang(r.not)} ${option} ${ids(r)}` : '');
function list(label: string, r: NotRange | undefined, name: (id: number) => string | undefined): string {
  return r ? `${bang(r.not)} ${label} ${(r.low === r.high ? name(r.low) : undefined) ?? ids(r)}` : '';
}
const nobody = (): undefined => undefined;

export const owner = defineMatch('owner', {
  options: {
    'uid-owner': { parse: readIds(systemNames.userId), not: true },
    'gid-owner': { parse: readIds(systemNames.groupId), not: true },
    'socket-exists': { not: true },
    'suppl-groups': { needs: ['gid-owner'] },
  },
  read(given, words): OwnerMatch {
    const { 'uid-owner': uid, 'gid-owner': gid, 'socket-exists': socket } = given;
    if (!uid && !gid && !socket) words.fail('owner wants --uid-owner, --gid-owner or --socket-exists');
    return {
      kind: 'owner',
      ...(uid && { uid: { ...uid.value, not: uid.not } }),
      ...(gid && { gid: { ...gid.value, not: gid.not } }),
      ...(socket && { socketExists: { not: socket.not } }),
      supplGroups: given['suppl-groups'] !== undefined,
    };
  },
  print(m) {
    const socket = m.socketExists ? `${bang(m.socketExists.not)} --socket-exists` : '';
    return `${socket}${print('--uid-owner', m.uid)}${print('--gid-owner', m.gid)}${m.supplGroups ? ' --suppl-groups' : ''}`;
  },
  list(m, { numeric }) {
    const socket = m.socketExists ? `${bang(m.socketExists.not)} owner socket exists` : '';
    const uid = list('owner UID match', m.uid, numeric ? nobody : systemNames.userName);
    const gid = list('owner GID match', m.gid, numeric ? nobody : systemNames.groupName);
    return `${socket}${uid}${gid}${m.supplGroups ? ' incl. suppl. groups' : ''}`;
  },
  places: { hooks: ['OUTPUT', 'POSTROUTING'] },
});
