/**
 * The pod under load: TCP 8080 gives what it is asked for (a line `BYTES MILLISECONDS`: so many bytes over so long), TCP 8081 gives back
 * what it gets, and so does UDP 5353. Every download has the same bytes, those of `content`.
 */
import { createSocket } from 'node:dgram';
import { createServer, type Socket } from 'node:net';
import { content } from './content.ts';

const PIECE_MS = 20;

function serve(socket: Socket): void {
  socket.on('error', () => socket.destroy());
  socket.once('data', order => {
    const [bytes, ms] = order.toString('latin1').split(' ').map(Number);
    const startMs = performance.now();
    let at = 0;
    const more = (): void => {
      const due = ms === 0 ? bytes! : Math.min(bytes!, Math.ceil((bytes! * (performance.now() - startMs + PIECE_MS)) / ms!));
      if (due > at) socket.write(content(at, due));
      at = due;
      if (at >= bytes!) socket.end();
      else setTimeout(more, PIECE_MS);
    };
    more();
  });
}

const udp = createSocket('udp4', (data, from) => udp.send(data, from.port, from.address));
udp.bind(5353);
createServer(serve).listen(8080, '0.0.0.0', 4096);
createServer(socket => {
  socket.on('error', () => socket.destroy());
  socket.pipe(socket);
}).listen(8081, '0.0.0.0', 4096, () => process.stdout.write('READY\n'));
