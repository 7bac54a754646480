/**
 * Text for somebody who follows events: it never ends, so a reader who does not keep up must not make the router's memory grow. What he does
 * not take is left out, counted, and told when he takes text again, as a netlink socket overruns (ENOBUFS).
 */

/** Bytes that may wait for a reader: some ten thousand events. */
const MOST_WAITING = 4 << 20;

/**
 * @param waiting bytes that were written and not taken
 * @param warn    gets the words about what was left out
 */
export function leavingOut(waiting: () => number, write: (text: string) => void, warn: (words: string) => void): (text: string) => void {
  let lost = 0;
  return text => {
    if (waiting() > MOST_WAITING) {
      lost += text.split('\n').length - 1;
      return;
    }
    if (lost > 0) warn(`WARNING: We have hit ENOBUFS! ${lost} events were lost: they are not read fast enough.`);
    lost = 0;
    write(text);
  };
}
