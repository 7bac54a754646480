/**
 * The socket by which other processes speak to a running router: one JSON line asks, one answers. It stands in a directory of the
 * user's own, mode 0600, so that only he and root get in.
 */
import { chmodSync, mkdirSync, rmSync } from 'node:fs';
import { createConnection, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type ErrorCode, LabError } from '../base/errors.ts';

/** `command` and its words; `input` is what a command would read from stdin. */
export interface ControlRequest {
  command: 'reload' | 'iptables-save' | 'iptables-restore' | 'conntrack' | 'counters' | 'sysctl';
  args: readonly string[];
  input?: string;
}
type Reply = { ok: true; text: string } | { ok: false; code: ErrorCode; message: string };

export const controlPath = (directory: string, pid: number): string => join(directory, `router-${pid}.sock`);

/** A line longer than this is nobody's request: a rules text of 10,000 Services has about 16 MiB. */
const MOST_BYTES = 256 << 20;

export interface ControlServer {
  close(): void;
}

export async function serveControl(path: string, answer: (request: ControlRequest) => Promise<string>): Promise<ControlServer> {
  mkdirSync(join(path, '..'), { recursive: true, mode: 0o700 });
  rmSync(path, { force: true });
  const server: Server = createServer(socket => {
    let seen = 0;
    socket.on('error', () => socket.destroy());
    socket.on('data', (bytes: Buffer) => {
      seen += bytes.length;
      if (seen > MOST_BYTES) socket.destroy();
    });
    createInterface({ input: socket }).once('line', line => {
      reply(line, answer).then(
        text => socket.end(`${JSON.stringify(text)}\n`),
        () => socket.destroy(),
      );
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  chmodSync(path, 0o600);
  return {
    close: () => {
      server.close();
      rmSync(path, { force: true });
    },
  };
}

async function reply(line: string, answer: (request: ControlRequest) => Promise<string>): Promise<Reply> {
  try {
    return { ok: true, text: await answer(JSON.parse(line) as ControlRequest) };
  } catch (error) {
    if (error instanceof LabError) return { ok: false, code: error.code, message: error.message };
    return { ok: false, code: 'BAD_INPUT', message: error instanceof Error ? error.message : String(error) };
  }
}

/** @throws LabError of the router's answer, or ROUTER_UNKNOWN when none listens at `path` */
export function askControl(path: string, request: ControlRequest): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const socket = createConnection(path);
  socket.on('error', cause => reject(new LabError('ROUTER_UNKNOWN', `no router listens at ${path}`, { cause })));
  socket.on('connect', () => socket.write(`${JSON.stringify(request)}\n`));
  let got = '';
  socket.setEncoding('utf8');
  socket.on('data', text => {
    got += text;
  });
  socket.on('close', () => {
    if (got === '') {
      reject(new LabError('ROUTER_UNKNOWN', `the router at ${path} ended without an answer`));
      return;
    }
    const answer = JSON.parse(got) as Reply;
    if (answer.ok) resolve(answer.text);
    else reject(new LabError(answer.code, answer.message));
  });
  return promise;
}
