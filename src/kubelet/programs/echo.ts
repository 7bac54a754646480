/**
 * The server of the image `kubehop/echo`: says who it is and whom it saw, over HTTP, TCP and UDP on the same ports.
 *
 *     GET /              {"pod":"web-7d9f","node":"node2","client":"10.244.1.0","port":40123,...}
 *     GET /clientip      10.244.1.0:40123
 *     GET /hostname      web-7d9f
 *     GET /headers       the request's headers
 *     GET /healthz       ok
 *     GET /10MiB         ten mebibytes, always the same; /10MiB.sha256 is their checksum
 *     GET /exit?code=3   ends with this code
 *     GET /unhealthy     from now on /healthz says 500; /healthy takes it back
 *     TCP, UDP           each message comes back behind a line that says who and whom
 *
 * Ports: `--port 8080` (any number), else those that the pod declares, else 8080; on every address, or on `--address 127.0.0.1`. On SIGTERM it serves
 * on until nobody has come for a while: whoever was sent here a moment ago is still answered.
 */
import { createHash } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer, type Socket } from 'node:net';
import { hostname } from 'node:os';
import { parseArgs } from 'node:util';
import { SeededRandom } from '../../base/random.ts';

const { values } = parseArgs({
  options: {
    port: { type: 'string', multiple: true, default: [] },
    address: { type: 'string' },
    text: { type: 'string' },
    quiet: { type: 'boolean', default: false },
  },
});

const DEFAULT_PORT = '8080';
const declared = (process.env.KUBEHOP_PORTS ?? '').split(',').filter(Boolean);
const listed = values.port.length > 0 ? values.port : declared.length > 0 ? declared : [DEFAULT_PORT];

const me = { pod: process.env.POD_NAME ?? hostname(), node: process.env.NODE_NAME ?? process.env.KUBEHOP_NODE ?? '' };
/** How long nobody must have come before it ends. */
const QUIET_MS = 2000;
let lastMs = performance.now();
let open = 0;
let healthy = true;

const plainAddress = (address = ''): string => address.replace(/^::ffff:/, '');
const say = (line: string): void => {
  if (!values.quiet) process.stdout.write(`${new Date().toISOString()} ${line}\n`);
};

const BODY_BYTES = 10 * 1024 * 1024;
let body: Buffer | undefined;
/** Noise, so that a lost, doubled or misplaced byte changes the checksum. */
function tenMebibytes(): Buffer {
  const random = new SeededRandom(10);
  body ??= Buffer.from(Uint32Array.from({ length: BODY_BYTES / 4 }, () => random.u32()).buffer);
  return body;
}

function answer(request: IncomingMessage, response: ServerResponse): void {
  const { remoteAddress, remotePort, localAddress, localPort } = request.socket;
  const client = plainAddress(remoteAddress);
  const url = new URL(request.url ?? '/', 'http://here');
  lastMs = performance.now();
  const send = (status: number, type: string, content: string | Buffer): void => {
    response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(content) }).end(content);
    say(`${client}:${remotePort} ${request.method} ${request.url} ${status}`);
  };
  const whoAndWhom = {
    ...me,
    client,
    port: remotePort,
    address: plainAddress(localAddress),
    localPort,
    method: request.method,
    path: url.pathname,
  };
  switch (url.pathname) {
    case '/clientip':
      send(200, 'text/plain', `${client}:${remotePort}\n`);
      break;
    case '/hostname':
      send(200, 'text/plain', `${hostname()}\n`);
      break;
    case '/headers':
      send(200, 'application/json', `${JSON.stringify(request.headers)}\n`);
      break;
    case '/healthz':
      send(healthy ? 200 : 500, 'text/plain', healthy ? 'ok\n' : 'not well\n');
      break;
    case '/healthy':
    case '/unhealthy':
      healthy = url.pathname === '/healthy';
      send(200, 'text/plain', 'ok\n');
      break;
    case '/10MiB':
      send(200, 'application/octet-stream', tenMebibytes());
      break;
    case '/10MiB.sha256':
      send(200, 'text/plain', `${createHash('sha256').update(tenMebibytes()).digest('hex')}\n`);
      break;
    case '/exit':
      response.once('finish', () => process.exit(Number(url.searchParams.get('code') ?? 0)));
      send(200, 'text/plain', 'ending\n');
      break;
    default:
      if (values.text === undefined) send(200, 'application/json', `${JSON.stringify(whoAndWhom)}\n`);
      else send(200, 'text/plain', `${values.text}\n`);
  }
}

const http = createHttpServer(answer);
const isHttp = /^(GET|HEAD|POST|PUT|DELETE|PATCH|OPTIONS|CONNECT|TRACE) /;

/** HTTP is known by its first words; everything else is sent back. */
function connected(socket: Socket): void {
  open++;
  lastMs = performance.now();
  socket.on('close', () => open--);
  socket.on('error', () => socket.destroy());
  socket.once('data', first => {
    if (isHttp.test(first.toString('latin1', 0, 16))) {
      socket.pause();
      http.emit('connection', socket);
      socket.unshift(first);
      socket.resume();
      return;
    }
    const client = `${plainAddress(socket.remoteAddress)}:${socket.remotePort}`;
    say(`${client} TCP`);
    socket.write(`${me.pod} ${me.node} ${client}\n`);
    socket.write(first);
    socket.pipe(socket);
  });
}

// Before anybody can know that it serves: PID 1 of a container does not hear a signal that it has not asked for.
process.on('SIGTERM', () => {
  say('SIGTERM: serving until nobody comes');
  lastMs = performance.now();
  setInterval(() => {
    if (open === 0 && performance.now() - lastMs >= QUIET_MS) process.exit(0);
  }, 100);
});
process.on('SIGINT', () => process.exit(130));

/** `listening` is the last word of its start: who waits for it finds every port open. */
async function listen(port: number): Promise<void> {
  const fail = (protocol: string) => (error: NodeJS.ErrnoException) => {
    process.stderr.write(`cannot listen on ${port}/${protocol}: ${error.code}\n`);
    process.exit(1);
  };
  const udp = createSocket('udp4').on('error', fail('UDP'));
  udp.on('message', (message, from) => {
    lastMs = performance.now();
    say(`${from.address}:${from.port} UDP`);
    udp.send(Buffer.concat([Buffer.from(`${me.pod} ${me.node} ${from.address}:${from.port}\n`), message]), from.port, from.address);
  });
  await new Promise<void>(resolve => udp.bind(port, values.address, resolve));
  const tcp = createServer(connected).on('error', fail('TCP'));
  await new Promise<void>(resolve => tcp.listen(port, values.address, resolve));
}

const ports = [...new Set(listed.map(Number))];
await Promise.all(ports.map(listen));
process.stdout.write(`${new Date().toISOString()} listening on ${ports.join(', ')}, TCP and UDP\n`);
