/** `kubehop lab next`: the first exercise that has not been passed. */
import { join } from 'node:path';
import { catalog, loadLab } from '../../lab/catalog.ts';
import { passed } from '../../lab/state.ts';
import type { Define } from '../commands.ts';

export const define: Define = (command, io) => {
  command.option('--json', 'as data').action(async (options: { json?: boolean }) => {
    const next = catalog().find(entry => !passed(entry.number));
    if (next === undefined) return options.json ? io.printJson(null) : io.print('Every exercise has been passed.');
    const readme = join(next.folder, 'README.md');
    const { title } = await loadLab(next.number);
    if (options.json) return io.printJson({ number: next.number, name: next.name, title, readme });
    io.print(`${next.number}  ${title}`);
    io.print(`read:  ${readme}`);
    io.print(`run:   kubehop lab run ${next.number}`);
  });
};
