/** `kubehop lab break NN FAULT`: a fault comes into the lab that is up; without FAULT, what people say of each of them. */
import { InvalidArgumentError } from 'commander';
import { LabError } from '../../base/errors.ts';
import { loadLab } from '../../lab/catalog.ts';
import { DaemonClient } from '../../lab/daemon/client.ts';
import type { Instance } from '../../lab/daemon/directories.ts';
import { runningLab } from '../../lab/exec.ts';
import { resetLab } from '../../lab/run.ts';
import { repaired } from '../../lab/state.ts';
import { troubleOf } from '../../lab/trouble/troubles.ts';
import type { Define } from '../commands.ts';
import type { Io } from '../io.ts';
import { labProgress } from './lab-options.ts';

const faultNumber = (text: string): number => {
  if (!/^[1-9]\d*$/.test(text)) throw new InvalidArgumentError('the number of a fault, as `kubehop lab break NN` lists them');
  return Number(text);
};

export const define: Define = (command, io) => {
  command
    .argument('<NN>', 'number of the exercise')
    .argument('[FAULT]', 'which: by its number', faultNumber)
    .option('--json', 'as data')
    .action(async (number: string, fault: number | undefined, options: { json?: boolean }) => {
      const { troubles = [] } = await loadLab(number);
      if (fault === undefined) {
        if (troubles.length === 0) throw new LabError('BAD_INPUT', `exercise ${number} has no faults to find`);
        return list(io, number, options.json);
      }
      const { symptom, story } = troubleOf(troubles, fault);
      const lab = await brokenLab(io, runningLab(number), fault);
      if (options.json) return io.printJson({ lab, fault, symptom, story });
      io.print(`Fault ${fault}: ${symptom}`);
      io.print(story);
      io.print('');
      io.print('look around: kubehop exec node1   (a shell: tcpdump, ip, bridge, sysctl, iptables-save, conntrack), and kubectl');
      io.print(`check:       kubehop lab check ${lab}`);
      io.print(`hint:        kubehop lab hint ${lab}`);
    });
};

/** A lab that had a fault already is built anew first, whether it was repaired or not. @returns the lab's number */
async function brokenLab(io: Io, instance: Instance, fault: number): Promise<string> {
  const say = labProgress(io);
  let client = await DaemonClient.connect(instance.directory);
  try {
    const standing = await client.request({ op: 'standing' });
    if (standing !== null) {
      client.close();
      say(`fault ${standing.fault} was in: the lab is built anew`, false);
      client = await DaemonClient.connect((await resetLab(instance, io.interrupted, say)).directory);
    }
    await client.request({ op: 'break', fault }, said => say(said.line, said.detail));
  } finally {
    client.close();
  }
  return instance.lab;
}

async function list(io: Io, number: string, json = false): Promise<void> {
  const { troubles = [] } = await loadLab(number);
  const done = repaired(number);
  const rows = troubles.map(({ name, symptom, only }, i) => ({
    fault: i + 1,
    symptom,
    only: only?.plane ?? null,
    repaired: done.has(name),
  }));
  if (json) return io.printJson(rows);
  for (const { fault, symptom, only, repaired: isDone } of rows) {
    const state = isDone ? io.paint('dim', 'repaired') : '        ';
    io.print(`${String(fault).padStart(2)}  ${state}  ${symptom}${only === null ? '' : ` (${only} nodes)`}`);
  }
}
