import { describe, expect, test } from 'vitest';
import { LabError } from '../../src/base/errors.ts';
import { type CommandEntry, type Define, groups, commands as realCommands } from '../../src/cli/commands.ts';
import { colourWanted, Exit, Io } from '../../src/cli/io.ts';
import { run } from '../../src/cli/program.ts';

/** An Io that keeps what was said. */
function listen(colour = false) {
  const said = { out: '', err: '' };
  const io = new Io({
    out: text => {
      said.out += text;
    },
    err: text => {
      said.err += text;
    },
    outColour: colour,
    errColour: colour,
  });
  return { io, said };
}

const loaded: string[] = [];
const entry = (words: string, define: Define): CommandEntry => ({
  does: `does ${words}`,
  load: async () => {
    loaded.push(words);
    return { define };
  },
});
const table = {
  plain: entry('plain', (command, io) => {
    command
      .option('--json', 'as data')
      .action((options: { json?: boolean }) => (options.json ? io.printJson({ hops: 3 }) : io.print('three hops')));
  }),
  'lab run': entry('lab run', (command, io) => {
    command.argument('<NN>').action((nn: string) => io.print(`ran ${nn}`));
  }),
  'lab list': entry('lab list', () => {}),
  refuse: entry('refuse', command => {
    command.action(() => {
      throw new LabError('LAB_UNKNOWN', 'no exercise "99"');
    });
  }),
  differ: entry('differ', command => {
    command.action(async () => {
      throw new LabError('CHECK_FAILED', 'node1/eth0: ttl is 63, expected 62');
    });
  }),
  break: entry('break', command => {
    command.action(() => {
      throw new TypeError('x is not a function');
    });
  }),
  pass: entry('pass', (command, io) => {
    command
      .argument('[words...]')
      .helpOption(false)
      .allowUnknownOption()
      .passThroughOptions()
      .action((words: string[]) => io.print(words.join('|')));
  }),
};

