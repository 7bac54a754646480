/**
 * `ip route` in the shell of a userspace node: the kernel there knows no routes but the one to the router. Everything else is the real program's.
 * Arguments: the file with the router's description as it is now, the real program, and the words.
 */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { answerRoute } from './routes-text.ts';

const [file = '', program = '', ...words] = process.argv.slice(2);
const at = words.findIndex(word => !word.startsWith('-'));
const [options, object, rest] = [words.slice(0, Math.max(0, at)), words[at] ?? '', words.slice(at + 1)];
const asked = object !== '' && 'route'.startsWith(object);
const answer = asked && options.every(word => word === '-4') ? answerRoute(JSON.parse(readFileSync(file, 'utf8')), rest) : undefined;
if (answer !== undefined) {
  process.stdout.write(answer.text);
  if (answer.error !== undefined) {
    process.stderr.write(answer.error);
    process.exitCode = answer.error.startsWith('RTNETLINK') ? 2 : 1;
  }
} else if (asked) {
  process.stderr.write(
    `ip ${words.join(' ')}: the routes of this node are its router's: show, show dev DEV, show NETWORK and get ADDRESS are known here\n`,
  );
  process.exitCode = 1;
} else {
  const child = spawn(program, words, { stdio: 'inherit' });
  child.once('exit', (code, signal) => {
    process.exitCode = code ?? 128 + constants.signals[signal!];
  });
}
