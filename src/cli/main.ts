/** The process `kubehop`: signals, a reader that went away, and the exit code. */
import { Exit, processIo } from './io.ts';
import { run } from './program.ts';

const io = processIo();

const onSignal = (exit: Exit) => () => {
  if (!io.interrupt(exit)) process.exit(exit);
};
process.on('SIGINT', onSignal(Exit.Interrupted));
process.on('SIGTERM', onSignal(Exit.Terminated));

// `kubehop ... | head` is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(Exit.Well);
  throw error;
});

const exit = await run(process.argv.slice(2), io);
// What is still on its way into a pipe gets out first.
process.stdout.write('', () => process.stderr.write('', () => process.exit(exit)));
