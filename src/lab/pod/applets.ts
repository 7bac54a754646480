/** Commands that images of a lab's pods bring and a machine may not have. What the machine has comes first in PATH. */
import { resolve } from 'node:path';

const REPOSITORY = resolve(import.meta.dirname, '../../..');
const quoted = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;
const script = (path: string): string =>
  `#!/bin/sh\nexec ${quoted(process.execPath)} --disable-warning=ExperimentalWarning ${quoted(resolve(REPOSITORY, path))} "$@"\n`;

/** Scripts by the name of the command, for `LinuxRuntime`. */
export const applets: Readonly<Record<string, string>> = { nslookup: script('src/dns/nslookup.ts') };
