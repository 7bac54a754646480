/** `kubehop doctor`: what this machine can and cannot do, with the mend. */
import type { Finding } from '../../lab/doctor/check.ts';
import { type Diagnosis, diagnose } from '../../lab/doctor/doctor.ts';
import type { Define } from '../commands.ts';
import { Exit, type Io } from '../io.ts';

export const define: Define = (command, io) => {
  command
    .option('--json', 'the findings as data')
    .addHelpText('after', '\nExit status: 0 when labs can run, 1 when something that they need is missing.')
    .action(async (options: { json?: boolean }) => {
      const diagnosis = await diagnose();
      if (options.json) io.printJson(asData(diagnosis));
      else print(diagnosis, io);
      if (!diagnosis.labsCanRun) io.exitCode = Exit.Different;
    });
};

function print({ findings, labsCanRun }: Diagnosis, io: Io): void {
  const width = Math.max(...findings.map(({ check }) => check.name.length)) + 2;
  for (const { check, finding } of findings) {
    io.print(`${mark(finding, check.required, io)}  ${check.name.padEnd(width)}${finding.detail}`);
    if (finding.state !== 'missing') continue;
    const indent = ' '.repeat(9 + width);
    io.print(`${indent}for:  ${check.use}`);
    io.print(`${indent}mend: ${finding.mend}`);
  }
  const lacking = findings.filter(({ check, finding }) => check.required && finding.state === 'missing').map(({ check }) => check.name);
  io.print();
  io.print(
    labsCanRun
      ? 'Labs can run. Next: kubehop lab list'
      : `Labs cannot run: ${lacking.join(', ')} missing. Mend from the top, then run \`kubehop doctor\` again.`,
  );
}

function mark(finding: Finding, required: boolean, io: Io): string {
  switch (finding.state) {
    case 'ok':
      return io.paint('green', 'ok     ');
    case 'untried':
      return io.paint('dim', 'untried');
    case 'missing':
      return required ? io.paint('red', 'MISSING') : io.paint('yellow', 'without');
  }
}

const asData = ({ findings, labsCanRun }: Diagnosis) => ({
  labsCanRun,
  checks: findings.map(({ check, finding }) => ({ name: check.name, use: check.use, required: check.required, ...finding })),
});
