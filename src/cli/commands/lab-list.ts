/** `kubehop lab list`: the exercises, what each takes and needs, which have been passed, and which are up. */
import { catalog, loadLab } from '../../lab/catalog.ts';
import { runningInstances } from '../../lab/daemon/directories.ts';
import { thisMachine } from '../../lab/doctor/doctor.ts';
import { type Looked, NeedsHere } from '../../lab/needs.ts';
import { passed } from '../../lab/state.ts';
import type { Define } from '../commands.ts';
import type { Io } from '../io.ts';

export interface ListedLab {
  number: string;
  name: string;
  title: string;
  passed: boolean;
  up: boolean;
  minutes: number | null;
  api: boolean;
  needs: ({ name: string } & Looked)[];
}

export const define: Define = (command, io) => {
  command.option('--json', 'the list as data').action(async (options: { json?: boolean }) => {
    const machine = thisMachine();
    const here = new NeedsHere(machine);
    const labs = await list(here);
    if (options.json) return io.printJson(labs);
    for (const line of tableOf(labs, io)) io.print(line);
    io.print();
    io.print(
      (await here.anyLab())
        ? `Every lab needs namespaces and /dev/net/tun: they are here${machine.uid === 0 ? ' (you are root)' : ', without root'}. API: labs that kubectl speaks to.`
        : 'No lab can run here: `kubehop doctor` says what is missing, and how to mend it.',
    );
    for (const line of lacking(labs)) io.print(line);
    io.print(
      `${labs.filter(lab => lab.passed).length} of ${labs.length} passed. Next: kubehop lab next. The way through them: labs/README.md`,
    );
  });
};

async function list(here: NeedsHere): Promise<ListedLab[]> {
  const running = runningInstances().filter(instance => instance.lasting);
  const labs: ListedLab[] = [];
  for (const { number, name } of catalog()) {
    const { title, minutes = null, api = false, needs = [] } = await loadLab(number);
    const looked: ListedLab['needs'] = [];
    for (const need of needs) looked.push({ name: need, ...(await here.look(need)) });
    const up = running.some(instance => instance.lab === number);
    labs.push({ number, name, title, passed: passed(number), up, minutes, api, needs: looked });
  }
  return labs;
}

/** Number, state, minutes, needs, title: what is of any length stands last. */
export function tableOf(labs: readonly ListedLab[], io: Io): string[] {
  const words = labs.map(needWords);
  const width = Math.max('needs'.length, ...words.map(each => each.map(word => word.text).join(', ').length));
  const head = io.paint('dim', `NN  state   min  ${'needs'.padEnd(width)}  title`);
  const rows = labs.map((lab, i) => {
    const plain = words[i]!.map(word => word.text).join(', ');
    const needs = words[i]!.map(({ text, missing }) => (missing ? io.paint('red', text) : text)).join(', ');
    const state = lab.up ? io.paint('green', 'up    ') : lab.passed ? io.paint('dim', 'passed') : '      ';
    return `${lab.number}  ${state}  ${String(lab.minutes ?? '').padStart(3)}  ${needs}${' '.repeat(width - plain.length)}  ${lab.title}`;
  });
  return [head, ...rows];
}

const needWords = ({ api, needs }: ListedLab): { text: string; missing: boolean }[] => [
  ...(api ? [{ text: 'API', missing: false }] : []),
  ...needs.map(({ name, state }) => ({ text: state === 'missing' ? `${name} (missing)` : name, missing: state === 'missing' })),
];

/** One line for each thing that is missing: how to get it, and who asks for it. */
export function lacking(labs: readonly ListedLab[]): string[] {
  const missing = new Map<string, { mend: string; by: string[] }>();
  for (const { number, needs } of labs)
    for (const { name, state, mend } of needs) {
      if (state !== 'missing') continue;
      const found = missing.get(name) ?? { mend: mend ?? '`kubehop doctor`', by: [] };
      found.by.push(number);
      missing.set(name, found);
    }
  return [...missing].map(([name, { mend, by }]) => `missing: ${name}, for ${by.join(', ')}. Mend: ${mend}`);
}
