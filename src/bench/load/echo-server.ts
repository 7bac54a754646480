/** The server of row e: each datagram goes back to where it came from. A program of its own: `echo-server.ts PORT`. */
import { check } from '../../os/errno.ts';
import { AF_INET, bindSocket, MSG_DONTWAIT, recvfrom, SOCK_DGRAM, sendto } from '../../os/libc.ts';
import { arena } from '../../os/memory.ts';
import { PollSet } from '../../os/poll-set.ts';
import { openSocket } from '../../os/socket.ts';
import { ADDRESS_LEN, internetAddress } from './internet-address.ts';

const port = Number(process.argv[2]);
const fd = openSocket(AF_INET, SOCK_DGRAM, 0, 'UDP');
check(bindSocket(fd, internetAddress('0.0.0.0', port).base, ADDRESS_LEN), 'bind', `port ${port}`);
const data = arena(2048);
const from = arena(ADDRESS_LEN + 8); // and socklen_t
const length = new Uint32Array(from.bytes.buffer, ADDRESS_LEN, 1);
process.stdout.write('ready\n');

const polls = new PollSet(1);
polls.add(fd);
for (;;) {
  polls.wait(1000);
  for (;;) {
    length[0] = ADDRESS_LEN;
    const n = recvfrom(fd, data.base, data.bytes.length, MSG_DONTWAIT, from.base, from.base + ADDRESS_LEN);
    if (n < 0) break;
    sendto(fd, data.base, n, MSG_DONTWAIT, from.base, ADDRESS_LEN);
  }
}
