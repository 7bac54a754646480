/**
 * A name server as a process of its own: what runs in a pod of the image `coredns`. It reads the lines of `feed.ts` from descriptor 3, serves
 * until SIGTERM, and says on its standard output what it does.
 *
 *     -conf /etc/coredns/Corefile   how it serves; absent: as the words below
 *     --address 0.0.0.0  --port 53  --forward 203.0.113.53 (any number)  --otherwise REFUSED|NXDOMAIN
 */
import { existsSync, readFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { systemRandom } from '../base/random.ts';
import { ClusterIndex } from './cluster-index.ts';
import { readCorefile, type ServerConfig } from './corefile.ts';
import { applyFeedLine } from './feed.ts';
import { Forwarder } from './forwarder.ts';
import { queryLine } from './query-log.ts';
import { Resolver } from './resolver.ts';
import { Responder } from './responder.ts';
import { REVERSE_V4, REVERSE_V6 } from './reverse-name.ts';
import { DnsServer } from './server.ts';

const FEED = 3;

// CoreDNS' own option has one dash
const words = process.argv.slice(2).map(word => (word === '-conf' ? '--conf' : word));
const { values } = parseArgs({
  args: words,
  options: {
    conf: { type: 'string' },
    address: { type: 'string', default: '0.0.0.0' },
    port: { type: 'string', default: '53' },
    forward: { type: 'string', multiple: true, default: [] },
    otherwise: { type: 'string', default: 'REFUSED' },
  },
});

const fail = (message: string): never => {
  process.stderr.write(`${message}\n`);
  process.exit(1);
};

function configured(): ServerConfig {
  if (values.conf === undefined) return { ...DEFAULT, port: Number(values.port), forward: values.forward };
  try {
    return readCorefile(readFileSync(values.conf, 'utf8'), values.conf);
  } catch (error) {
    return fail((error as Error).message);
  }
}

/** As kubeadm sets it up, with the TTL of the plugin. */
const DEFAULT: Omit<ServerConfig, 'port' | 'forward'> = {
  zones: ['cluster.local.', REVERSE_V4, REVERSE_V6],
  fallthrough: [REVERSE_V4, REVERSE_V6],
  pods: 'insecure',
  ttlSeconds: 5,
  loadBalance: true,
  log: true,
  ignored: [],
};

/** A file stands for the name servers in it. */
const serversOf = (entry: string): string[] =>
  entry.startsWith('/')
    ? [...(existsSync(entry) ? readFileSync(entry, 'utf8') : '').matchAll(/^nameserver\s+(\S+)/gm)].map(m => m[1]!)
    : [entry];

const config = configured();
const servers = config.forward.flatMap(serversOf);
const index = new ClusterIndex(() => Math.floor(Date.now() / 1000));
const random = systemRandom();
const forwarder = servers.length === 0 ? undefined : new Forwarder({ servers, random });
const addresses = Object.values(networkInterfaces()).flatMap(list => list ?? []);
const resolver = new Resolver({
  source: index,
  zones: config.zones,
  // with nobody to ask, what is not known does not exist
  fallthrough: forwarder === undefined ? [] : config.fallthrough,
  pods: config.pods,
  ttlSeconds: config.ttlSeconds,
  ownAddresses: addresses.filter(({ internal }) => !internal).map(({ address }) => address),
});
const responder = new Responder({
  resolver,
  withoutUpstream: values.otherwise === 'NXDOMAIN' ? 'NXDOMAIN' : 'REFUSED',
  ...(config.loadBalance ? { random } : {}),
  ...(forwarder === undefined ? {} : { lookup: forwarder.lookup.bind(forwarder) }),
});

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const feed = createInterface({ input: new Socket({ fd: FEED, readable: true, writable: false }) });
feed.on('line', line => applyFeedLine(line, index));
feed.on('close', () => process.exit(0)); // whoever knew the cluster has gone

for (const what of config.ignored) say(`[WARNING] ${what}: not known here, left out`);
// PID 1 of a container does not hear a signal that it has not asked for
process.on('SIGTERM', () => process.exit(0));
const observe = config.log ? { observe: (exchange: Parameters<typeof queryLine>[0]) => say(queryLine(exchange)) } : {};
const server = await DnsServer.listen({ responder, address: values.address, port: config.port, ...observe }).catch((error: Error) =>
  fail(`cannot listen on ${values.address}:${config.port}: ${error.message}`),
);
say(`${config.zones[0] ?? '.'}:${server.port}`);
