/** Answers as they go out: JSON or YAML, warnings, and errors as Status. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { stringify } from 'yaml';
import { ApiError, type Status } from '../cluster/store/status.ts';
import { type Accepted, contentType } from './accept.ts';

const plain: Accepted = { mediaType: 'application/json', as: '', group: '', version: '' };

/** @param text JSON */
export function sendText(
  response: ServerResponse,
  code: number,
  text: string,
  form: Accepted = plain,
  warnings: readonly string[] = [],
): void {
  const body = Buffer.from(form.mediaType === 'application/yaml' ? stringify(JSON.parse(text)) : text);
  if (warnings.length > 0) response.setHeader('Warning', [...new Set(warnings)].map(warningHeader));
  response.writeHead(code, { 'Content-Type': contentType(form), 'Content-Length': body.length, 'Cache-Control': 'no-cache, private' });
  response.end(body);
}

/** RFC 7234, section 5.5, with code 299. Nothing in it may end the header. */
const warningHeader = (text: string): string =>
  `299 - "${text
    .slice(0, 256)
    .replace(/[^\x20-\x7e]/g, '?')
    .replace(/[\\"]/g, '\\$&')}"`;

export const sendStatus = (response: ServerResponse, status: Status): void =>
  sendText(response, status.code, `${JSON.stringify(status)}\n`);

/** @param report told of what was no error of the API */
export function sendError(request: IncomingMessage, response: ServerResponse, error: unknown, report: (error: unknown) => void): void {
  if (!(error instanceof ApiError)) report(error);
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  const known =
    error instanceof ApiError
      ? error
      : new ApiError('InternalError', `Internal error occurred: ${error instanceof Error ? error.message : String(error)}`);
  // What is left of a body that nobody reads is not waited for.
  if (!request.complete) response.setHeader('Connection', 'close');
  if (known.reason === 'Unauthorized') response.setHeader('WWW-Authenticate', 'Bearer');
  const retry = known.status.details?.retryAfterSeconds;
  if (retry !== undefined) response.setHeader('Retry-After', String(retry));
  sendStatus(response, known.status);
}
