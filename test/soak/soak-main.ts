/** `scripts/soak`: memory over time on stderr, a summary on stdout. Exit 1 when something grew or was not given back. */

import { countOf, parseOptions } from '../support/options.ts';
import { faults, soak, tell } from './soak.ts';
import { Wires } from './wires.ts';

const { values } = parseOptions('scripts/soak', {
  options: { hours: { type: 'string' }, minutes: { type: 'string' }, seed: { type: 'string', default: '1' } },
});
const count = (option: 'hours' | 'minutes' | 'seed', least: number): number =>
  countOf('scripts/soak', `--${option}`, values[option]!, least);
const minutes = values.minutes !== undefined ? count('minutes', 1) : values.hours !== undefined ? count('hours', 1) * 60 : 60;
const options = { minutes, seed: count('seed', 0), progress: (words: string): void => void process.stderr.write(`${words}\n`) };

const wires = new Wires();
try {
  const r = await soak(wires, options);
  const { tcp, udp } = r.client;
  const each = Math.max(1, Math.floor(r.samples.length / 10));
  for (const s of r.samples.filter((_, i) => i % each === 0)) console.log(tell(s));
  console.log(tell(r.end));
  console.log(`TCP    ${tcp.whole} whole, ${tcp.aborted} given up by the client, ${tcp.refused} refused, ${tcp.failed.length} failed`);
  console.log(`UDP    ${udp.sent} sent, ${udp.echoed} echoed`);
  console.log(`looked ${r.listed} entries listed, ${r.events} events followed`);
  console.log(`drops  ${JSON.stringify(r.drops)}`);
  const found = faults(r, options);
  for (const fault of found) console.error(`FAIL  ${fault}`);
  console.log(found.length === 0 ? 'ok' : `${found.length} faults`);
  process.exitCode = found.length === 0 ? 0 : 1;
} finally {
  await wires.close();
}
