/** Makes the states that a program describes. */
import { NthCounter } from '../matches/statistic.ts';
import type { StateSpec } from './spec.ts';

const kinds: Readonly<Record<string, (spec: StateSpec) => object>> = {
  nth: ({ numbers }) => new NthCounter(numbers[0]!, numbers[1]!),
};

export function makeState(spec: StateSpec): object {
  const make = kinds[spec.kind];
  if (!make) throw new RangeError(`a kind of state that nobody makes: ${spec.kind}`);
  return make(spec);
}
