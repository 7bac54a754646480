/** The long form of the fuzz test, see scripts/fuzz-rules. */
import { countOf } from '../../support/options.ts';
import { checkText, fuzzedText, randomFrom } from './rule-fuzz.ts';

// Most lines are refused: what costs most is the stack of the complaint.
Error.stackTraceLimit = 0;
const count = countOf('scripts/fuzz-rules', 'LINES', process.argv[2] ?? '10000000', 1);
const seed = countOf('scripts/fuzz-rules', 'SEED', process.argv[3] ?? '1');
const random = randomFrom(seed);
let taken = 0;
for (let i = 1; i <= count; i++) {
  if (checkText(fuzzedText(random))) taken++;
  if (i % 1_000_000 === 0) console.log(`${i} lines, ${taken} taken`);
}
console.log(`seed ${seed}: ${count} lines, ${taken} taken, the rest refused with their place`);
