/**
 * `ip address`, `ip neighbour`, `ip link show` and `bridge fdb` in the shell of a userspace node, whose kernel has only what leads to the
 * router. Everything else is the real program's. Arguments: the node, the real program, and the words.
 */
import { spawn, spawnSync } from 'node:child_process';
import { constants } from 'node:os';
import { basename } from 'node:path';
import type { NodeLinks } from '../../node/links.ts';
import { DaemonClient } from '../daemon/client.ts';
import { SHELL_DIRECTORY } from '../node-shell.ts';
import { answerLinks } from './addr-text.ts';
import { answerFdb, answerNeighbours, realWords } from './neigh-text.ts';
import type { Answer } from './routes-text.ts';

const [node = '', program = '', ...words] = process.argv.slice(2);
const at = words.findIndex(word => !word.startsWith('-'));
const [options, object, rest] = [words.slice(0, Math.max(0, at)), words[at] ?? '', words.slice(at + 1)];

const is = (name: string, least = 1): boolean => object.length >= least && name.startsWith(object);
const shows = rest.length === 0 || ['show', 'list', 'ls', 'sh', 's', 'l', 'lst'].includes(rest[0]!);
const real = (argv: readonly string[]): string => spawnSync(program, argv, { encoding: 'utf8' }).stdout;

/** What is asked of the router; undefined: nothing is. */
function question(): { what: string; answer(links: NodeLinks): Answer | undefined } | undefined {
  if (basename(program) === 'bridge') {
    if (!is('fdb') || options.length > 0 || !shows) return undefined;
    return {
      what: 'show, show dev DEV and show br BRIDGE, with dynamic or not',
      answer: links => answerFdb(links, real(realWords(rest)), rest),
    };
  }
  const show = (form: 'addresses' | 'links') => ({
    what: 'show and show dev DEV',
    answer: (links: NodeLinks) => answerLinks(links, real(['address', 'show']), form, options, rest),
  });
  if (is('address')) return show('addresses');
  if (is('link') && shows && options.length === 0 && rest.length <= 3 && rest[1] !== 'type') return show('links');
  if (is('neighbour') || is('neighbor'))
    return {
      what: 'show, show dev DEV and show ADDRESS',
      answer: links => (options.every(o => o === '-4') ? answerNeighbours(links, rest) : undefined),
    };
  return undefined;
}

const asked = question();
if (asked === undefined) {
  const child = spawn(program, words, { stdio: 'inherit' });
  child.once('exit', (code, signal) => {
    process.exitCode = code ?? 128 + constants.signals[signal!];
  });
} else {
  const client = await DaemonClient.connect(SHELL_DIRECTORY);
  const links = await client.request({ op: 'links', node });
  client.close();
  const answer = links === null ? undefined : asked.answer(links);
  if (answer !== undefined) {
    process.stdout.write(answer.text);
    process.stderr.write(answer.error ?? '');
    if (answer.error !== undefined) process.exitCode = basename(program) === 'bridge' ? 255 : 1;
  } else {
    process.stderr.write(`${basename(program)} ${words.join(' ')}: this is told by the node's router: ${asked.what} are known here\n`);
    process.exitCode = 1;
  }
}
