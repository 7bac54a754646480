/** The command line: words to commands, usage errors and faults to text with the next step, everything to an exit code. */
import { readFileSync } from 'node:fs';
import { platform, release } from 'node:os';
import { Command, CommanderError } from 'commander';
import { LabError } from '../base/errors.ts';
import { commands as allCommands, type CommandEntry, groups } from './commands.ts';
import { Exit, type Io } from './io.ts';

/** @returns the exit code. Never throws: what goes wrong has been said on stderr. */
export async function run(words: readonly string[], io: Io, commands: Record<string, CommandEntry> = allCommands): Promise<Exit> {
  const argv = words[0] === 'help' ? helpFor(words.slice(1), commands) : words;
  const program = await build(argv, io, commands);
  try {
    if (argv.length === 0) {
      io.progress(program.helpInformation());
      return Exit.Usage;
    }
    await program.parseAsync(argv as string[], { from: 'user' });
  } catch (error) {
    if (io.exitCode === Exit.Interrupted || io.exitCode === Exit.Terminated) return io.exitCode;
    return report(error, argv, io, commands);
  }
  return io.exitCode;
}

async function build(argv: readonly string[], io: Io, commands: Record<string, CommandEntry>): Promise<Command> {
  const program = frame(new Command('kubehop'), io);
  program
    .description('Kubernetes service networking, hop by hop: a node is the Linux kernel or a router in TypeScript; see both, compare them.')
    .version(versionText(), '-V, --version', 'the version, and what it runs on')
    .helpCommand('help [command]', 'how a command is used')
    .addHelpText('after', '\nFirst steps: `kubehop doctor`, then `kubehop lab list`.');

  for (const [words, entry] of Object.entries(commands)) {
    const path = words.split(' ');
    let parent = program;
    for (const word of path.slice(0, -1)) {
      const group = parent.commands.find(c => c.name() === word);
      parent = group ?? frame(parent.command(word), io).description(groups[word] ?? '');
    }
    const command = frame(parent.command(path.at(-1)!), io).description(entry.does);
    if (path.every((word, i) => argv[i] === word)) (await entry.load()).define(command, io);
  }
  return program;
}

/** One behaviour for every command: no exit of its own, nothing printed but by us, options of a command after its name. */
function frame(command: Command, io: Io): Command {
  return command
    .exitOverride()
    .enablePositionalOptions()
    .showHelpAfterError(false)
    .configureOutput({ writeOut: text => io.write(text), writeErr: () => {}, outputError: () => {} })
    .helpCommand(false)
    .helpOption('-h, --help', 'how it is used');
}

function report(error: unknown, argv: readonly string[], io: Io, commands: Record<string, CommandEntry>): Exit {
  const fault = (code: string, message: string, hint: string) => {
    io.progress(`${io.paintErr('red', `error ${code}:`)} ${message}`);
    io.progress(`${io.paintErr('cyan', 'hint:')} ${hint}`);
  };
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return Exit.Well; // --help and --version
    fault('USAGE', usageMessage(error, argv), `\`${['kubehop', 'help', ...knownWords(argv, commands)].join(' ')}\` shows how it is used`);
    return Exit.Usage;
  }
  if (error instanceof LabError) {
    fault(error.code, error.message, error.hint);
    if (process.env.KUBEHOP_DEBUG) io.progress(error.stack ?? '');
    return error.code === 'CHECK_FAILED' ? Exit.Different : Exit.Usage;
  }
  fault('INTERNAL', error instanceof Error ? error.message : String(error), 'this is a fault of kubehop: report it with the lines below');
  io.progress(`kubehop ${argv.join(' ')}\n${versionText()}\n${(error instanceof Error && error.stack) || ''}`);
  return Exit.Usage;
}

/** `help lab run` is `lab run --help`; for words that are no command, the error that they would give. */
const helpFor = (words: readonly string[], commands: Record<string, CommandEntry>): string[] =>
  knownWords(words, commands).length === words.length ? [...words, '--help'] : [...words];

/** The first words of `argv` that are a group or a command. */
function knownWords(argv: readonly string[], commands: Record<string, CommandEntry>): string[] {
  const lead = (n: number): string => `${argv.slice(0, n).join(' ')} `;
  let n = 0;
  while (n < argv.length && Object.keys(commands).some(name => `${name} `.startsWith(lead(n + 1)))) n++;
  return argv.slice(0, n);
}

/** Commander's message without its prefix; `(outputHelp)`, a group without a command, gets words of its own. */
function usageMessage(error: CommanderError, argv: readonly string[]): string {
  if (error.code === 'commander.help') return `"kubehop ${argv.join(' ')}" needs one more word`;
  return error.message
    .replace(/^error: /, '')
    .replace(/\n\(?/, '. ')
    .replace(/\?\)$/, '?');
}

/** `kubehop 0.1.0 (node 24.21.0, linux 6.12.0, x64)`: what a report of a fault needs. */
export function versionText(): string {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string };
  return `kubehop ${version} (node ${process.versions.node}, ${platform()} ${release()}, ${process.arch})`;
}
