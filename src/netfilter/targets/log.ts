/** Writes a line about the packet to the kernel's log (`xt_LOG`). */
import { LogFlag, type LogTarget } from '../ruleset.ts';
import { defineTarget } from '../text/extension.ts';
import { parseUnsigned } from '../text/numbers.ts';
import { cutText, quote } from '../text/values.ts';
import type { Words } from '../text/words.ts';

/** syslog(3). */
const levels: readonly (readonly [string, number])[] = [
  ['alert', 1],
  ['crit', 2],
  ['debug', 7],
  ['emerg', 0],
  ['error', 3],
  ['info', 6],
  ['notice', 5],
  ['panic', 0],
  ['warning', 4],
];
/** Names in a listing, by number. */
const listedLevels = ['emerg', 'alert', 'crit', 'err', 'warn', 'notice', 'info', 'debug'] as const;
const DEFAULT_LEVEL = 4;
/** The prefix is a field of 30 bytes with an end mark. */
const MAX_PREFIX = 29;

function readLevel(word: string, words: Words): number {
  const v = parseUnsigned(word, 0, 7);
  return v >= 0 ? v : (levels.find(([name]) => name === word)?.[1] ?? words.bad(`0..7 or one of ${levels.map(([n]) => n).join(' ')}`));
}

/** Name of the option, name in a listing, bit. */
const flags = [
  ['log-tcp-sequence', 'tcp-sequence', LogFlag.tcpSequence],
  ['log-tcp-options', 'tcp-options', LogFlag.tcpOptions],
  ['log-ip-options', 'ip-options', LogFlag.ipOptions],
  ['log-uid', 'uid', LogFlag.uid],
  ['log-macdecode', 'macdecode', LogFlag.macDecode],
] as const;

export const log = defineTarget('LOG', {
  options: {
    'log-level': { parse: readLevel },
    'log-prefix': { parse: cutText(1, MAX_PREFIX) },
    'log-tcp-sequence': {},
    'log-tcp-options': {},
    'log-ip-options': {},
    'log-uid': {},
    'log-macdecode': {},
  },
  read(given): LogTarget {
    let bits = 0;
    for (const [option, , bit] of flags) if (given[option]) bits |= bit;
    return { kind: 'LOG', level: given['log-level']?.value ?? DEFAULT_LEVEL, prefix: given['log-prefix']?.value ?? '', flags: bits };
  },
  print(t) {
    const prefix = t.prefix === '' ? '' : ` --log-prefix ${quote(t.prefix)}`;
    const level = t.level === DEFAULT_LEVEL ? '' : ` --log-level ${t.level}`;
    return prefix + level + flags.map(([option, , bit]) => (t.flags & bit ? ` --${option}` : '')).join('');
  },
  list(t, { numeric }) {
    const prefix = t.prefix === '' ? '' : ` prefix "${t.prefix}"`;
    if (numeric) return ` LOG flags ${t.flags} level ${t.level}${prefix}`;
    return ` LOG level ${listedLevels[t.level]}${flags.map(([, name, bit]) => (t.flags & bit ? ` ${name}` : '')).join('')}${prefix}`;
  },
});
