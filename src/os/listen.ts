/** A TCP socket that listens, made by one call that does not wait: so it is made in the namespace that this thread is in now (tcp(7), ip(7)). */
import { parseIpv4 } from '../base/address.ts';
import { check } from './errno.ts';
import { AF_INET, bindSocket, close, listen, SO_REUSEADDR, SOCK_STREAM, SOL_SOCKET } from './libc.ts';
import { arena } from './memory.ts';
import { openSocket, setIntOption } from './socket.ts';

const BACKLOG = 511;
/** struct sockaddr_in: family 0 (machine's order), port 2 and address 4 (network order), eight bytes of nothing. */
const SOCKADDR_IN = 16;

/**
 * @param address `0.0.0.0` for all of the namespace
 * @returns the descriptor: whoever takes it closes it
 * @throws LabError OS, with EADDRINUSE when the port is taken
 */
export function listenTcp(address: string, port: number): number {
  const object = `${address}:${port}`;
  const fd = openSocket(AF_INET, SOCK_STREAM, 0, `TCP for ${object}`);
  try {
    setIntOption(fd, SOL_SOCKET, SO_REUSEADDR, 1, 'SO_REUSEADDR', object);
    const to = arena(SOCKADDR_IN);
    const view = new DataView(to.bytes.buffer);
    view.setUint16(0, AF_INET, true);
    view.setUint16(2, port);
    view.setInt32(4, parseIpv4(address));
    check(bindSocket(fd, to.base, SOCKADDR_IN), 'bind', object);
    check(listen(fd, BACKLOG), 'listen', object);
    return fd;
  } catch (error) {
    close(fd);
    throw error;
  }
}
