/**
 * The server of row d: one answer per connection, then it closes, as `Connection: close` asks. TCP_DEFER_ACCEPT hands a connection over when
 * its request is there, so four calls serve it. A program of its own: `http-server.ts PORT`.
 */
import { check } from '../../os/errno.ts';
import {
  AF_INET,
  accept4,
  bindSocket,
  close,
  IPPROTO_TCP,
  listen,
  MSG_DONTWAIT,
  recvfrom,
  SOCK_STREAM,
  SOL_SOCKET,
  sendto,
} from '../../os/libc.ts';
import { arena } from '../../os/memory.ts';
import { PollSet } from '../../os/poll-set.ts';
import { openSocket, setIntOption } from '../../os/socket.ts';
import { ADDRESS_LEN, internetAddress } from './internet-address.ts';

const SO_REUSEADDR = 2;
const TCP_DEFER_ACCEPT = 9;
const BACKLOG = 4096;
const BODY = 'kubehop\n';

const port = Number(process.argv[2]);
const answer = Buffer.from(
  `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: ${BODY.length}\r\nConnection: close\r\n\r\n${BODY}`,
);
const out = arena(answer.length);
out.bytes.set(answer);
const request = arena(4096);

const server = openSocket(AF_INET, SOCK_STREAM, 0, 'TCP');
setIntOption(server, SOL_SOCKET, SO_REUSEADDR, 1, 'SO_REUSEADDR', `port ${port}`);
setIntOption(server, IPPROTO_TCP, TCP_DEFER_ACCEPT, 1, 'TCP_DEFER_ACCEPT', `port ${port}`);
check(bindSocket(server, internetAddress('0.0.0.0', port).base, ADDRESS_LEN), 'bind', `port ${port}`);
check(listen(server, BACKLOG), 'listen', `port ${port}`);
process.stdout.write('ready\n');

const waiting = new PollSet(1);
waiting.add(server);
for (;;) {
  if (waiting.wait(1000) === 0) continue;
  for (let fd = accept4(server, 0, 0, 0); fd >= 0; fd = accept4(server, 0, 0, 0)) {
    if (recvfrom(fd, request.base, request.bytes.length, MSG_DONTWAIT, 0, 0) > 0) sendto(fd, out.base, out.bytes.length, 0, 0, 0);
    close(fd);
  }
}
