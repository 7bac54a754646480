import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { catalog, loadLab } from '../../src/lab/catalog.ts';
import { myths } from '../fixtures/myths/myths.ts';

const ORDER = [
  'What you will see',
  'The picture',
  'Predict',
  'Run',
  'Look here',
  'What happened',
  'Change this and run again',
  'Check yourself',
  'Clean up',
  'Sources',
];
/** Words of a section that stand for it; what is longer is read by nobody, what is shorter says nothing. */
const WORDS: Record<string, [least: number, most: number]> = {
  'What you will see': [25, 90],
  'The picture': [20, 260],
  Predict: [20, 130],
  Run: [3, 260],
  'Look here': [40, 260],
  'What happened': [150, 850],
  'Change this and run again': [40, 260],
  'Check yourself': [30, 150],
  'Clean up': [3, 30],
  Sources: [15, 130],
};
/** Sentences that could stand anywhere. */
const EMPTY =
  /\b(tutorial|let's|let us|simply|easy|easily|of course|powerful|seamless|robust|deep dive|in this (lab|exercise|section),? (we|you) will|happy|enjoy|congratulations|magic)\b/i;

const words = (text: string): number => text.split(/\s+/).filter(Boolean).length;
const blocks = (text: string): string[] => text.split(/^ *```.*$/m).filter((_, i) => i % 2 === 1);
const prose = (text: string): string =>
  text
    .split(/^ *```.*$/m)
    .filter((_, i) => i % 2 === 0)
    .join('\n');

describe.each(catalog().map(entry => [entry.number, entry.folder]))('the text of exercise %s', (number, folder) => {
  const path = join(folder, 'README.md');
  const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
  const parts = text.split(/^## /m).slice(1);
  const sections = new Map(parts.map(part => [part.slice(0, part.indexOf('\n')), part.slice(part.indexOf('\n') + 1)]));
  const section = (name: string): string => sections.get(name) ?? '';
  const questions = [...section('Predict').matchAll(/^(\d)\. ((?:.|\n(?!\d\.|\n))*)/gm)];

  test('is called as the exercise is', async () => {
    expect(text.split('\n')[0]).toBe(`# ${number} ${(await loadLab(number)).title}`);
  });

  test('keeps the order of all exercises', () => {
    expect([...sections.keys()]).toEqual(ORDER);
  });

  test.each(Object.entries(WORDS))('"%s" has from %j words', (name, [least, most]) => {
    expect(words(section(name))).toBeGreaterThanOrEqual(least);
    expect(words(section(name))).toBeLessThanOrEqual(most);
  });

  test('draws a picture that fits a terminal', () => {
    const [picture] = blocks(section('The picture'));
    const lines = picture!.split('\n');
    expect(lines.length).toBeLessThanOrEqual(24);
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(110);
  });

  test('asks two or three questions beforehand, and answers each', () => {
    expect(questions.map(([, n]) => Number(n))).toEqual(questions.map((_, i) => i + 1));
    expect([2, 3]).toContain(questions.length);
    for (const [, , question] of questions) {
      expect(question).toMatch(/\?/);
      expect(words(question!)).toBeLessThanOrEqual(50);
    }
    const answered = [...section('What happened').matchAll(/answers? (\d)(?: and (\d))?/g)].flatMap(([, ...n]) =>
      n.filter(Boolean).map(Number),
    );
    expect([...new Set(answered)].sort()).toEqual(questions.map((_, i) => i + 1));
  });

  test('runs the exercise, and shows where to look', () => {
    expect(blocks(section('Run'))[0]).toMatch(new RegExp(`^kubehop lab run ${number} --out ~/kubehop-${number}`, 'm'));
    expect(section('Look here')).toMatch(/^\| question +\| capture +\| paste this +\|$/m);
  });

  test('sets the kernel beside it', () => {
    expect(section('What happened')).toContain('**The kernel beside it.**');
  });

  test('gives each known claim in words of its own, and what refutes it', () => {
    const claims = [
      ...section('What happened').matchAll(/^> The claim: .*\n(?:>.*\n)*?> The (packets?|counters?|table|capture|rules): .+/gm),
    ];
    const known = myths.filter(myth => myth.exercise === number).length;
    expect(claims.length).toBeGreaterThanOrEqual(known);
    expect(prose(text).match(/claims? that (this|these) refutes?/i)).toBeNull();
  });

  test('changes something, in two to five ways', () => {
    const ways = section('Change this and run again').match(/^- /gm) ?? [];
    expect(ways.length).toBeGreaterThanOrEqual(2);
    expect(ways.length).toBeLessThanOrEqual(5);
  });

  test('lets the reader check the lab, and himself', () => {
    expect(blocks(section('Check yourself'))[0]).toMatch(new RegExp(`^kubehop lab check ${number}`, 'm'));
    const asked = section('Check yourself').match(/^- .*(?:\n {2}.*)*/gm) ?? [];
    expect([2, 3]).toContain(asked.length);
    for (const question of asked) expect(question).toContain('?');
    expect(section('Clean up')).toContain(`kubehop lab down ${number}\nrm -r ~/kubehop-${number}`);
  });

  test('uses a lab while it is up, from one block to the next', () => {
    let up = false;
    const lines = blocks(text)
      .flatMap(block => block.split('\n'))
      .map(line => line.trim());
    for (const line of lines) {
      const [, word] = /^kubehop (?:lab )?(up|down|check|reset|exec|apply|delete|advance|kubeconfig)\b/.exec(line) ?? [];
      if (word === undefined) continue;
      expect({ line, up }).toEqual({ line, up: word !== 'up' });
      if (word === 'up' || word === 'down') up = word === 'up';
    }
    expect(up).toBe(false);
  });

  test('names its sources', () => {
    expect((section('Sources').match(/^- /gm) ?? []).length).toBeGreaterThanOrEqual(2);
  });

  test('says nothing that could stand anywhere', () => {
    expect(EMPTY.exec(prose(text))?.[0]).toBeUndefined();
    expect(text).not.toMatch(/\p{Extended_Pictographic}/u);
  });

  test('where the reader writes, foretells how the untouched start fails, and leads to a solution', async () => {
    const written = existsSync(join(folder, 'start'));
    const { troubles = [] } = await loadLab(number); // what their reader repairs stands in the lab
    expect(existsSync(join(folder, 'solution'))).toBe(written || troubles.length > 0);
    expect(/^Untouched, \d+ of \d+ checks hold on each data plane/m.test(section('Run'))).toBe(written);
    expect(text.includes(`kubehop lab run ${number} --solution`)).toBe(written);
  });
});
