/**
 * The socket by which other processes speak to a running router: one JSON line asks; the answer is any number of lines with what the
 * command writes while it runs, then one with how it ended. It stands in a directory of the user's own, mode 0600, so that only he and
 * root get in.
 */
import { chmodSync, mkdirSync, rmSync } from 'node:fs';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type ErrorCode, LabError } from '../base/errors.ts';
import { leavingOut } from './slow-reader.ts';
import { follows, type ToolName, type ToolResult } from './tool.ts';

/** `command` and its words; `input` is what a command would read from stdin. */
export interface ControlRequest {
  command: 'reload' | ToolName | 'counters';
  args: readonly string[];
  input?: string;
}
type Reply = { text: string } | { warning: string } | { ok: true; result: ToolResult } | { ok: false; code: ErrorCode; message: string };

export const controlPath = (directory: string, pid: number): string => join(directory, `router-${pid}.sock`);

/** A line longer than this is nobody's request: a rules text of 10,000 Services has about 16 MiB. */
const MOST_BYTES = 256 << 20;

export interface ControlServer {
  close(): void;
}

/** @param answer `onText` takes what is written meanwhile; `gone` is aborted when the one who asked has gone */
export type Answer = (request: ControlRequest, onText: (text: string) => void, gone: AbortSignal) => Promise<ToolResult>;

export async function serveControl(path: string, answer: Answer): Promise<ControlServer> {
  mkdirSync(join(path, '..'), { recursive: true, mode: 0o700 });
  rmSync(path, { force: true });
  const server: Server = createServer(socket => serve(socket, answer));
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

function serve(socket: Socket, answer: Answer): void {
  const gone = new AbortController();
  let seen = 0;
  socket.on('error', () => socket.destroy());
  socket.on('close', () => gone.abort());
  socket.on('data', (bytes: Buffer) => {
    seen += bytes.length;
    if (seen > MOST_BYTES) socket.destroy();
  });
  const send = (reply: Reply) => `${JSON.stringify(reply)}\n`;
  const lines = createInterface({ input: socket });
  lines.on('error', () => {}); // it repeats the socket's
  lines.once('line', line => {
    const write = (said: Reply) => void (socket.writable && socket.write(send(said)));
    reply(line, answer, socket, write, gone.signal).then(
      last => socket.end(send(last)),
      () => socket.destroy(),
    );
  });
}

async function reply(line: string, answer: Answer, socket: Socket, write: (said: Reply) => void, gone: AbortSignal): Promise<Reply> {
  try {
    const request = JSON.parse(line) as ControlRequest;
    const whole = (text: string): void => write({ text });
    const some = leavingOut(
      () => socket.writableLength,
      whole,
      warning => write({ warning }),
    );
    return { ok: true, result: await answer(request, follows(request.command, request.args) ? some : whole, gone) };
  } catch (error) {
    if (error instanceof LabError) return { ok: false, code: error.code, message: error.message };
    return { ok: false, code: 'BAD_INPUT', message: error instanceof Error ? error.message : String(error) };
  }
}

export interface AskOptions {
  /** What the command writes while it runs. */
  onText?: (text: string) => void;
  onWarning?: (words: string) => void;
  /** Aborted: whoever asked wants no more. The promise is then fulfilled as if the command had ended well. */
  signal?: AbortSignal;
}

/** @throws LabError of the router's answer, or ROUTER_UNKNOWN when none listens at `path` */
export function askControl(path: string, request: ControlRequest, { onText, onWarning, signal }: AskOptions = {}): Promise<ToolResult> {
  const { promise, resolve, reject } = Promise.withResolvers<ToolResult>();
  const socket = createConnection(path);
  socket.on('error', cause => reject(new LabError('ROUTER_UNKNOWN', `no router listens at ${path}`, { cause })));
  socket.on('connect', () => socket.write(`${JSON.stringify(request)}\n`));
  signal?.addEventListener('abort', () => {
    resolve({ stdout: '', stderr: '', status: 0 });
    socket.destroy();
  });
  const lines = createInterface({ input: socket });
  lines.on('error', () => {}); // it repeats the socket's
  lines.on('line', line => {
    const said = JSON.parse(line) as Reply;
    if ('text' in said) onText?.(said.text);
    else if ('warning' in said) onWarning?.(said.warning);
    else if (said.ok) resolve(said.result);
    else reject(new LabError(said.code, said.message));
  });
  socket.on('close', () => reject(new LabError('ROUTER_UNKNOWN', `the router at ${path} ended without an answer`)));
  return promise;
}
