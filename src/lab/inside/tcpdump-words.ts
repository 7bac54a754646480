/** The words of tcpdump(8) where the interface is inside of the router: what is captured, and what the real tcpdump reads it with. Pure. */
import { LabError } from '../../base/errors.ts';

/** Short options with a value. */
const VALUED = 'BcCEFGijmMQrsTVwWyzZ';
/** What a device does and a hop cannot. */
const OF_DEVICES = ['-Q', '--direction', '-I', '--monitor-mode', '-y', '--linktype'];
/** Nothing is captured for these. */
const ASKS = ['-D', '--list-interfaces', '-L', '--list-data-link-types', '-h', '--help', '--version'];

export interface Diverted {
  readonly interface: string;
  /** Everything but the interface. */
  readonly rest: readonly string[];
}

interface Option {
  readonly name: string;
  readonly value?: string;
  readonly words: readonly string[];
}

/**
 * @param inside interfaces that no device carries
 * @returns undefined when the real tcpdump does it alone
 * @throws LabError BAD_INPUT for an option that only a device has
 */
export function divert(words: readonly string[], inside: readonly string[]): Diverted | undefined {
  const options = [...optionsOf(words)];
  const which = options.findLast(each => each.name === '-i' || each.name === '--interface');
  if (which?.value === undefined || !inside.includes(which.value)) return undefined;
  if (options.some(each => ASKS.includes(each.name) || each.name === '-r')) return undefined;
  const amiss = options.find(each => OF_DEVICES.includes(each.name));
  if (amiss !== undefined)
    throw new LabError('BAD_INPUT', `tcpdump ${amiss.name}: ${which.value} is inside of this node's router, and no device: leave it out`);
  const rest = options.filter(each => each.name !== '-i' && each.name !== '--interface').flatMap(each => each.words);
  return { interface: which.value, rest };
}

/** getopt_long(3): `-nni eth0`, `-ieth0`, `--interface=eth0`; what is no option is a part of the filter. */
function* optionsOf(words: readonly string[]): Generator<Option> {
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    if (word === '--') {
      yield { name: '', words: words.slice(i) };
      return;
    }
    if (word.startsWith('--')) {
      const [name = '', inline] = word.split(/=(.*)/s);
      const value = inline ?? (name === '--interface' ? words[++i] : undefined);
      yield {
        name,
        words: inline === undefined && value !== undefined ? [word, value] : [word],
        ...(value === undefined ? {} : { value }),
      };
    } else if (!word.startsWith('-') || word === '-') yield { name: '', words: [word] };
    else i += yield* cluster(word, words[i + 1]);
  }
}

/** `-nnvi eth0`. @returns how many more words it took */
function* cluster(word: string, next: string | undefined): Generator<Option, number> {
  for (let at = 1; at < word.length; at++) {
    const name = `-${word[at]}`;
    if (!VALUED.includes(word[at]!)) yield { name, words: [name] };
    else if (at + 1 < word.length) {
      yield { name, value: word.slice(at + 1), words: [name, word.slice(at + 1)] };
      return 0;
    } else {
      yield next === undefined ? { name, words: [name] } : { name, value: next, words: [name, next] };
      return 1;
    }
  }
  return 0;
}
