/** `kubehop lab list`: the exercises, and which of them are up. */
import { catalog, loadLab } from '../../lab/catalog.ts';
import { runningInstances } from '../../lab/daemon/directories.ts';
import { passed } from '../../lab/state.ts';
import type { Define } from '../commands.ts';

export const define: Define = (command, io) => {
  command.option('--json', 'the list as data').action(async (options: { json?: boolean }) => {
    const running = runningInstances().filter(instance => instance.lasting);
    const labs = await Promise.all(
      catalog().map(async ({ number, name }) => ({
        number,
        name,
        title: (await loadLab(number)).title,
        passed: passed(number),
        up: running.some(instance => instance.lab === number),
      })),
    );
    if (options.json) return io.printJson(labs);
    for (const lab of labs) {
      const state = lab.up ? io.paint('green', 'up    ') : lab.passed ? io.paint('dim', 'passed') : '      ';
      io.print(`${lab.number}  ${state}  ${lab.title}`);
    }
    io.print('\nRun one: kubehop lab run NN. Its text: labs/NN-*/README.md');
  });
};
