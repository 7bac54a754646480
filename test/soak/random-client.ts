/**
 * What programs do, at random, until it is ended: short TCP connections (whole, given up, refused, to nobody), UDP of all sizes (echoed, to a
 * closed port, in fragments). Tells at the end how much of it there was; a download with wrong bytes is a failure.
 *
 *     node test/soak/random-client.ts '{"service":"10.96.0.10","pod":"10.244.1.2","nobody":"10.244.1.77","seed":1,"rate":40}'
 */
import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import { SeededRandom } from '../../src/base/random.ts';
import { content } from './content.ts';

export interface RandomClientOrder {
  service: string;
  pod: string;
  /** An address of the pods' network that answers no ARP. */
  nobody: string;
  seed: number;
  /** TCP connections a second; UDP datagrams are four times as many. */
  rate: number;
}
export interface RandomClientResult {
  tcp: { whole: number; aborted: number; refused: number; failed: string[] };
  udp: { sent: number; echoed: number };
}

const TICK_MS = 50;
const MOST_BYTES = 200_000;
const LARGEST_DATAGRAM = 9000;
/** At once: past it the machine is too slow, and fewer are begun. */
const MOST_OPEN = 200;
const PATIENCE_MS = 20_000;
const order = JSON.parse(process.argv[2]!) as RandomClientOrder;
const random = new SeededRandom(order.seed);
const result: RandomClientResult = { tcp: { whole: 0, aborted: 0, refused: 0, failed: [] }, udp: { sent: 0, echoed: 0 } };
let open = 0;

function tcp(): void {
  if (open >= MOST_OPEN) return;
  const kind = random.below(10);
  const [host, port] = kind === 0 ? [order.nobody, 8080] : kind === 1 ? [order.pod, 9999] : [kind < 6 ? order.service : order.pod, 8080];
  const bytes = random.below(MOST_BYTES);
  const abortAt = kind === 2 ? random.below(bytes + 1) : Number.POSITIVE_INFINITY;
  const socket = connect({ host, port });
  open++;
  let at = 0;
  let ending: 'whole' | 'aborted' | 'refused' | string = '';
  socket.setTimeout(PATIENCE_MS, () => socket.destroy(new Error('nothing came')));
  socket.on('connect', () => socket.write(`${bytes} ${random.below(2) * random.below(500)}`));
  socket.on('data', (piece: Buffer) => {
    if (!piece.equals(content(at, at + piece.length))) ending ||= `wrong bytes between ${at} and ${at + piece.length}`;
    at += piece.length;
    if (at >= abortAt) {
      ending ||= 'aborted';
      socket.resetAndDestroy();
    }
  });
  socket.on('error', (error: NodeJS.ErrnoException) => {
    ending ||= kind < 2 ? 'refused' : `${error.code ?? error.message} after ${at} of ${bytes} bytes`;
  });
  socket.on('close', () => {
    open--;
    ending ||= at === bytes ? 'whole' : `${at} of ${bytes} bytes`;
    if (ending === 'whole' || ending === 'aborted' || ending === 'refused') result.tcp[ending]++;
    else result.tcp.failed.push(ending);
  });
}

/** A new source port for each few datagrams: flows come and go. */
function udp(): void {
  const socket = createSocket('udp4');
  const port = random.below(8) === 0 ? 9999 : 5353;
  socket.on('error', () => undefined); // a closed port
  socket.on('message', () => result.udp.echoed++);
  socket.connect(port, random.below(2) === 0 ? order.service : order.pod, () => {
    for (let n = 1 + random.below(7); n > 0; n--) {
      socket.send(Buffer.alloc(random.below(8) === 0 ? random.below(LARGEST_DATAGRAM) : random.below(1400)), () => undefined);
      result.udp.sent++;
    }
    setTimeout(() => socket.close(), 500);
  });
}

let begun = 0;
const startMs = performance.now();
const timer = setInterval(() => {
  const due = ((performance.now() - startMs) * order.rate) / 1000;
  for (; begun < due; begun++) {
    tcp();
    udp();
  }
}, TICK_MS);
process.once('SIGTERM', () => {
  clearInterval(timer);
  const finish = (): void => {
    if (open > 0) setTimeout(finish, TICK_MS);
    else process.stdout.write(`RESULT ${JSON.stringify(result)}\n`, () => process.exit(0));
  };
  finish();
});
