import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { catalog, loadLab } from '../../src/lab/catalog.ts';
import type { LabStep } from '../../src/lab/definition.ts';
import { mismatches, type Sight } from '../../src/lab/sight.ts';
import { checkWords } from '../../src/lab/steps/check-words.ts';
import { countShares, doubts } from '../../src/lab/steps/shares.ts';
import { fitLines } from '../../src/lab/steps/step-facts.ts';
import { type Instead, myths, type Refutation } from '../fixtures/myths/myths.ts';

const all = (steps: readonly LabStep[]): LabStep[] => steps.flatMap(step => (step.do === 'on plane' ? all(step.steps) : [step]));

/** Checks of an exercise with this place and these words. */
async function found(exercise: string, { at, check }: Refutation): Promise<LabStep[]> {
  return all((await loadLab(exercise)).steps).filter(step => {
    if (step.do === 'expect shares') return step.what === at;
    const words = checkWords(step);
    return words?.at === at && check.test(words.text);
  });
}

const empty: Sight = { srcMac: '', dstMac: '', protocol: 'tcp', src: '', dst: '', payload: 0 };

/** Does the check hold, when this is what there is? */
function holds(step: LabStep, instead: Instead): boolean {
  if ('packet' in instead) {
    if (step.do !== 'expect hop' && step.do !== 'expect nothing') throw new Error(`a packet for "${step.do}"`);
    const fits = mismatches({ ...empty, ...instead.packet }, step.expected).length === 0;
    return step.do === 'expect hop' ? fits : !fits;
  }
  if ('packets' in instead) return step.do === 'expect rule' && step.packets === instead.packets;
  if ('choices' in instead) return step.do === 'expect shares' && doubts(countShares(step.what, step.hops, instead.choices)).length === 0;
  if ('exit' in instead) return step.do === 'converse' && step.exit === instead.exit && (step.output?.test(instead.text ?? '') ?? true);
  switch (step.do) {
    case 'expect output':
      return step.output.test(instead.text);
    case 'expect conntrack':
      return step.entry.test(instead.text);
    case 'expect no conntrack':
      return !step.entry.test(instead.text);
    case 'expect events':
      return fitLines(instead.text, step.events);
    default:
      throw new Error(`a text for "${step.do}"`);
  }
}

describe.each(myths.map(myth => [myth.number, myth] as const))('myth %i', (_, { exercise, claim, refuted }) => {
  test.each(refuted.map(refutation => [`${refutation.at}: ${refutation.check.source}`, refutation] as const))(
    `"${claim}": exercise ${exercise} has a check that would fail if that were so, %s`,
    async (_, refutation) => {
      const steps = await found(exercise, refutation);
      expect(steps.length).toBeGreaterThan(0);
      for (const step of steps) expect({ step, holds: holds(step, refutation.instead) }).toEqual({ step, holds: false });
    },
  );
});

describe('the table for readers', () => {
  const text = readFileSync(fileURLToPath(new URL('../../labs/README.md', import.meta.url)), 'utf8');
  const rows = [...text.matchAll(/^\| +(\d+) +\| (.+?) +\| (.+?) +\| (.+?) +\| (.+?) +\|$/gm)];

  test('has all twenty-one, in order', () => {
    expect(rows.map(row => Number(row[1]))).toEqual(Array.from({ length: 21 }, (_, i) => i + 1));
  });

  test('sends the reader to the exercise whose checks refute it', () => {
    for (const { number, exercise } of myths) expect(rows[number - 1]![4]).toMatch(new RegExp(`\\b${exercise}\\b`));
  });

  test('names no exercise that is not there', () => {
    const known = catalog().map(entry => entry.number);
    for (const [, , , , exercises] of rows) for (const [number] of exercises!.matchAll(/\b\d\d\b/g)) expect(known).toContain(number);
  });
});

describe('the way through the exercises', () => {
  const text = readFileSync(fileURLToPath(new URL('../../labs/README.md', import.meta.url)), 'utf8');
  test.each(catalog().map(entry => [entry.number, entry] as const))(
    'has exercise %s, with its title and minutes',
    async (number, { name }) => {
      const { title, minutes } = await loadLab(number);
      expect(text).toContain(`[${number}](${number}-${name}/README.md)`);
      const row = text.split('\n').find(line => line.startsWith(`| [${number}]`));
      expect(row).toContain(`| ${title}`);
      expect(row).toMatch(new RegExp(`\\| +${minutes} +\\|`));
    },
  );
});
