/** What a check says of itself: where it looks, and what it expects. Reports have these words, and a check is found in them by these words. */
import type { LabStep } from '../definition.ts';
import { describeExpectation } from '../sight.ts';

export interface CheckWords {
  at: string;
  text: string;
}

/** @returns undefined for a step that checks nothing, or whose words depend on the steps before it */
export function checkWords(step: LabStep): CheckWords | undefined {
  switch (step.do) {
    case 'converse':
      return { at: step.from, text: programWords(step.command, step) };
    case 'expect hop':
      return { at: step.hop, text: describeExpectation(step.expected) };
    case 'expect nothing':
      return { at: step.hop, text: `no packet with ${describeExpectation(step.expected)}` };
    case 'expect conntrack':
      return { at: step.node, text: `conntrack entry ${step.entry.source}` };
    case 'expect no conntrack':
      return { at: step.node, text: `no conntrack entry ${step.entry.source}` };
    case 'expect events':
      return { at: step.node, text: `conntrack -E prints ${step.events.map(event => event.source).join(', then ')}` };
    case 'expect rule':
      return { at: step.node, text: `rule ${step.rule.source} has counted ${step.packets} packets` };
    case 'expect output':
      return { at: step.where, text: `\`${step.command}\` prints ${step.output.source}` };
    default:
      return undefined;
  }
}

/** Of a program that was started, by the step that waits for its end. */
export const programWords = (command: string, { exit, output }: { exit: number; output?: RegExp }): string =>
  `\`${command}\` exits ${exit}${output === undefined ? '' : ` and prints ${output.source}`}`;
