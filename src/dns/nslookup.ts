/**
 * `nslookup NAME [SERVER]` where the machine has none: asks for A and AAAA along the search list of /etc/resolv.conf, and prints as busybox does.
 * An address is asked for its name.
 */
import { readFileSync } from 'node:fs';
import { parseIp } from '../base/ip.ts';
import { systemRandom } from '../base/random.ts';
import { type Message, Rcode, rcodeName } from '../wire/dns.ts';
import { Class, type ResourceRecord, Type } from '../wire/dns-record.ts';
import { Forwarder, serverOf } from './forwarder.ts';
import { reverseOf } from './reverse-name.ts';
import { candidates, readResolvConf } from './search-list.ts';

const say = (line = ''): void => void process.stdout.write(`${line}\n`);
const [name, wanted] = process.argv.slice(2).filter(word => !word.startsWith('-'));
if (name === undefined) {
  process.stderr.write('Usage: nslookup HOST [DNS_SERVER]\n');
  process.exit(2);
}

const conf = readResolvConf(readFileSync('/etc/resolv.conf', 'utf8'));
const servers = wanted === undefined ? conf.servers : [wanted];
const forwarder = new Forwarder({ servers, random: systemRandom() });
const first = serverOf(servers[0] ?? '');
if (first === undefined) {
  process.stderr.write('nslookup: no name server\n');
  process.exit(1);
}
say(`Server:\t\t${first.address}`);
say(`Address:\t${first.address}:${first.port}`);
say();

const ask = (question: string, type: number): Promise<Message | undefined> =>
  forwarder.lookup({ name: question, type, class: Class.IN }, true);

function print(record: ResourceRecord): void {
  if (record.type === 'A' || record.type === 'AAAA') say(`Name:\t${record.name.slice(0, -1)}\nAddress: ${record.address}`);
  else if (record.type === 'CNAME') say(`${record.name.slice(0, -1)}\tcanonical name = ${record.target.slice(0, -1)}`);
  else if (record.type === 'PTR') say(`${record.name.slice(0, -1)}\tname = ${record.target.slice(0, -1)}`);
}

async function lookUp(): Promise<number> {
  const ip = parseIp(name!);
  const tries = ip?.family === 'IPv4' ? [reverseOf(ip.text)] : candidates(name!, conf);
  let last = 'no answer';
  for (const candidate of tries) {
    const answers =
      ip === undefined ? await Promise.all([ask(candidate, Type.A), ask(candidate, Type.AAAA)]) : [await ask(candidate, Type.PTR)];
    const records = answers.flatMap(answer => answer?.answers ?? []);
    const seen = new Set<string>();
    for (const record of records) {
      const key = JSON.stringify(record);
      if (!seen.has(key)) print(record);
      seen.add(key);
    }
    if (records.length > 0) return 0;
    const rcode = answers.find(answer => answer !== undefined)?.rcode;
    if (rcode === undefined) {
      say(';; connection timed out; no servers could be reached');
      return 1;
    }
    last = rcode === Rcode.NoError ? 'No answer' : rcodeName(rcode);
  }
  say(`** server can't find ${name}: ${last}`);
  return 1;
}

process.exitCode = await lookUp();
