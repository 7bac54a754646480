/** An answer as Go's net/http writes it: the length is told, and nothing of keeping the connection. */
import type { ServerResponse } from 'node:http';

export function sendAnswer(response: ServerResponse, status: number, headers: Readonly<Record<string, string>>, body: string): void {
  response.removeHeader('Connection');
  response.writeHead(status, { ...headers, 'Content-Length': Buffer.byteLength(body) });
  response.end(body);
}
