/** `kubehop wireshark extcap`: what Wireshark calls (extcap(4)). People use `kubehop capture`. */
import { createWriteStream, readFileSync } from 'node:fs';
import { LabError } from '../../base/errors.ts';
import { capture } from '../../lab/capture-command.ts';
import { runningLab } from '../../lab/exec.ts';
import { configLines, dltLines, type ExtcapInterface, extcapInterfaces, interfaceLines, whereOf } from '../../lab/wireshark/extcap.ts';
import { runningLabs } from '../../lab/wireshark/running.ts';
import type { Define } from '../commands.ts';

interface Options {
  extcapInterfaces?: boolean;
  extcapInterface?: string;
  extcapDlts?: boolean;
  extcapConfig?: boolean;
  capture?: boolean;
  fifo?: string;
  extcapCaptureFilter?: string;
  interfacesOnly?: boolean;
}

export const define: Define = (command, io) => {
  command
    .option('--extcap-interfaces', 'list them')
    .option('--extcap-version <VERSION>', 'of the Wireshark that asks')
    .option('--extcap-interface <NAME>', 'the one that is meant')
    .option('--extcap-dlts', 'its link type')
    .option('--extcap-config', 'its options')
    .option('--capture', 'capture there')
    .option('--fifo <FILE>', 'the pipe that is written')
    .option('--extcap-capture-filter <FILTER>', 'not supported: a display filter does it')
    .option('--interfaces-only', 'leave out the hooks of userspace nodes')
    .allowUnknownOption() // of a Wireshark that knows more than this
    .allowExcessArguments()
    .action(async (o: Options) => {
      const interfaces = extcapInterfaces(await runningLabs());
      if (o.extcapInterfaces) {
        for (const line of interfaceLines(version(), interfaces)) io.print(line);
        return;
      }
      const found = interfaces.find(each => each.value === o.extcapInterface);
      if (found === undefined)
        throw new LabError(
          'BAD_INPUT',
          o.extcapInterface === undefined
            ? 'expected --extcap-interfaces, or --extcap-interface NAME'
            : `there is no interface "${o.extcapInterface}": is its lab still up?`,
        );
      if (o.extcapDlts) for (const line of dltLines()) io.print(line);
      else if (o.extcapConfig) for (const line of configLines(found)) io.print(line);
      else if (o.capture) await captureTo(found, o);
    });

  async function captureTo(found: ExtcapInterface, o: Options): Promise<void> {
    if (o.fifo === undefined) throw new LabError('BAD_INPUT', '--capture needs --fifo FILE');
    if (o.extcapCaptureFilter)
      throw new LabError('BAD_INPUT', `capture filter "${o.extcapCaptureFilter}": labs are captured whole; use it as a display filter`);
    const to = createWriteStream(o.fifo);
    // Of what Wireshark gets on stderr it makes a window with a warning: progress is not said.
    await capture(runningLab(found.lab), whereOf(found, o.interfacesOnly ?? false), { to }, io.interrupted, () => undefined);
    io.exitCode = 0; // Wireshark ends it by a signal
  }
};

function version(): string {
  return (JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as { version: string }).version;
}
