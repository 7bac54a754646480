/** Programs that labs start or readers use. */
import { sandboxCheck } from './check.ts';

export const curl = sandboxCheck('curl', 'the client of the exercises', true, 'curl --version >/dev/null', 'sudo apt-get install curl');

export const tshark = sandboxCheck(
  'tshark',
  'captures read without a window; Wireshark does as well',
  false,
  'tshark --version >/dev/null 2>&1',
  'sudo apt-get install tshark',
);
