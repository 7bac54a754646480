/**
 * The client of row e: one datagram at a time, a pause, the next. A program of its own: `echo-client.ts ADDRESS PORT COUNT`; prints
 * `{microseconds: [...], lost}`.
 */
import { AF_INET, connectSocket, MSG_DONTWAIT, recvfrom, SOCK_DGRAM, sendto } from '../../os/libc.ts';
import { arena } from '../../os/memory.ts';
import { PollSet } from '../../os/poll-set.ts';
import { openSocket } from '../../os/socket.ts';
import { ADDRESS_LEN, internetAddress } from './internet-address.ts';

const LENGTH = 18; // a frame of 60 bytes
const PAUSE_MS = 0.5;
const ANSWER_MS = 200;
/** The first ones find nothing compiled and no connection. */
const WARM_UP = 200;

const [address, port, count] = process.argv.slice(2);
const fd = openSocket(AF_INET, SOCK_DGRAM, 0, 'UDP');
connectSocket(fd, internetAddress(address!, Number(port)).base, ADDRESS_LEN);
const data = arena(64);
const polls = new PollSet(1);
polls.add(fd);
const still = new Int32Array(new SharedArrayBuffer(4));
const microseconds: number[] = [];
let lost = 0;

for (let i = 0; i < WARM_UP + Number(count); i++) {
  Atomics.wait(still, 0, 0, PAUSE_MS);
  const start = process.hrtime.bigint();
  sendto(fd, data.base, LENGTH, MSG_DONTWAIT, 0, 0);
  polls.wait(ANSWER_MS);
  const n = recvfrom(fd, data.base, 64, MSG_DONTWAIT, 0, 0);
  const elapsed = Number(process.hrtime.bigint() - start) / 1000;
  if (n !== LENGTH) lost++;
  else if (i >= WARM_UP) microseconds.push(Math.round(elapsed * 10) / 10);
}
process.stdout.write(`${JSON.stringify({ microseconds, lost })}\n`);
