/** `scripts/flood`: prints what a flood did, and what it must not have done. Exit 1 when it did. */

import { countOf, parseOptions } from '../support/options.ts';
import { faults, flood } from './flood.ts';
import { Wires } from './wires.ts';

const { values } = parseOptions('scripts/flood', {
  options: {
    rate: { type: 'string', default: '20000' },
    seconds: { type: 'string', default: '10' },
    entries: { type: 'string', default: '65536' },
    idle: { type: 'string', default: '500' },
  },
});
const options = {
  rate: countOf('scripts/flood', '--rate', values.rate),
  seconds: countOf('scripts/flood', '--seconds', values.seconds),
  entries: countOf('scripts/flood', '--entries', values.entries),
  idle: countOf('scripts/flood', '--idle', values.idle),
  progress: (words: string): void => void process.stderr.write(`${words}\n`),
};

const wires = new Wires();
try {
  const r = await flood(wires, options);
  const { client } = r;
  const sum = (all: readonly number[]): number => all.reduce((total, n) => total + n, 0);
  console.log(`flood       ${r.sent} SYNs, ${r.perSecond} a second, nf_conntrack_max ${options.entries}, ${r.mostEntries} entries at most`);
  console.log(
    `ASSURED     ${r.assuredBefore} before, ${r.assuredGone.length} of them gone; ${r.assuredDestroyed.length} of ${r.destroyEvents} DESTROY events`,
  );
  console.log(`idle        ${client.idleAlive} of ${options.idle} connections still echo`);
  console.log(`download    ${client.long || 'whole'}`);
  console.log(`short       ${client.short.whole} whole, ${client.short.failed.length} failed`);
  console.log(
    `UDP echo    ${sum(client.echo.asked)} asked, ${client.echo.lost[0]} lost in the first second, ${sum(client.echo.lost.slice(1))} after it, slowest ${client.echo.longestMs.toFixed(1)} ms`,
  );
  console.log(
    `conntrack   ${Object.entries(r.statistics)
      .map(([name, n]) => `${name}=${n}`)
      .join(' ')}`,
  );
  console.log(`drops       ${JSON.stringify(r.drops)}, ${r.rxDropped} frames found no place in a receive ring`);
  for (const words of r.warnings) console.log(words);
  const found = faults(r, options);
  for (const fault of found) console.error(`FAIL  ${fault}`);
  console.log(found.length === 0 ? 'ok' : `${found.length} faults`);
  process.exitCode = found.length === 0 ? 0 : 1;
} finally {
  await wires.close();
}
