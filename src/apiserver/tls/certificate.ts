/** X.509 certificates (RFC 5280): an authority of the lab, and what it signs. ECDSA on P-256 with SHA-256; node:crypto does the signing. */
import { createHash, createPublicKey, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { parseIp } from '../../base/ip.ts';
import { bits, explicit, implicit, integer, octets, oid, pem, sequence, set, time, truth, utf8 } from './der.ts';

export interface Certificate {
  /** PEM. */
  readonly certificate: string;
  /** PEM, PKCS #8. */
  readonly key: string;
}

const ECDSA_WITH_SHA256 = sequence(oid('1.2.840.10045.4.3.2'));
const HOUR_MS = 3_600_000;
const YEAR_MS = 365 * 24 * HOUR_MS;
/** Bits of keyUsage, from the left: digitalSignature 0, keyCertSign 5, cRLSign 6 (RFC 5280, section 4.2.1.3). */
const USAGE = { server: bits(Buffer.from([0x80]), 7), authority: bits(Buffer.from([0x86]), 1) } as const;

const name = (commonName: string): Buffer => sequence(set(sequence(oid('2.5.4.3'), utf8(commonName))));
const extension = (id: string, critical: boolean, value: Uint8Array): Buffer =>
  sequence(oid(id), ...(critical ? [truth(true)] : []), octets(value));

/** Hash of the public key: how a certificate names the one that signed it (RFC 5280, section 4.2.1.2, method 1 over the whole key). */
const keyId = (key: KeyObject): Buffer =>
  createHash('sha1')
    .update(createPublicKey(key).export({ type: 'spki', format: 'der' }))
    .digest();

interface Wish {
  readonly commonName: string;
  readonly issuer: { readonly commonName: string; readonly key: KeyObject };
  readonly key: KeyObject;
  readonly extensions: readonly Buffer[];
  readonly nowMs: number;
  readonly lifeMs: number;
}

function issue({ commonName, issuer, key, extensions, nowMs, lifeMs }: Wish): Certificate {
  const body = sequence(
    explicit(0, integer(Buffer.from([2]))),
    // 16 random bytes, positive.
    integer(Buffer.concat([Buffer.from([0x40 | (randomBytes(1)[0]! & 0x3f)]), randomBytes(15)])),
    ECDSA_WITH_SHA256,
    name(issuer.commonName),
    // An hour back: clocks differ.
    sequence(time(nowMs - HOUR_MS), time(nowMs + lifeMs)),
    name(commonName),
    createPublicKey(key).export({ type: 'spki', format: 'der' }),
    explicit(
      3,
      sequence(
        ...extensions,
        extension('2.5.29.14', false, octets(keyId(key))),
        extension('2.5.29.35', false, sequence(implicit(0, keyId(issuer.key)))),
      ),
    ),
  );
  return {
    certificate: pem('CERTIFICATE', sequence(body, ECDSA_WITH_SHA256, bits(sign('sha256', body, issuer.key)))),
    key: key.export({ type: 'pkcs8', format: 'pem' }) as string,
  };
}

export class Authority {
  readonly #commonName: string;
  readonly #key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  /** PEM. */
  readonly certificate: string;

  constructor(commonName: string, nowMs: number) {
    this.#commonName = commonName;
    const itself = { commonName, key: this.#key };
    const extensions = [extension('2.5.29.19', true, sequence(truth(true))), extension('2.5.29.15', true, USAGE.authority)];
    this.certificate = issue({ commonName, issuer: itself, key: this.#key, extensions, nowMs, lifeMs: 10 * YEAR_MS }).certificate;
  }

  /** @param hosts names and addresses by which clients will find the server */
  server(commonName: string, hosts: readonly string[], nowMs: number): Certificate {
    const alternatives = hosts.map(host => {
      const address = parseIp(host);
      if (address === undefined) return implicit(2, Buffer.from(host));
      return implicit(7, Uint8Array.from(address.family === 'IPv4' ? address.bytes.slice(-4) : address.bytes));
    });
    return issue({
      commonName,
      issuer: { commonName: this.#commonName, key: this.#key },
      key: generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
      extensions: [
        extension('2.5.29.19', true, sequence()),
        extension('2.5.29.15', true, USAGE.server),
        // serverAuth
        extension('2.5.29.37', false, sequence(oid('1.3.6.1.5.5.7.3.1'))),
        extension('2.5.29.17', false, sequence(...alternatives)),
      ],
      nowMs,
      lifeMs: YEAR_MS,
    });
  }
}
