/**
 * What runs in a pod of image `kubehop/echo`: a real HTTP server that says who it is and whom it saw. Its own process, without
 * capabilities. Arguments: pod, node, address, port. It writes `ready` when it listens.
 *
 *     GET /              {"pod":"pod-b","node":"node2","client":"10.244.1.0","port":40123}
 *     GET /10MiB         ten mebibytes, always the same
 *     GET /10MiB.sha256  their checksum
 */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { SeededRandom } from '../../base/random.ts';

const [pod = '', node = '', address = '', port = ''] = process.argv.slice(2);
const BODY_BYTES = 10 * 1024 * 1024;

let body: Buffer | undefined;
/** Noise, so that a lost, doubled or misplaced byte changes the checksum. */
function tenMebibytes(): Buffer {
  if (body === undefined) {
    const random = new SeededRandom(10);
    const words = Uint32Array.from({ length: BODY_BYTES / 4 }, () => random.u32());
    body = Buffer.from(words.buffer);
  }
  return body;
}

/** The port is padded, so that the answer has one length whatever port was drawn: two runs then carry the same byte ranges. */
function whoAndWhom(request: IncomingMessage): string {
  const { remoteAddress, remotePort } = request.socket;
  return `{"pod":"${pod}","node":"${node}","client":"${remoteAddress}","port":${String(remotePort).padStart(5)}}\n`;
}

function answer(request: IncomingMessage, response: ServerResponse): void {
  response.sendDate = false; // the same bytes in every run
  const send = (type: string, content: string | Buffer) =>
    response.writeHead(200, { 'content-type': type, 'content-length': Buffer.byteLength(content) }).end(content);
  switch (request.url) {
    case '/':
      return void send('application/json', whoAndWhom(request));
    case '/10MiB':
      return void send('application/octet-stream', tenMebibytes());
    case '/10MiB.sha256':
      return void send('text/plain', `${createHash('sha256').update(tenMebibytes()).digest('hex')}\n`);
    default:
      response.writeHead(404, { 'content-length': 0 }).end();
  }
}

const server = createServer(answer);
server.on('error', error => {
  process.stderr.write(`cannot listen on ${address}:${port}: ${(error as NodeJS.ErrnoException).code}\n`);
  process.exit(1);
});
server.listen(Number(port), address, () => process.stdout.write('ready\n'));
