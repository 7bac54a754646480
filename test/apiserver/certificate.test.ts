import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { writeKubeconfig } from '../../src/apiserver/kubeconfig.ts';
import { Authority } from '../../src/apiserver/tls/certificate.ts';
import { TokenCheck } from '../../src/apiserver/token.ts';

const now = Date.now();
const authority = new Authority('kubehop lab', now);
const server = authority.server('kube-apiserver', ['localhost', 'kubernetes.default.svc', '127.0.0.1', '10.96.0.1', '::1'], now);

test('a certificate is for its hosts, and is signed by the authority of the lab alone', () => {
  const [ca, leaf] = [new X509Certificate(authority.certificate), new X509Certificate(server.certificate)];
  expect(leaf.subjectAltName).toBe(
    'DNS:localhost, DNS:kubernetes.default.svc, IP Address:127.0.0.1, IP Address:10.96.0.1, IP Address:0:0:0:0:0:0:0:1',
  );
  expect(leaf.checkHost('localhost')).toBe('localhost');
  expect(leaf.checkIP('10.96.0.1')).toBe('10.96.0.1');
  expect(leaf.checkIP('10.96.0.2')).toBeUndefined();
  expect([ca.ca, leaf.ca]).toEqual([true, false]);
  expect(leaf.checkIssued(ca)).toBe(true);
  expect(leaf.verify(ca.publicKey)).toBe(true);
  expect(leaf.verify(new X509Certificate(new Authority('other', now).certificate).publicKey)).toBe(false);
  expect(Date.parse(leaf.validTo) - now).toBeGreaterThan(300 * 24 * 3_600_000);
});

test('openssl takes the chain, strictly', () => {
  const folder = mkdtempSync(join(tmpdir(), 'kubehop-tls-'));
  try {
    writeFileSync(join(folder, 'ca.pem'), authority.certificate);
    writeFileSync(join(folder, 'leaf.pem'), server.certificate);
    const said = execFileSync(
      'openssl',
      ['verify', '-x509_strict', '-purpose', 'sslserver', '-verify_hostname', 'localhost', '-CAfile', 'ca.pem', 'leaf.pem'],
      { cwd: folder },
    );
    expect(said.toString()).toBe('leaf.pem: OK\n');
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('the kubeconfig is for its owner alone, also when one was there that was not', () => {
  const folder = mkdtempSync(join(tmpdir(), 'kubehop-kubeconfig-'));
  try {
    const path = join(folder, 'config');
    writeFileSync(path, 'old', { mode: 0o644 });
    writeKubeconfig(path, { name: 'lab', server: 'https://127.0.0.1:6443', ca: authority.certificate, token: 'sesame' });
    expect(statSync(path).mode & 0o777).toBe(0o600);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test.each([undefined, '', 'Bearer', 'Bearer ', 'Bearer sesam', 'Bearer sesame2', 'Basic sesame', 'sesame'])(
  'nobody gets in with %j',
  header => {
    expect(() => new TokenCheck('sesame').require(header)).toThrow('Unauthorized');
  },
);
test('who has the token gets in', () => expect(() => new TokenCheck('sesame').require('Bearer sesame')).not.toThrow());
