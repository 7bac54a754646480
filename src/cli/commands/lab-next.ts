/** `kubehop lab next`: the first exercise that has not been passed, and what this machine lacks for it. */
import { join } from 'node:path';
import { catalog, loadLab } from '../../lab/catalog.ts';
import { thisMachine } from '../../lab/doctor/doctor.ts';
import { NeedsHere } from '../../lab/needs.ts';
import { passed } from '../../lab/state.ts';
import type { Define } from '../commands.ts';

export const define: Define = (command, io) => {
  command.option('--json', 'as data').action(async (options: { json?: boolean }) => {
    const next = catalog().find(entry => !passed(entry.number));
    if (next === undefined) return options.json ? io.printJson(null) : io.print('Every exercise has been passed.');
    const { number, name, folder } = next;
    const readme = join(folder, 'README.md');
    const { title, minutes = null, needs = [] } = await loadLab(number);
    const here = new NeedsHere(thisMachine());
    const missing: { name: string; mend?: string }[] = [];
    for (const need of needs) {
      const { state, mend } = await here.look(need);
      if (state === 'missing') missing.push({ name: need, ...(mend === undefined ? {} : { mend }) });
    }
    if (options.json) return io.printJson({ number, name, title, minutes, readme, missing });
    io.print(`${number}  ${title}${minutes === null ? '' : ` (${minutes} minutes)`}`);
    io.print(`read:  ${readme}`);
    io.print(`run:   kubehop lab run ${number}`);
    for (const { name: lacks, mend } of missing) io.print(`${io.paint('red', 'lacks:')} ${lacks}. Mend: ${mend ?? '`kubehop doctor`'}`);
  });
};
