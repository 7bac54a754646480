/** Programs that labs start or readers use. */
import { findBird } from '../bird/program.ts';
import { type Check, missing, ok, sandboxCheck } from './check.ts';

export const curl = sandboxCheck('curl', 'the client of the exercises', true, 'curl --version >/dev/null', 'sudo apt-get install curl');

export const tshark = sandboxCheck(
  'tshark',
  'captures read without a window; Wireshark does as well',
  false,
  'tshark --version >/dev/null 2>&1',
  'sudo apt-get install tshark',
);

export const bird: Check = {
  name: 'bird',
  use: 'BGP between the nodes of exercise 15',
  required: false,
  run: ({ env }) => (findBird(env) === undefined ? missing('no BIRD 2', 'sudo apt-get install bird2') : ok('BGP')),
};
