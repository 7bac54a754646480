/**
 * The thread of `netns-sockets.ts`. A socket belongs to the namespace in which its thread was when it was made. `connect` to an address makes it in the
 * next tick, so the thread goes there, and comes back one tick later. Nothing else runs in this thread that would make a socket meanwhile.
 */
import * as http from 'node:http';
import { connect, type Socket } from 'node:net';
import { connect as tls } from 'node:tls';
import { parentPort } from 'node:worker_threads';
import { enterNetns, openNetns, THREAD_NETNS } from '../../os/netns.ts';
import { portStream, type SocketAnswer, type SocketRequest, type Target } from './netns-sockets.ts';

const home = openNetns(THREAD_NETNS);

/** @throws LabError NETNS_EPERM when the namespace is gone */
function connectFrom({ netns, address, port }: Target): Socket {
  enterNetns(netns);
  try {
    return connect({ host: address, port, autoSelectFamily: false });
  } finally {
    process.nextTick(() => enterNetns(home));
  }
}

parentPort!.on('message', (request: SocketRequest) => {
  const answer = (amiss?: string): void =>
    parentPort!.postMessage({ id: request.id, ...(amiss === undefined ? {} : { amiss }) } satisfies SocketAnswer);
  try {
    serve(request, answer);
  } catch (error) {
    answer((error as Error).message);
  }
});

function serve(request: SocketRequest, answer: (amiss?: string) => void): void {
  switch (request.kind) {
    case 'tcp':
      checkTcp(request, answer);
      break;
    case 'http':
      checkHttp(request, answer);
      break;
    case 'open': {
      const socket = connectFrom(request);
      socket.once('error', error => answer(dialText(request, error)));
      socket.once('connect', () => {
        const stream = portStream(request.stream);
        stream.on('error', () => socket.destroy());
        socket.on('error', () => stream.destroy());
        socket.on('close', () => stream.push(null));
        socket.pipe(stream).pipe(socket);
        answer();
      });
    }
  }
}

/** In Go's words, as a kubelet's Events have them. */
const dialText = ({ address, port }: Target, error: NodeJS.ErrnoException): string => {
  const known: Record<string, string> = {
    ECONNREFUSED: 'connect: connection refused',
    EHOSTUNREACH: 'connect: no route to host',
    ENETUNREACH: 'connect: network is unreachable',
    ETIMEDOUT: 'i/o timeout',
  };
  return `dial tcp ${address}:${port}: ${known[error.code ?? ''] ?? error.message}`;
};

function checkTcp(request: Extract<SocketRequest, { kind: 'tcp' }>, answer: (amiss?: string) => void): void {
  const socket = connectFrom(request);
  const end = (amiss?: string): void => {
    clearTimeout(timer);
    socket.destroy();
    answer(amiss);
  };
  const timer = setTimeout(() => end(`dial tcp ${request.address}:${request.port}: i/o timeout`), request.timeoutMs);
  socket.once('connect', () => end());
  socket.once('error', error => end(dialText(request, error)));
}

function checkHttp(request: Extract<SocketRequest, { kind: 'http' }>, answer: (amiss?: string) => void): void {
  const { address, port, path, headers, timeoutMs } = request;
  const scheme = request.https ? 'https' : 'http';
  const what = `Get "${scheme}://${address}:${port}${path.startsWith('/') ? path : `/${path}`}"`;
  const asked = http.request({
    host: address,
    port,
    path: path.startsWith('/') ? path : `/${path}`,
    headers: { 'User-Agent': 'kube-probe/1.34', Accept: '*/*', Connection: 'close', ...headers },
    createConnection: () => {
      const socket = connectFrom(request);
      return request.https ? tls({ socket, rejectUnauthorized: false }) : socket;
    },
  });
  let ended = false;
  const end = (amiss?: string): void => {
    if (ended) return;
    ended = true;
    clearTimeout(timer);
    asked.destroy();
    answer(amiss);
  };
  const timer = setTimeout(() => end(`${what}: context deadline exceeded (Client.Timeout exceeded while awaiting headers)`), timeoutMs);
  asked.once('response', ({ statusCode = 0 }) =>
    end(statusCode >= 200 && statusCode < 400 ? undefined : `HTTP probe failed with statuscode: ${statusCode}`),
  );
  asked.on('error', (error: NodeJS.ErrnoException) => end(`${what}: ${error.code === 'ECONNRESET' ? 'EOF' : dialText(request, error)}`));
  asked.end();
}
