/**
 * Port forwarding as kubectl asks for it since 1.31: SPDY inside the messages of a WebSocket. For each connection the client opens two streams, one
 * for data and one for what goes wrong, with the same `requestid`.
 */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { SpdySession, type SpdyStream } from './spdy.ts';
import { handshake, WebSocket } from './web-socket.ts';

const PROTOCOL = 'SPDY/3.1+portforward.k8s.io';

/** @param connect to a port of the Pod */
export function servePortForward(connect: (port: number) => Promise<Duplex>, request: IncomingMessage, socket: Duplex, head: Buffer): void {
  socket.write(handshake(request, [PROTOCOL]).answer);
  /** Streams for errors, until their data stream comes. */
  const waiting = new Map<string, SpdyStream>();
  const session = new SpdySession({ send: bytes => web.send(bytes), close: () => web.close() }, stream => {
    const id = stream.headers.get('requestid') ?? '';
    if (stream.headers.get('streamtype') === 'error') {
      stream.resume();
      waiting.set(id, stream);
      stream.on('close', () => waiting.delete(id));
      return;
    }
    const errors = waiting.get(id);
    waiting.delete(id);
    void forward(connect, stream, errors);
  });
  const web: WebSocket = new WebSocket(socket, head, { message: data => session.receive(data), closed: () => session.close() });
  web.onDrain(() => session.drained());
}

async function forward(connect: (port: number) => Promise<Duplex>, data: SpdyStream, errors: SpdyStream | undefined): Promise<void> {
  const port = Number(data.headers.get('port'));
  try {
    if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new Error(`${String(data.headers.get('port'))} is no port`);
    const inside = await connect(port);
    const end = (): void => {
      errors?.end();
      inside.destroy();
      data.destroy();
    };
    inside.on('error', () => data.end());
    data.on('close', end);
    inside.on('close', () => {
      errors?.end();
      if (!data.writableEnded) data.end();
    });
    data.pipe(inside);
    inside.pipe(data);
  } catch (error) {
    errors?.end(`error forwarding port ${port} to the pod: ${(error as Error).message}`);
    data.end();
  }
}
