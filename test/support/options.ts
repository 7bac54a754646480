/** The command line of a script's program. */
import { type ParseArgsConfig, parseArgs } from 'node:util';

/** As `parseArgs`; what cannot be understood is said in one line, with the script that tells its options, and the program ends with 2. */
export function parseOptions<T extends ParseArgsConfig>(script: string, config: T): ReturnType<typeof parseArgs<T>> {
  try {
    return parseArgs(config);
  } catch (error) {
    process.stderr.write(`error ${(error as Error).message}\nhint  ${script} --help\n`);
    process.exit(2);
  }
}

/** A count that an option or a word gives. @param name `--seed`, `LINES` @param least what it must be at least */
export function countOf(script: string, name: string, text: string, least = 0): number {
  const count = Number(text);
  if (/^\d+$/.test(text) && count >= least) return count;
  process.stderr.write(
    `error ${name} "${text}": a whole number${least > 0 ? ` of ${least} or more` : ''} is expected\nhint  ${script} --help\n`,
  );
  process.exit(2);
}
