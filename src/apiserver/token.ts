/** The bearer token of a lab: who has it may do everything, who has it not may do nothing. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { ApiError } from '../cluster/store/status.ts';

export const newToken = (): string => randomBytes(32).toString('base64url');

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

export class TokenCheck {
  readonly #expected: Buffer;
  constructor(token: string) {
    this.#expected = digest(token);
  }
  /**
   * Takes the same time for every token.
   *
   * @param authorization the header
   * @throws ApiError Unauthorized
   */
  require(authorization: string | undefined): void {
    const given = /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1] ?? '';
    if (!timingSafeEqual(digest(given), this.#expected)) throw new ApiError('Unauthorized', 'Unauthorized');
  }
}
