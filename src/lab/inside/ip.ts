/**
 * `ip route` in the shell of a userspace node: the kernel there knows no routes but the one to the router. Everything else is the real program's.
 * Arguments: the node, the file with the router's description as it is now, the real program, and the words.
 */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { DaemonClient } from '../daemon/client.ts';
import { SHELL_DIRECTORY } from '../node-shell.ts';
import { changeVerbs } from './route-change.ts';
import { type Answer, answerRoute } from './routes-text.ts';

const [node = '', file = '', program = '', ...words] = process.argv.slice(2);
const at = words.findIndex(word => !word.startsWith('-'));
const [options, object, rest] = [words.slice(0, Math.max(0, at)), words[at] ?? '', words.slice(at + 1)];
const asked = object !== '' && 'route'.startsWith(object);
const answer = asked && options.every(word => word === '-4') ? await answerTo(rest) : undefined;
if (answer !== undefined) {
  process.stdout.write(answer.text);
  if (answer.error !== undefined) {
    process.stderr.write(answer.error);
    process.exitCode = answer.error.startsWith('RTNETLINK') ? 2 : 1;
  }
} else if (asked) {
  process.stderr.write(
    `ip ${words.join(' ')}: the routes of this node are its router's: show, show dev DEV, show NETWORK, get ADDRESS, add, replace and del are known here\n`,
  );
  process.exitCode = 1;
} else {
  const child = spawn(program, words, { stdio: 'inherit' });
  child.once('exit', (code, signal) => {
    process.exitCode = code ?? 128 + constants.signals[signal!];
  });
}

/** @returns undefined for words that are not known here */
async function answerTo(said: readonly string[]): Promise<Answer | undefined> {
  if (!changeVerbs.includes(said[0] ?? '')) return answerRoute(JSON.parse(readFileSync(file, 'utf8')), said);
  const client = await DaemonClient.connect(SHELL_DIRECTORY);
  const error = await client.request({ op: 'route', node, words: said }).finally(() => client.close());
  return { text: '', ...(error === '' ? {} : { error }) };
}
