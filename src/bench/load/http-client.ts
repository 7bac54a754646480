/**
 * The client of row d: so many connections at a time, one request on each, a new connection for the next. A program of its own:
 * `http-client.ts ADDRESS PORT CONNECTIONS MILLISECONDS`; prints `{requests, failed, milliseconds}`.
 */
import { EAGAIN, EINPROGRESS } from '../../os/errno.ts';
import { AF_INET, close, connectSocket, lastErrno, MSG_DONTWAIT, POLLIN, POLLOUT, recvfrom, SOCK_STREAM, sendto } from '../../os/libc.ts';
import { arena } from '../../os/memory.ts';
import { PollSet } from '../../os/poll-set.ts';
import { openSocket } from '../../os/socket.ts';
import { ADDRESS_LEN, internetAddress } from './internet-address.ts';

const State = { Connecting: 0, Asked: 1 } as const;

const [address, portText, connectionsText, millisecondsText] = process.argv.slice(2);
const target = internetAddress(address!, Number(portText));
const connections = Number(connectionsText);
const milliseconds = Number(millisecondsText);
const asked = Buffer.from(`GET / HTTP/1.1\r\nHost: ${address}\r\nConnection: close\r\n\r\n`);
const request = arena(asked.length);
request.bytes.set(asked);
const answer = arena(4096);

const polls = new PollSet(connections);
const fds = new Int32Array(connections);
const states = new Uint8Array(connections);
const got = new Uint8Array(connections);
let requests = 0;
let failed = 0;

function connect(i: number): void {
  const fd = openSocket(AF_INET, SOCK_STREAM, 0, 'TCP');
  if (connectSocket(fd, target.base, ADDRESS_LEN) < 0 && lastErrno() !== EINPROGRESS) failed++;
  fds[i] = fd;
  states[i] = State.Connecting;
  got[i] = 0;
}

function end(i: number, well: boolean): void {
  if (well) requests++;
  else failed++;
  close(fds[i]!);
  connect(i);
  polls.put(i, fds[i]!, POLLOUT);
}

/** The answer comes in one piece, and then the end of the connection: counted when both are there. */
function step(i: number): void {
  if (states[i] === State.Connecting) {
    if (sendto(fds[i]!, request.base, request.bytes.length, MSG_DONTWAIT, 0, 0) === request.bytes.length) {
      states[i] = State.Asked;
      polls.put(i, fds[i]!, POLLIN);
    } else end(i, false);
    return;
  }
  let n = recvfrom(fds[i]!, answer.base, answer.bytes.length, MSG_DONTWAIT, 0, 0);
  if (n > 0) {
    got[i] = 1;
    n = recvfrom(fds[i]!, answer.base, answer.bytes.length, MSG_DONTWAIT, 0, 0);
  }
  if (n === 0) end(i, got[i] === 1);
  else if (n < 0 && lastErrno() !== EAGAIN) end(i, false);
}

for (let i = 0; i < connections; i++) {
  connect(i);
  polls.add(fds[i]!, POLLOUT);
}
const start = performance.now();
while (performance.now() - start < milliseconds) {
  polls.wait(100);
  for (let i = 0; i < connections; i++) if (polls.ready(i) || (polls.revents(i) & POLLOUT) !== 0) step(i);
}
process.stdout.write(`${JSON.stringify({ requests, failed, milliseconds: performance.now() - start })}\n`);
process.exit(0);
