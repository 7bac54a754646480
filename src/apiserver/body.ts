/** The body of a request: bounded, and JSON or YAML. */
import type { IncomingMessage } from 'node:http';
import { parse } from 'yaml';
import type { Definition } from '../cluster/schema/schema.ts';
import { ApiError, badRequest } from '../cluster/store/status.ts';
import { decodeProtobuf, PROTOBUF } from './protobuf/decode.ts';

/** As the real API server has it. */
export const MOST_BODY_BYTES = 3 * 1024 * 1024;

/** @throws ApiError RequestEntityTooLarge */
export function readBody(request: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    const tooLarge = (): ApiError => new ApiError('RequestEntityTooLarge', `Request entity too large: limit is ${MOST_BODY_BYTES}`);
    if (Number(request.headers['content-length'] ?? 0) > MOST_BODY_BYTES) return reject(tooLarge());
    request.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length > MOST_BODY_BYTES) {
        request.pause();
        reject(tooLarge());
      } else chunks.push(chunk);
    });
    request.on('end', () => resolve(Buffer.concat(chunks)));
    const ended = (): void => reject(badRequest('the request ended before its body did'));
    request.on('error', ended);
    request.on('close', ended);
    return undefined;
  });
}

const YAML = new Set(['application/yaml', 'application/x-yaml', 'text/yaml', 'application/apply-patch+yaml', 'application/apply-patch']);

export const mediaType = (request: IncomingMessage): string => (request.headers['content-type'] ?? '').split(';')[0]!.trim().toLowerCase();

/**
 * @param type        `application/json`; empty counts as JSON
 * @param definitions of what may come as protobuf
 */
export function parseBody(bytes: Buffer, type: string, definitions: readonly Definition[]): unknown {
  if (type === PROTOBUF) return bytes.length === 0 ? undefined : decodeProtobuf(bytes, definitions);
  const text = bytes.toString('utf8');
  if (text.trim() === '') return undefined;
  if (!YAML.has(type) && type !== '' && type !== 'application/json' && !type.endsWith('+json'))
    throw new ApiError(
      'UnsupportedMediaType',
      `the body of the request was in an unknown format - accepted media types include: application/json, application/yaml, application/vnd.kubernetes.protobuf`,
    );
  try {
    // Most YAML that is sent is JSON.
    if (!YAML.has(type) || text.trimStart().startsWith('{')) return JSON.parse(text) as unknown;
  } catch (error) {
    if (!YAML.has(type)) throw badRequest(`invalid character in JSON: ${(error as Error).message}`);
  }
  try {
    return parse(text, { maxAliasCount: 100 }) as unknown;
  } catch (error) {
    throw badRequest(`error converting YAML to JSON: ${(error as Error).message.split('\n')[0]}`);
  }
}

/** An object, and nothing else. */
export function asObject(value: unknown): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw badRequest('the body of the request must be an object');
}
