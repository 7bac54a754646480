/**
 * A name server as a process of its own: what runs in a pod of the image `coredns`. It reads the lines of `feed.ts` from descriptor 3, serves
 * on port 53, and says each query on its standard output. SIGTERM ends it.
 *
 *     --address 0.0.0.0  --port 53  --ttl 5  --pods insecure  --forward 203.0.113.53 (any number)  --otherwise REFUSED|NXDOMAIN  --quiet
 */
import { Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { systemRandom } from '../base/random.ts';
import { type PodMode, podModes } from './backends.ts';
import { ClusterIndex } from './cluster-index.ts';
import { applyFeedLine } from './feed.ts';
import { Forwarder } from './forwarder.ts';
import { queryLine } from './query-log.ts';
import { Resolver } from './resolver.ts';
import { Responder } from './responder.ts';
import { REVERSE_V4, REVERSE_V6 } from './reverse-name.ts';
import { DnsServer } from './server.ts';

const FEED = 3;

const { values } = parseArgs({
  options: {
    address: { type: 'string', default: '0.0.0.0' },
    port: { type: 'string', default: '53' },
    zone: { type: 'string', default: 'cluster.local.' },
    ttl: { type: 'string', default: '5' },
    pods: { type: 'string', default: 'insecure' },
    forward: { type: 'string', multiple: true, default: [] },
    otherwise: { type: 'string', default: 'REFUSED' },
    quiet: { type: 'boolean', default: false },
  },
});

const index = new ClusterIndex(() => Math.floor(Date.now() / 1000));
const random = systemRandom();
const forwarder = values.forward.length === 0 ? undefined : new Forwarder({ servers: values.forward, random });
const addresses = Object.values(networkInterfaces()).flatMap(list => list ?? []);
const resolver = new Resolver({
  source: index,
  zones: [values.zone, REVERSE_V4, REVERSE_V6],
  fallthrough: forwarder === undefined ? [] : [REVERSE_V4, REVERSE_V6],
  pods: podModes.find(mode => mode === values.pods) ?? ('insecure' satisfies PodMode),
  ttlSeconds: Number(values.ttl),
  ownAddresses: addresses.filter(({ internal }) => !internal).map(({ address }) => address),
});
const responder = new Responder({
  resolver,
  random,
  withoutUpstream: values.otherwise === 'NXDOMAIN' ? 'NXDOMAIN' : 'REFUSED',
  ...(forwarder === undefined ? {} : { lookup: forwarder.lookup.bind(forwarder) }),
});

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const feed = createInterface({ input: new Socket({ fd: FEED, readable: true, writable: false }) });
feed.on('line', line => applyFeedLine(line, index));
feed.on('close', () => process.exit(0)); // whoever knew the cluster has gone

const observe = values.quiet ? {} : { observe: (exchange: Parameters<typeof queryLine>[0]) => say(queryLine(exchange)) };
// PID 1 of a container does not hear a signal that it has not asked for
process.on('SIGTERM', () => process.exit(0));
const server = await DnsServer.listen({ responder, address: values.address, port: Number(values.port), ...observe });
say(`${values.zone}:${server.port}`);