describe('kubehop', () => {
  test('runs the command that its first words name, and loads no other', async () => {
    loaded.length = 0;
    const { io, said } = listen();
    expect(await run(['lab', 'run', '07'], io, table)).toBe(Exit.Well);
    expect(said).toEqual({ out: 'ran 07\n', err: '' });
    expect(loaded).toEqual(['lab run']);
  });

  test('prints data for --json on stdout and nothing else', async () => {
    const { io, said } = listen();
    expect(await run(['plain', '--json'], io, table)).toBe(Exit.Well);
    expect(JSON.parse(said.out)).toEqual({ hops: 3 });
    expect(said.err).toBe('');
  });

  test('hands options of another tool through', async () => {
    const { io, said } = listen();
    await run(['pass', '-t', 'nat', '-L', '--json', '--help'], io, table);
    expect(said.out).toBe('-t|nat|-L|--json|--help\n');
  });

  test.each([
    [['lba', 'run'], "unknown command 'lba'. Did you mean lab?", 'kubehop help'],
    [['lab', 'rnu'], "unknown command 'rnu'. Did you mean run?", 'kubehop help lab'],
    [['lab'], '"kubehop lab" needs one more word', 'kubehop help lab'],
    [['lab', 'run'], "missing required argument 'NN'", 'kubehop help lab run'],
    [['plain', '--jsno'], "unknown option '--jsno'. Did you mean --json?", 'kubehop help plain'],
    [['help', 'nosuch'], "unknown command 'nosuch'", 'kubehop help'],
  ])('answers %j with what is wrong and the next command', async (argv, message, next) => {
    const { io, said } = listen();
    expect(await run(argv, io, table)).toBe(Exit.Usage);
    expect(said).toEqual({ out: '', err: `error USAGE: ${message}\nhint: \`${next}\` shows how it is used\n` });
  });

  test('shows its use on stderr and exits 2 when no word is given', async () => {
    const { io, said } = listen();
    expect(await run([], io, table)).toBe(Exit.Usage);
    expect(said.out).toBe('');
    expect(said.err).toContain('does plain');
  });

  test.each([[['help', 'lab', 'run']], [['lab', 'run', '--help']], [['lab', 'run', '-h']]])(
    '%j shows the use of that command',
    async argv => {
      const { io, said } = listen();
      expect(await run(argv, io, table)).toBe(Exit.Well);
      expect(said.out).toContain('Usage: kubehop lab run [options] <NN>');
    },
  );

  test('says code, message and hint of a fault, and exits 2', async () => {
    const { io, said } = listen();
    expect(await run(['refuse'], io, table)).toBe(Exit.Usage);
    expect(said.err).toBe('error LAB_UNKNOWN: no exercise "99"\nhint: `kubehop lab list` shows the exercises\n');
  });

  test('exits 1 when a check failed', async () => {
    const { io, said } = listen();
    expect(await run(['differ'], io, table)).toBe(Exit.Different);
    expect(said.err).toMatch(/^error CHECK_FAILED: node1\/eth0/);
  });

  test('reports a fault of its own with the words, the version and the stack', async () => {
    const { io, said } = listen();
    expect(await run(['break'], io, table)).toBe(Exit.Usage);
    expect(said.err).toMatch(/^error INTERNAL: x is not a function\nhint: /);
    expect(said.err).toMatch(/\nkubehop break\nkubehop \d+\.\d+\.\d+ \(node /);
    expect(said.err).toContain('program.test.ts');
  });

  test('paints the word "error" on a terminal only', async () => {
    const { io, said } = listen(true);
    await run(['refuse'], io, table);
    expect(said.err).toContain('\u001b[31merror LAB_UNKNOWN:\u001b[0m');
  });

  test.each(Object.entries(realCommands))('%s has a file that can be shown', async words => {
    const { io, said } = listen();
    expect(await run(['help', ...words.split(' ')], io)).toBe(Exit.Well);
    expect(said.out).toContain(`Usage: kubehop ${words}`);
  });

  test('has words for every group', () => {
    const used = Object.keys(realCommands).filter(words => words.includes(' '));
    expect(used.map(words => words.split(' ')[0]!).filter(group => !groups[group])).toEqual([]);
  });
});

describe('interrupt', () => {
  test('is left to the process while no command watches', () => {
    expect(listen().io.interrupt(Exit.Interrupted)).toBe(false);
  });

  test('reaches a command that watches, once, and makes its exit code', () => {
    const { io } = listen();
    const signal = io.interrupted;
    expect(io.interrupt(Exit.Interrupted)).toBe(true);
    expect(signal.aborted).toBe(true);
    expect(io.exitCode).toBe(130);
    expect(io.interrupt(Exit.Interrupted)).toBe(false);
  });

  test('wins over the fault of a command that was stopped by it', async () => {
    const { io, said } = listen();
    const stopped = entry('stopped', (command, io) => {
      command.action(() => {
        const signal = io.interrupted;
        io.interrupt(Exit.Interrupted);
        signal.throwIfAborted();
      });
    });
    expect(await run(['stopped'], io, { stopped })).toBe(Exit.Interrupted);
    expect(said.err).toBe('');
  });
});

test('colour: a terminal has it, NO_COLOR and a dumb terminal take it, FORCE_COLOR gives it', () => {
  expect(colourWanted(true, {})).toBe(true);
  expect(colourWanted(false, {})).toBe(false);
  expect(colourWanted(true, { NO_COLOR: '1' })).toBe(false);
  expect(colourWanted(true, { NO_COLOR: '' })).toBe(true);
  expect(colourWanted(true, { TERM: 'dumb' })).toBe(false);
  expect(colourWanted(false, { FORCE_COLOR: '1' })).toBe(true);
  expect(colourWanted(true, { NO_COLOR: '1', FORCE_COLOR: '1' })).toBe(false);
});
