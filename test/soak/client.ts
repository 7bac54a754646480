/**
 * The client under load, in its own namespace: idle connections, one download that goes on the whole time, short ones in between, and a UDP
 * echo a hundred times a second. Says READY when the idle connections stand, begins at the first byte on stdin, and tells at the end.
 */
import { createSocket } from 'node:dgram';
import { connect, type Socket } from 'node:net';
import { content } from './content.ts';

export interface ClientOrder {
  service: string;
  idle: number;
  seconds: number;
  /** Of the long download. */
  bytes: number;
}
export interface ClientResult {
  idleAlive: number;
  long: string;
  short: { whole: number; failed: string[] };
  /** Echoes asked for and lost, by the second in which they were asked for. */
  echo: { asked: number[]; lost: number[]; longestMs: number };
}

const SHORT_BYTES = 256 << 10;
const SHORT_EVERY_MS = 250;
const ECHO_EVERY_MS = 10;
/** An answer that has not come by then is lost. */
const PATIENCE_MS = 5000;
const order = JSON.parse(process.argv[2]!) as ClientOrder;

function opened(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: order.service, port, noDelay: true }, () => resolve(socket));
    socket.once('error', reject);
  });
}

/** One byte there and back. */
function echoes(socket: Socket): Promise<boolean> {
  return new Promise(resolve => {
    const timer = setTimeout(() => resolve(false), PATIENCE_MS);
    const done = (well: boolean) => () => {
      clearTimeout(timer);
      resolve(well);
    };
    socket.once('data', done(true));
    socket.once('error', done(false));
    socket.once('close', done(false));
    socket.write('x');
  });
}

/** @returns '' when every byte came, in its place */
async function download(bytes: number, ms: number): Promise<string> {
  let socket: Socket;
  try {
    socket = await opened(8080);
  } catch (error) {
    return String(error);
  }
  return new Promise(resolve => {
    let at = 0;
    let wrong = '';
    socket.on('data', (piece: Buffer) => {
      if (!piece.equals(content(at, at + piece.length))) wrong ||= `wrong bytes between ${at} and ${at + piece.length}`;
      at += piece.length;
    });
    socket.on('error', error => resolve(String(error)));
    socket.on('close', () => resolve(wrong || (at === bytes ? '' : `${at} of ${bytes} bytes`)));
    socket.setTimeout(ms + 30_000, () => socket.destroy(new Error('nothing came for 30 s')));
    socket.write(`${bytes} ${ms}`);
  });
}

function echo(seconds: number): Promise<ClientResult['echo']> {
  const socket = createSocket('udp4');
  const result = { asked: new Array<number>(seconds).fill(0), lost: new Array<number>(seconds).fill(0), longestMs: 0 };
  const waiting = new Map<number, number>();
  const startMs = performance.now();
  let n = 0;
  socket.on('message', data => {
    const id = Number(data.toString('latin1'));
    const askedMs = waiting.get(id);
    if (askedMs === undefined) return;
    waiting.delete(id);
    result.longestMs = Math.max(result.longestMs, performance.now() - askedMs);
  });
  return new Promise(resolve => {
    const timer = setInterval(() => {
      const now = performance.now();
      const due = Math.min(seconds * 1000, now - startMs);
      for (; n * ECHO_EVERY_MS < due; n++) {
        result.asked[Math.floor((n * ECHO_EVERY_MS) / 1000)]!++;
        waiting.set(n, now);
        socket.send(String(n), 5353, order.service);
      }
      if (now - startMs < seconds * 1000 + 1000) return;
      clearInterval(timer);
      for (const id of waiting.keys()) result.lost[Math.floor((id * ECHO_EVERY_MS) / 1000)]!++;
      socket.close();
      resolve(result);
    }, ECHO_EVERY_MS);
  });
}

async function shorts(seconds: number): Promise<ClientResult['short']> {
  const all: Promise<string>[] = [];
  const end = performance.now() + seconds * 1000;
  while (performance.now() < end) {
    all.push(download(SHORT_BYTES, 0));
    await new Promise(resolve => setTimeout(resolve, SHORT_EVERY_MS));
  }
  const failed = (await Promise.all(all)).filter(Boolean);
  return { whole: all.length - failed.length, failed };
}

const idle: Socket[] = [];
for (let i = 0; i < order.idle; i++) idle.push(await opened(8081));
const stand = await Promise.all(idle.map(echoes));
if (stand.includes(false)) throw new Error('an idle connection does not echo');
process.stdout.write('READY\n');
await new Promise(resolve => process.stdin.once('data', resolve));
const { seconds, bytes } = order;
const [long, short, echoed] = await Promise.all([download(bytes, seconds * 1000), shorts(seconds), echo(seconds)]);
const alive = (await Promise.all(idle.map(echoes))).filter(Boolean).length;
const result: ClientResult = { idleAlive: alive, long, short, echo: echoed };
process.stdout.write(`RESULT ${JSON.stringify(result)}\n`, () => process.exit(0));
