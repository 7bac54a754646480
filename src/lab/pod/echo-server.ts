/**
 * What runs in a pod of image `kubehop/echo`: a real HTTP server that says who it is and whom it saw. Its own process, without
 * capabilities. Arguments: pod, node, address, port. It writes `ready` when it listens.
 *
 *     GET /              {"pod":"pod-b","node":"node2","client":"10.244.1.0","port":40123}
 *     GET /10MiB         ten mebibytes, always the same; any number up to 1024
 *     GET /10MiB.sha256  their checksum
 */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { pipeline, Readable } from 'node:stream';
import { SeededRandom } from '../../base/random.ts';

const [pod = '', node = '', address = '', port = ''] = process.argv.slice(2);
const MEBIBYTE = 1024 * 1024;
const MOST_MEBIBYTES = 1024;

let noise: Buffer | undefined;
/** Ten mebibytes of noise, so that a lost, doubled or misplaced byte changes the checksum; longer bodies repeat them. */
function* body(mebibytes: number): Generator<Buffer> {
  if (noise === undefined) {
    const random = new SeededRandom(10);
    noise = Buffer.from(Uint32Array.from({ length: (10 * MEBIBYTE) / 4 }, () => random.u32()).buffer);
  }
  for (let i = 0; i < mebibytes; i++) yield noise.subarray((i % 10) * MEBIBYTE, ((i % 10) + 1) * MEBIBYTE);
}

function checksum(mebibytes: number): string {
  const hash = createHash('sha256');
  for (const piece of body(mebibytes)) hash.update(piece);
  return `${hash.digest('hex')}\n`;
}

/** The port is padded, so that the answer has one length whatever port was drawn: two runs then carry the same byte ranges. */
function whoAndWhom(request: IncomingMessage): string {
  const { remoteAddress, remotePort } = request.socket;
  return `{"pod":"${pod}","node":"${node}","client":"${remoteAddress}","port":${String(remotePort).padStart(5)}}\n`;
}

function answer(request: IncomingMessage, response: ServerResponse): void {
  response.sendDate = false; // the same bytes in every run
  const send = (type: string, content: string) =>
    response.writeHead(200, { 'content-type': type, 'content-length': Buffer.byteLength(content) }).end(content);
  const [, count, sum] = /^\/(\d{1,4})MiB(\.sha256)?$/.exec(request.url ?? '') ?? [];
  const mebibytes = Number(count);
  if (request.url === '/') send('application/json', whoAndWhom(request));
  else if (!(mebibytes >= 1 && mebibytes <= MOST_MEBIBYTES)) response.writeHead(404, { 'content-length': 0 }).end();
  else if (sum !== undefined) send('text/plain', checksum(mebibytes));
  else sendBody(response, mebibytes);
}

/** Piece by piece, as fast as the client takes them. */
function sendBody(response: ServerResponse, mebibytes: number): void {
  response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': mebibytes * MEBIBYTE });
  pipeline(Readable.from(body(mebibytes)), response, () => undefined); // a client that has gone is no fault of ours
}

const server = createServer(answer);
server.on('error', error => {
  process.stderr.write(`cannot listen on ${address}:${port}: ${(error as NodeJS.ErrnoException).code}\n`);
  process.exit(1);
});
server.listen(Number(port), address, () => process.stdout.write('ready\n'));
