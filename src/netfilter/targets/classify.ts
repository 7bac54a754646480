/** Sets the packet's priority, the class of its queue (`xt_CLASSIFY`). */
import { defineTarget } from '../text/extension.ts';
import type { Words } from '../text/words.ts';

/** Both halves are hexadecimal, with or without 0x. */
function readClass(word: string, words: Words): number {
  const m = /^\s*(?:0x)?([0-9a-f]{1,8}):(?:0x)?([0-9a-f]{1,8})/i.exec(word) ?? words.bad('a class MAJOR:MINOR, both hexadecimal');
  return ((Number.parseInt(m[1]!, 16) << 16) | (Number.parseInt(m[2]!, 16) & 0xffff)) >>> 0;
}

export const classify = defineTarget('CLASSIFY', {
  options: { 'set-class': { parse: readClass, required: true } },
  read: given => ({ kind: 'CLASSIFY', classId: given['set-class']!.value }),
  print: t => ` --set-class ${(t.classId >>> 16).toString(16).padStart(4, '0')}:${(t.classId & 0xffff).toString(16).padStart(4, '0')}`,
  list: t => ` CLASSIFY set ${(t.classId >>> 16).toString(16)}:${(t.classId & 0xffff).toString(16)}`,
  places: { hooks: ['FORWARD', 'OUTPUT', 'POSTROUTING'] },
});
